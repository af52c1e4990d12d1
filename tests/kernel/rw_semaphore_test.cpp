// Readers together, writers alone, and neither kept waiting for good.
#include "model/kernel/rw_semaphore.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace noiommu {
namespace {

constexpr int kThreads = 20;  // more than there are lines, so that some share one
constexpr int kRounds = 500;

template <class T>
class RwSemaphores : public testing::Test {};
using Both = testing::Types<RwSemaphore, PercpuRwSemaphore>;
TYPED_TEST_SUITE(RwSemaphores, Both);

TYPED_TEST(RwSemaphores, AWriterIsAlone) {
  TypeParam semaphore;
  int plain = 0;  // a race if anybody is there at the same time
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&, i] {
        for (int round = 0; round < kRounds; ++round) {
          if ((i + round) % 4 == 0) {
            const std::unique_lock lock(semaphore);
            ++plain;
          } else {
            const std::shared_lock lock(semaphore);
            EXPECT_GE(plain, 0);
          }
        }
      });
    }
  }
  EXPECT_EQ(plain, kThreads * kRounds / 4);
}

TYPED_TEST(RwSemaphores, ReadersAreThereTogether) {
  TypeParam semaphore;
  std::atomic<int> inside = 0;
  std::vector<std::jthread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      const std::shared_lock lock(semaphore);
      ++inside;
      while (inside < kThreads) std::this_thread::yield();
    });
  }
  threads.clear();
  EXPECT_EQ(inside, kThreads);
}

TYPED_TEST(RwSemaphores, AWriterGetsThroughReadersWithoutEnd) {
  TypeParam semaphore;
  std::atomic<bool> done = false;
  std::atomic<int> inside = 0;
  std::vector<std::jthread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      while (!done) {
        const std::shared_lock lock(semaphore);
        ++inside;
        std::this_thread::yield();
        --inside;
      }
    });
  }
  while (inside == 0) std::this_thread::yield();
  for (int round = 0; round < 50; ++round) {
    const std::unique_lock lock(semaphore);
    EXPECT_EQ(inside, 0);
  }
  done = true;
}

TYPED_TEST(RwSemaphores, ReadersGetThroughWritersWithoutEnd) {
  TypeParam semaphore;
  std::atomic<bool> done = false;
  std::vector<std::jthread> writers;
  for (int i = 0; i < 3; ++i) {
    writers.emplace_back([&] {
      while (!done) {
        const std::unique_lock lock(semaphore);
        std::this_thread::yield();
      }
    });
  }
  for (int round = 0; round < 50; ++round) {
    const std::shared_lock lock(semaphore);
    EXPECT_FALSE(done);
  }
  done = true;
}

TYPED_TEST(RwSemaphores, WhoOnlyTriesIsNotInWithAWriter) {
  constexpr int kEnough = 200;
  TypeParam semaphore;
  int plain = 0;  // a race if anybody is there at the same time
  std::atomic<int> tries = 0;
  std::vector<std::jthread> readers;
  for (int i = 0; i < 2; ++i) {
    readers.emplace_back([&] {
      while (tries < kEnough) {
        const std::shared_lock lock(semaphore, std::try_to_lock);
        if (!lock) continue;
        EXPECT_GE(plain, 0);
        ++tries;
      }
    });
  }
  while (tries < kEnough) {
    const std::unique_lock lock(semaphore);
    ++plain;
  }
  readers.clear();
  EXPECT_TRUE(std::shared_lock(semaphore, std::try_to_lock));
}

}  // namespace
}  // namespace noiommu
