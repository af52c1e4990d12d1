#include "model/kernel/clock.h"

#include <gmock/gmock.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

namespace noiommu {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;

// Notes when work ran, in milliseconds of device time.
class ClockTest : public testing::Test {
 protected:
  Clock::Work note() {
    return [this] { ran_at_.push_back(clock_.now() / milliseconds(1)); };
  }
  Clock::Work note(int label) {
    return [this, label] { ran_at_.push_back(label); };
  }

  Clock clock_;
  std::vector<int64_t> ran_at_;
};

TEST_F(ClockTest, TimeMovesOnlyByAdvance) {
  EXPECT_EQ(clock_.now(), milliseconds(0));
  clock_.advance(milliseconds(60));
  EXPECT_EQ(clock_.now(), milliseconds(60));
}

TEST_F(ClockTest, WorkRunsAtItsDueTimeAndOnce) {
  clock_.schedule(milliseconds(100), note());
  clock_.advance(milliseconds(99));
  EXPECT_THAT(ran_at_, ElementsAre());
  clock_.advance(milliseconds(50));
  EXPECT_THAT(ran_at_, ElementsAre(100));
  EXPECT_EQ(clock_.now(), milliseconds(149));
  clock_.advance(milliseconds(500));
  EXPECT_THAT(ran_at_, ElementsAre(100));
}

TEST_F(ClockTest, WorkRunsInOrderOfTimeThenOfScheduling) {
  clock_.schedule(milliseconds(30), note(3));
  clock_.schedule(milliseconds(10), note(1));
  clock_.schedule(milliseconds(30), note(4));
  clock_.schedule(milliseconds(20), note(2));
  clock_.advance(milliseconds(30));
  EXPECT_THAT(ran_at_, ElementsAre(1, 2, 3, 4));
}

TEST_F(ClockTest, WorkMaySchedule) {
  clock_.schedule(milliseconds(10), [this] {
    clock_.schedule(clock_.now() + milliseconds(10), note());
    clock_.schedule(clock_.now() + milliseconds(100), note());
  });
  clock_.advance(milliseconds(50));
  EXPECT_THAT(ran_at_, ElementsAre(20));
  clock_.advance(milliseconds(60));
  EXPECT_THAT(ran_at_, ElementsAre(20, 110));
}

TEST_F(ClockTest, OverdueWorkRunsInTheNextAdvanceAndTimeDoesNotGoBack) {
  clock_.advance(milliseconds(40));
  clock_.schedule(milliseconds(10), note());
  EXPECT_THAT(ran_at_, ElementsAre());
  clock_.advance(milliseconds(0));
  EXPECT_THAT(ran_at_, ElementsAre(40));
}

TEST_F(ClockTest, CancelledWorkDoesNotRun) {
  const Clock::TimerId id = clock_.schedule(milliseconds(10), note());
  EXPECT_TRUE(clock_.cancel(id));
  EXPECT_FALSE(clock_.cancel(id));
  clock_.advance(milliseconds(20));
  EXPECT_THAT(ran_at_, ElementsAre());
}

TEST_F(ClockTest, WorkMayCancelOtherWork) {
  const Clock::TimerId victim = clock_.schedule(milliseconds(20), note());
  clock_.schedule(milliseconds(10), [this, victim] { EXPECT_TRUE(clock_.cancel(victim)); });
  clock_.advance(milliseconds(30));
  EXPECT_THAT(ran_at_, ElementsAre());
}

TEST_F(ClockTest, WorkThatRanCannotBeCancelled) {
  const Clock::TimerId id = clock_.schedule(milliseconds(10), note());
  clock_.advance(milliseconds(10));
  EXPECT_FALSE(clock_.cancel(id));
}

TEST_F(ClockTest, WorkIsReleasedWhenItHasRun) {
  auto held = std::make_shared<int>(0);
  clock_.schedule(milliseconds(1), [held] {});
  EXPECT_EQ(held.use_count(), 2);
  clock_.advance(milliseconds(1));
  EXPECT_EQ(held.use_count(), 1);
}

TEST_F(ClockTest, TimeEnds) {
  clock_.advance(Clock::Time::max());
  EXPECT_EQ(clock_.now(), Clock::kEnd);
  clock_.advance(Clock::Time::max());
  EXPECT_EQ(clock_.now(), Clock::kEnd);
}

TEST_F(ClockTest, ThreadsMayScheduleAndAdvanceAtOnce) {
  constexpr int kThreads = 4;
  constexpr int kTimers = 250;
  std::atomic<int> runs = 0;
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([this, &runs] {
      for (int n = 0; n < kTimers; ++n) {
        clock_.schedule(clock_.now() + milliseconds(5), [&runs] { ++runs; });
        clock_.advance(milliseconds(1));
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(clock_.now(), milliseconds(kThreads * kTimers));
  clock_.advance(milliseconds(5));
  EXPECT_EQ(runs, kThreads * kTimers);
}

}  // namespace
}  // namespace noiommu
