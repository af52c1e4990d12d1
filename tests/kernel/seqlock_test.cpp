#include "model/kernel/seqlock.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

namespace noiommu {
namespace {

// Words that are equal whenever nobody writes.
struct Guarded {
  Seqlock lock;
  std::array<std::atomic<uint64_t>, 8> words{};

  void write(uint64_t value) {
    const std::lock_guard alone(lock);
    for (auto& word : words) word.store(value, std::memory_order_release);
  }
  std::array<uint64_t, 8> read() {
    std::array<uint64_t, 8> seen{};
    lock.read([&] {
      for (size_t i = 0; i < seen.size(); ++i) seen[i] = words[i].load(std::memory_order_acquire);
    });
    return seen;
  }
};

TEST(Seqlock, ReadersSeeAllOfAWriteOrNothing) {
  constexpr uint64_t kRounds = 20'000;
  Guarded guarded;
  std::vector<std::jthread> threads;
  for (uint64_t writer = 0; writer < 2; ++writer) {
    threads.emplace_back([&, writer] {
      for (uint64_t round = 0; round < kRounds; ++round) guarded.write(2 * round + writer);
    });
  }
  for (uint64_t round = 0; round < kRounds; ++round) {
    const auto seen = guarded.read();
    for (const uint64_t word : seen) ASSERT_EQ(word, seen[0]);
  }
}

TEST(Seqlock, WritersAreAlone) {
  Seqlock lock;
  uint64_t plain = 0;  // a race if two are in
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        for (int round = 0; round < 5000; ++round) {
          const std::lock_guard alone(lock);
          ++plain;
        }
      });
    }
  }
  EXPECT_EQ(plain, 20'000U);
}

TEST(Seqlock, AReaderGetsThroughWritersWithoutEnd) {
  Guarded guarded;
  std::atomic<bool> over = false;
  std::jthread writer([&] {
    while (!over) guarded.write(1);
  });
  for (int round = 0; round < 1000; ++round) static_cast<void>(guarded.read());
  over = true;
}

}  // namespace
}  // namespace noiommu
