// Threads on disjoint ranges share tables and the top. Spec: amdv1.md section 8. ThreadSanitizer
// has the last word on these.
#include <gtest/gtest.h>

#include <atomic>
#include <barrier>
#include <deque>
#include <thread>
#include <vector>

#include "tests/generic_pt/page_table_view.h"

namespace noiommu::generic_pt {
namespace {

constexpr uint32_t kBoth = kRead | kWrite;
constexpr unsigned kThreads = 4;

// Runs body(thread number) on every thread, all released at once.
template <class Body>
void on_all_threads(Body body) {
  std::barrier start(kThreads);
  std::vector<std::jthread> threads;
  for (unsigned number = 0; number < kThreads; ++number) {
    threads.emplace_back([&start, &body, number] {
      start.arrive_and_wait();
      body(number);
    });
  }
}

TEST(DisjointThreads, ShareTheTablesOfInterleavedPages) {
  AmdV1 table;
  on_all_threads([&](unsigned number) {
    for (int round = 0; round < 200; ++round) {
      for (uint64_t at = number * kPageSize; at < 4 * kMiB; at += kThreads * kPageSize) {
        ASSERT_TRUE(table.map(Iova{at}, PhysAddr{kGiB + at}, kPageSize, kBoth));
        ASSERT_EQ(table.translate(Iova{at + 3}, kPageSize - 3),
                  (PhysRun{PhysAddr{kGiB + at + 3}, kPageSize - 3}));
      }
      for (uint64_t at = number * kPageSize; at < 4 * kMiB; at += kThreads * kPageSize) {
        ASSERT_EQ(table.unmap(Iova{at}, kPageSize), kPageSize);
        ASSERT_EQ(table.iova_to_phys(Iova{at}), PhysAddr{0});
      }
    }
  });
  EXPECT_TRUE(leaf_sizes_of(table).empty());
  EXPECT_EQ(table.table_count(), 1U + 1 + 2);
}

TEST(DisjointThreads, FreeTheirOwnTablesBelowSharedOnes) {
  AmdV1 table;
  on_all_threads([&](unsigned number) {
    for (uint64_t round = 0; round < 300; ++round) {
      for (uint64_t block = number; block < 32; block += kThreads) {
        const Iova iova{block * 2 * kMiB};
        const PhysAddr pa{kGiB + (round % 2 == 0 ? 0x1000 : 0)};  // 512 pages, or one leaf
        ASSERT_TRUE(table.map(iova, pa, 2 * kMiB, kBoth));
        ASSERT_EQ(table.translate(iova, 2 * kMiB), (PhysRun{pa, 2 * kMiB}));
        ASSERT_EQ(table.unmap(iova, 2 * kMiB), 2 * kMiB);
      }
    }
  });
  EXPECT_EQ(table.table_count(), 2U);
}

// Two threads that start each round together, close enough to lose races for a table.
class Duel {
 public:
  void start_round(int round) {
    arrived_.fetch_add(1);
    while (arrived_.load() < 2 * (round + 1)) std::this_thread::yield();
  }

 private:
  std::atomic<int> arrived_ = 0;
};

TEST(DisjointThreads, InstallTheSameMissingTablesOnce) {
  constexpr int kRounds = 3000;
  AmdV1 table;
  Duel duel;
  const auto run = [&](uint64_t number) {
    for (int round = 0; round < kRounds; ++round) {
      const Iova iova{static_cast<uint64_t>(round % 500) * kGiB +
                      static_cast<uint64_t>(round / 500) * 2 * kMiB + number * kPageSize};
      duel.start_round(round);
      EXPECT_TRUE(table.map(iova, PhysAddr{0x5000}, kPageSize, kBoth));
    }
  };
  {
    const std::jthread other(run, 1);
    run(0);
  }
  EXPECT_EQ(leaf_sizes_of(table).size(), 2U * kRounds);
  EXPECT_EQ(table.table_count(), 1U + 500 + kRounds);
}

TEST(DisjointThreads, GrowTheTopTogether) {
  constexpr int kRounds = 1000;
  std::deque<AmdV1> tables(kRounds);
  Duel duel;
  const auto run = [&](Iova iova) {
    for (int round = 0; round < kRounds; ++round) {
      duel.start_round(round);
      EXPECT_TRUE(tables[round].map(iova, PhysAddr{0x5000}, kPageSize, kBoth));
      EXPECT_EQ(tables[round].iova_to_phys(iova + 9), PhysAddr{0x5009});
    }
  };
  {
    const std::jthread other(run, Iova{pow2(48)});
    run(Iova{UINT64_MAX - 0xFFF});
  }
  for (const AmdV1& table : tables) {
    EXPECT_EQ(table.top_level(), 5);
    EXPECT_EQ(table.table_count(), tables_of(table).size());
    EXPECT_EQ(leaf_sizes_of(table).size(), 2U);
  }
}

TEST(DisjointThreads, ReadersOfOneRangeDoNotMindWritersOfAnother) {
  AmdV1 table;
  ASSERT_TRUE(table.map(Iova{0}, PhysAddr{0x3000}, kMiB, kBoth));
  on_all_threads([&](unsigned number) {
    for (int round = 0; round < 2000; ++round) {
      if (number == 0) {
        ASSERT_TRUE(table.map(Iova{kMiB}, PhysAddr{0x1000}, 64 * kKiB, kBoth));
        ASSERT_EQ(table.unmap(Iova{kMiB}, 64 * kKiB), 64 * kKiB);
      } else {
        ASSERT_EQ(table.translate(Iova{0}, kMiB), (PhysRun{PhysAddr{0x3000}, kMiB}));
      }
    }
  });
}

}  // namespace
}  // namespace noiommu::generic_pt
