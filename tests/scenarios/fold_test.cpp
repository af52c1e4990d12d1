// Which leaves of a page table are shown as one stretch.
#include "scenarios/inspect/fold.h"

#include <gtest/gtest.h>

#include <optional>
#include <vector>

namespace noiommu::scenarios {
namespace {

constexpr uint32_t kBoth = generic_pt::kRead | generic_pt::kWrite;

// The stretches of a table that is filled by `map`.
class Table {
 public:
  Table& map(uint64_t iova, uint64_t pa, uint64_t length, uint32_t prot = kBoth) {
    EXPECT_TRUE(table_.map({iova}, {pa}, length, prot));
    return *this;
  }
  // Pages that are not adjacent.
  Table& scatter(uint64_t iova, uint64_t pages, uint32_t prot = kBoth) {
    for (uint64_t page = 0; page < pages; ++page) {
      map(iova + page * kPageSize, (pages - page) * kPageSize, kPageSize, prot);
    }
    return *this;
  }
  [[nodiscard]] std::vector<Gap> gaps() const {
    std::vector<Gap> gaps;
    for (const PageTableLine& line : fold(read_page_table(table_).entries)) {
      if (const auto* gap = std::get_if<Gap>(&line)) gaps.push_back(*gap);
    }
    return gaps;
  }
  [[nodiscard]] size_t lines() const { return fold(read_page_table(table_).entries).size(); }

 private:
  generic_pt::AmdV1 table_;
};

TEST(Fold, LeavesFourAlone) {
  Table table;
  table.scatter(0, 4);
  EXPECT_TRUE(table.gaps().empty());
  EXPECT_EQ(table.lines(), 6U);  // two tables on the way
}

TEST(Fold, KeepsTheFirstAndTheLastOfFive) {
  Table table;
  table.scatter(0, 5);
  const auto gaps = table.gaps();
  ASSERT_EQ(gaps.size(), 1U);
  EXPECT_EQ(gaps[0].leaves, 3U);
  EXPECT_EQ(gaps[0].all, 5U);
  EXPECT_EQ(gaps[0].runs, 5U);
  EXPECT_EQ(gaps[0].tables, 0U);
  EXPECT_EQ(table.lines(), 5U);
}

TEST(Fold, GoesOnThroughTables) {
  Table table;
  table.scatter((1ULL << 30) - 3 * kPageSize, 6);  // level 1 ends here too
  const auto gaps = table.gaps();
  ASSERT_EQ(gaps.size(), 1U);
  EXPECT_EQ(gaps[0].leaves, 4U);
  EXPECT_EQ(gaps[0].tables, 2U);
}

TEST(Fold, StopsAtAHole) {
  Table table;
  table.scatter(0, 5).scatter(6 * kPageSize, 5);
  EXPECT_EQ(table.gaps().size(), 2U);
}

TEST(Fold, StopsWhereTheAccessChanges) {
  Table table;
  table.scatter(0, 5).scatter(5 * kPageSize, 5, generic_pt::kRead);
  EXPECT_EQ(table.gaps().size(), 2U);
}

TEST(Fold, StopsWhereTheSizeChanges) {
  Table table;
  table.scatter(0x8000 - 5 * kPageSize, 5).map(0x8000, 0x8000, 0x8000);
  ASSERT_EQ(table.gaps().size(), 1U);
  EXPECT_EQ(table.gaps()[0].all, 5U);
}

TEST(Fold, CountsPhysicalRuns) {
  Table table;
  for (uint64_t page = 0; page < 8; ++page) {  // page by page, as with huge pages off
    table.map(page * kPageSize, 0x100000 + (page < 3 ? page : page + 7) * kPageSize, kPageSize);
  }
  ASSERT_EQ(table.gaps().size(), 1U);
  EXPECT_EQ(table.gaps()[0].runs, 2U);
}

TEST(Fold, CountsALeafOfManyItemsOnce) {
  Table table;
  for (uint64_t leaf = 0; leaf < 6; ++leaf) {
    table.map(leaf * 0x2000, 0x100000 - leaf * 0x2000, 0x2000);
  }
  ASSERT_EQ(table.gaps().size(), 1U);
  EXPECT_EQ(table.gaps()[0].all, 6U);
}

TEST(Fold, EndsWithTheAddressSpace) {
  Table table;
  table.scatter(0, 5).scatter(UINT64_MAX - 5 * kPageSize + 1, 5);
  EXPECT_EQ(table.gaps().size(), 2U);
}

}  // namespace
}  // namespace noiommu::scenarios
