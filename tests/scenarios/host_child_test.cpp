// A process for one piece of work: how it may end, and what it shares with its parent.
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <stdexcept>

#include "scenarios/backends/host/child.h"

namespace noiommu::scenarios::host {
namespace {

using testing::ElementsAre;
using How = ChildEnd::How;
using namespace std::chrono_literals;

// Far more than any test needs: none waits for it, except where it says so.
constexpr auto kLong = 60s;

size_t open_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<size_t>(std::distance(begin(all), end(all)));
}

TEST(HostChild, MessagesArriveInOrder) {
  const std::string large(100'000, 'x');
  const ChildEnd end = run_in_child(
      [&](const Send& send) {
        send("one");
        send("");
        send(large);
      },
      kLong);
  EXPECT_EQ(end.how, How::kDone);
  EXPECT_THAT(end.messages, ElementsAre("one", "", large));
}

TEST(HostChild, ASignalIsNamed) {
  const ChildEnd end = run_in_child(
      [](const Send& send) {
        send("before");
        ::signal(SIGABRT, SIG_DFL);
        raise(SIGABRT);
      },
      kLong);
  EXPECT_EQ(end.how, How::kSignal);
  EXPECT_EQ(describe(end, kLong), "killed by SIGABRT (Aborted)");
  EXPECT_THAT(end.messages, ElementsAre("before"));
}

TEST(HostChild, AnEarlyExitIsNoEnd) {
  const ChildEnd left = run_in_child([](const Send&) { _exit(7); }, kLong);
  EXPECT_EQ(describe(left, kLong), "the process ended early with status 7");
  const ChildEnd thrown =
      run_in_child([](const Send&) { throw std::runtime_error("lost"); }, kLong);
  EXPECT_EQ(thrown.how, How::kExit);
  EXPECT_EQ(thrown.code, 1);
}

TEST(HostChild, AfterTheTimeLimitItIsKilled) {
  const ChildEnd end = run_in_child(
      [](const Send& send) {
        send("asleep");
        while (true) pause();
      },
      50ms);
  EXPECT_EQ(end.how, How::kTimeLimit);
  EXPECT_EQ(describe(end, 50ms), "no end within 0.05 s");
}

TEST(HostChild, EveryDescriptorFromThreeOnIsFree) {
  const int noise = open("/dev/null", O_RDWR);
  const ChildEnd end = run_in_child(
      [](const Send& send) {
        const int first = dup(0);
        const int second = open("/dev/null", O_RDONLY);
        send(fmt::format("{} {}", first, second));
      },
      kLong);
  close(noise);
  EXPECT_THAT(end.messages, ElementsAre("3 4"));
}

TEST(HostChild, NothingItOpensOrPrintsReachesTheParent) {
  const size_t before = open_descriptors();
  testing::internal::CaptureStdout();
  const ChildEnd end = run_in_child(
      [](const Send&) {
        open("/dev/null", O_RDWR);
        std::puts("noise");
        std::fflush(stdout);
        static_cast<void>(write(1, "noise", 5));
      },
      kLong);
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
  EXPECT_EQ(end.how, How::kDone);
  EXPECT_EQ(open_descriptors(), before);
}

}  // namespace
}  // namespace noiommu::scenarios::host
