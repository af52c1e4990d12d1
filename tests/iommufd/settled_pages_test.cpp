// Look-ups without a lock, while others map and unmap.
#include "model/iommufd/settled_pages.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace noiommu::iommufd {
namespace {

using generic_pt::AmdV1;
using generic_pt::kRead;

constexpr uint64_t k2M = 2ULL << 20;

std::optional<uint64_t> find(const SettledPages& pages, uint64_t iova) {
  PhysAddr at;
  if (!pages.find({iova}, at)) return std::nullopt;
  return at.value;
}

TEST(SettledPages, ShowWhatIsMappedAndNotLeftOut) {
  AmdV1 table;
  ASSERT_TRUE(table.map({0x1000}, {0x5000}, 3 * kPageSize, kRead));
  SettledPages pages;
  EXPECT_EQ(find(pages, 0x1000), std::nullopt);
  pages.set_table(&table);
  EXPECT_EQ(find(pages, 0x1fff), 0x5fff);
  EXPECT_EQ(find(pages, 0x4000), std::nullopt);
  pages.leave_out({0x2000, 0x2fff});
  EXPECT_EQ(find(pages, 0x1fff), 0x5fff);
  EXPECT_EQ(find(pages, 0x2000), std::nullopt);
  EXPECT_EQ(find(pages, 0x2fff), std::nullopt);
  EXPECT_EQ(find(pages, 0x3000), 0x7000);
  pages.take_back({0x2000, 0x2fff});
  EXPECT_EQ(find(pages, 0x2000), 0x6000);
  pages.set_table(nullptr);
  EXPECT_EQ(find(pages, 0x1000), std::nullopt);
}

TEST(SettledPages, ShowNothingWhileTooManyRangesAreLeftOut) {
  AmdV1 table;
  ASSERT_TRUE(table.map({0}, {0}, 64 * kPageSize, kRead));
  SettledPages pages;
  pages.set_table(&table);
  std::vector<IovaRange> ranges;
  for (uint64_t i = 0; i < 10; ++i) ranges.push_back({i * kPageSize, (i + 1) * kPageSize - 1});
  for (const IovaRange& range : ranges) pages.leave_out(range);
  EXPECT_EQ(find(pages, 20 * kPageSize), std::nullopt);
  for (const IovaRange& range : ranges) {
    EXPECT_EQ(find(pages, range.start), std::nullopt);
    pages.take_back(range);
  }
  for (uint64_t page = 0; page < 64; ++page)
    EXPECT_EQ(find(pages, page * kPageSize), page * kPageSize);
}

// One thread maps and unmaps what takes a lowest table, another what takes one a level higher, so
// that tables become what they were not. Meanwhile one page stays, and a page is where it was
// mapped to or nowhere.
TEST(SettledPages, AreRightWhileTablesComeAndGo) {
  constexpr uint64_t k1G = 1ULL << 30;
  constexpr uint64_t kStays = 1ULL << 40;
  constexpr uint64_t kRounds = 2000;
  constexpr uint64_t kStanding = 3;  // of each, mapped at a time
  struct Work {
    uint64_t length;
    uint64_t away;  // from the IOVA to the frames: what larger leaves do not fit
    uint64_t first;
    [[nodiscard]] uint64_t place(uint64_t turn) const { return first + turn % 7 * k1G; }
  };
  constexpr std::array<Work, 2> kWork{{{k2M, kPageSize, k1G}, {k1G, k2M, 16 * k1G}}};
  AmdV1 table;
  ASSERT_TRUE(table.map({kStays}, {0x5000}, kPageSize, kRead));
  SettledPages pages;
  pages.set_table(&table);
  std::mutex mutex;
  std::atomic<int> busy = 2;
  std::vector<std::jthread> writers;
  for (const Work& work : kWork) {
    writers.emplace_back([&] {
      const auto change = [&](auto step, uint64_t iova) {
        const std::lock_guard lock(mutex);
        (pages.*step)({iova, iova + work.length - 1});
      };
      for (uint64_t round = 0; round < kRounds; ++round) {
        const uint64_t iova = work.place(round);
        change(&SettledPages::leave_out, iova);
        EXPECT_TRUE(table.map({iova}, {iova + work.away}, work.length, kRead));
        change(&SettledPages::take_back, iova);
        if (round < kStanding) continue;
        const uint64_t old = work.place(round - kStanding);
        change(&SettledPages::leave_out, old);
        EXPECT_EQ(table.unmap({old}, work.length), work.length);
        change(&SettledPages::take_back, old);
      }
      --busy;
    });
  }
  uint64_t found = 0;
  for (uint64_t turn = 0; busy > 0 || found == 0; ++turn) {
    const Work& work = kWork.at(turn % 2);
    const uint64_t iova = work.place(turn / 2) + turn * kPageSize % work.length;
    if (const auto at = find(pages, iova)) {
      ASSERT_EQ(*at, iova + work.away);
      ++found;
    }
    ASSERT_EQ(find(pages, kStays).value_or(0x5000), 0x5000U);
  }
  EXPECT_EQ(find(pages, kStays), 0x5000U);
}

// As of a map that fails after it has filled something.
TEST(SettledPages, NeverShowAPageThatWasOnlyThereWhileLeftOut) {
  constexpr IovaRange kRange{0x1000, 0x1fff};
  constexpr uint64_t kRounds = 1'000'000;
  AmdV1 table;
  SettledPages pages;
  pages.set_table(&table);
  std::atomic<bool> over = false;
  std::jthread writer([&] {
    for (uint64_t round = 0; round < kRounds; ++round) {
      pages.leave_out(kRange);
      EXPECT_TRUE(table.map({kRange.start}, {0x5000}, kPageSize, kRead));
      EXPECT_EQ(table.unmap({kRange.start}, kPageSize), kPageSize);
      pages.take_back(kRange);
    }
    over = true;
  });
  while (!over) ASSERT_EQ(find(pages, kRange.start), std::nullopt);
}

}  // namespace
}  // namespace noiommu::iommufd
