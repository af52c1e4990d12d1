#include "model/kernel/mutex.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>
#include <vector>

namespace noiommu {
namespace {

TEST(Mutex, LetsOneThreadInAtATime) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 2000;
  Mutex mutex;
  int plain = 0;  // a race if two are in
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&] {
        for (int round = 0; round < kRounds; ++round) {
          const std::lock_guard lock(mutex);
          ++plain;
          if (round % 64 == 0) std::this_thread::yield();  // so that others have to wait
        }
      });
    }
  }
  EXPECT_EQ(plain, kThreads * kRounds);
}

TEST(Mutex, WakesEveryoneWhoSleeps) {
  Mutex mutex;
  std::atomic<int> through = 0;
  std::vector<std::jthread> threads;
  {
    const std::lock_guard lock(mutex);
    for (int i = 0; i < 3; ++i) {
      threads.emplace_back([&] {
        const std::lock_guard mine(mutex);
        ++through;
      });
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    EXPECT_EQ(through, 0);
  }
  threads.clear();
  EXPECT_EQ(through, 3);
}

}  // namespace
}  // namespace noiommu
