// The items that a translation reads, one by one. Spec: amdv1.md section 6.
#include <gtest/gtest.h>

#include <vector>

#include "model/generic_pt/amdv1.h"

namespace noiommu::generic_pt {
namespace {

struct Item {
  int level;
  unsigned index;
  EntryKind kind;

  bool operator==(const Item&) const = default;
};

std::vector<Item> walk(const AmdV1& table, Iova iova) {
  std::vector<Item> items;
  table.walk(iova, [&items](int level, unsigned index, uint64_t word) {
    items.push_back({level, index, kind_of(level, word)});
  });
  return items;
}

TEST(Walk, ReadsOneItemALevelDownToTheLeaf) {
  AmdV1 table;
  ASSERT_TRUE(table.map({0x40201000}, {0x5000}, kPageSize, kRead));
  const std::vector<Item> expected = {
      {2, 1, EntryKind::kTable}, {1, 1, EntryKind::kTable}, {0, 1, EntryKind::kLeaf}};
  EXPECT_EQ(walk(table, {0x40201fff}), expected);
}

TEST(Walk, EndsWhereALargeLeafIs) {
  AmdV1 table;
  ASSERT_TRUE(table.map({4ULL << 20}, {2ULL << 20}, 2ULL << 20, kRead | kWrite));
  const std::vector<Item> expected = {{2, 0, EntryKind::kTable}, {1, 2, EntryKind::kLeaf}};
  EXPECT_EQ(walk(table, {(4ULL << 20) + 0x1234}), expected);
}

TEST(Walk, EndsWithTheItemThatIsEmpty) {
  AmdV1 table;
  ASSERT_TRUE(table.map({0x1000}, {0x5000}, kPageSize, kRead));
  const std::vector<Item> at_the_bottom = {
      {2, 0, EntryKind::kTable}, {1, 0, EntryKind::kTable}, {0, 2, EntryKind::kEmpty}};
  EXPECT_EQ(walk(table, {0x2000}), at_the_bottom);
  const std::vector<Item> at_the_top = {{2, 7, EntryKind::kEmpty}};
  EXPECT_EQ(walk(table, {7ULL << 30}), at_the_top);
}

TEST(Walk, ReadsNothingBeyondTheSpanOfTheTop) {
  const AmdV1 table;
  EXPECT_TRUE(walk(table, {1ULL << 39}).empty());
}

}  // namespace
}  // namespace noiommu::generic_pt
