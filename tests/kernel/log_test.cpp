#include "model/kernel/log.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "tests/kernel/flat_memory.h"
#include "tests/support/result.h"

namespace noiommu {
namespace {

TEST(Log, KeepsLinesInOrderWithTheirLevel) {
  Log log;
  log.add(LogLevel::kWarn, "first");
  log.add(LogLevel::kInfo, "second");
  ASSERT_EQ(log.lines().size(), 2U);
  EXPECT_EQ(log.lines()[0].text, "first");
  EXPECT_EQ(log.lines()[0].level, LogLevel::kWarn);
  EXPECT_EQ(log.lines()[1].text, "second");
  EXPECT_EQ(log.lines()[1].level, LogLevel::kInfo);
}

TEST(Log, TaintFlagsAddUp) {
  Log log;
  EXPECT_EQ(log.taint(), 0U);
  log.taint(Log::kTaintUser);
  log.taint(1);
  log.taint(Log::kTaintUser);
  EXPECT_EQ(log.taint(), 65U);
}

TEST(Log, TaintShowsInProc) {
  tests::OneProcess bench;
  const int fd = *bench.process->open("/proc/sys/kernel/tainted", O_RDONLY);
  EXPECT_EQ(bench.process->pread(fd, tests::OneProcess::kBuffer, 100, 0), 2U);
  EXPECT_EQ(bench.get(2), "0\n");
  bench.kernel.log().taint(Log::kTaintUser);
  EXPECT_EQ(bench.process->pread(fd, tests::OneProcess::kBuffer, 100, 0), 3U);
  EXPECT_EQ(bench.get(3), "64\n");
}

TEST(Log, ThreadsLoseNoLine) {
  constexpr int kThreads = 4;
  constexpr int kLines = 500;
  Log log;
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&log, i] {
      for (int line = 0; line < kLines; ++line) log.add(LogLevel::kInfo, "line");
      log.taint(uint64_t{1} << i);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(log.lines().size(), size_t{kThreads} * kLines);
  EXPECT_EQ(log.taint(), 0b1111U);
}

}  // namespace
}  // namespace noiommu
