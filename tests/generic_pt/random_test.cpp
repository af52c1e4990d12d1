// Random maps and unmaps against the plainest possible bookkeeping. Spec: amdv1.md section 9.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <iterator>
#include <map>
#include <random>

#include "tests/generic_pt/page_table_view.h"

namespace noiommu::generic_pt {
namespace {

constexpr uint32_t kBoth = kRead | kWrite;

struct Area {
  uint64_t last;
  uint64_t pa;
};

// What must be mapped, and which tables that must have left behind.
class Shadow {
 public:
  [[nodiscard]] bool overlaps(uint64_t iova, uint64_t last) const {
    const auto after = areas_.upper_bound(last);
    return after != areas_.begin() && std::prev(after)->second.last >= iova;
  }

  [[nodiscard]] uint64_t phys(uint64_t iova) const {
    const auto after = areas_.upper_bound(iova);
    if (after == areas_.begin()) return 0;
    const auto& [start, area] = *std::prev(after);
    return iova <= area.last ? area.pa + (iova - start) : 0;
  }

  void map(uint64_t iova, uint64_t last, uint64_t pa) {
    areas_[iova] = {last, pa};
    while (last > last_iova(top_)) tables_.emplace(++top_, 0);
    for (uint64_t at = iova;;) {
      const uint64_t offset = at - iova;
      uint64_t size = kPageSize;
      for (const uint64_t larger : all_leaf_sizes()) {
        const bool aligned = at % larger == 0 && (pa + offset) % larger == 0;
        if (aligned && larger - 1 <= last - at) size = larger;
      }
      add_leaf(at, std::countr_zero(size));
      if (last - at == size - 1) break;
      at += size;
    }
  }

  void unmap(uint64_t iova) {
    const uint64_t last = areas_.at(iova).last;
    drop_tables_within(iova, last, kMaxLevel);
    areas_.erase(iova);
  }

  [[nodiscard]] const std::map<uint64_t, Area>& areas() const { return areas_; }
  [[nodiscard]] const TableSet& tables() const { return tables_; }
  void adopt(TableSet tables, int top) {
    tables_ = std::move(tables);
    top_ = top;
  }

 private:
  void add_leaf(uint64_t iova, int size_lg2) {
    const int leaf_level = level_of_leaf(size_lg2);
    drop_tables_within(iova, iova + pow2(size_lg2) - 1, leaf_level);
    for (int level = leaf_level; level < top_; ++level) {
      tables_.emplace(level, iova & ~last_iova(level));
    }
  }

  void drop_tables_within(uint64_t iova, uint64_t last, int below_level) {
    for (int level = 0; level < std::min(below_level, top_); ++level) {
      const auto end = tables_.upper_bound({level, last});
      for (auto it = tables_.lower_bound({level, iova}); it != end;) {
        it = it->second + last_iova(level) <= last ? tables_.erase(it) : std::next(it);
      }
    }
  }

  std::map<uint64_t, Area> areas_;
  int top_ = kStartLevel;
  TableSet tables_{{kStartLevel, 0}};
};

class RandomMaps : public testing::TestWithParam<uint64_t> {
 protected:
  struct Request {
    uint64_t iova;
    uint64_t last;
    uint64_t pa;
  };

  // Ranges of a page to some GiB around the borders of the levels, sometimes well aligned.
  Request request() {
    constexpr uint64_t kBorders[] = {2 * kGiB, pow2(39), pow2(48), pow2(57), pow2(63), 0};
    const uint64_t border = kBorders[random_() % std::size(kBorders)];
    const int len_lg2 = 12 + static_cast<int>(random_() % 21);
    uint64_t len = (1 + random_() % pow2(len_lg2 - 12)) * kPageSize;
    const int align_lg2 = 12 + static_cast<int>(random_() % 20);
    const uint64_t align = pow2(align_lg2);
    const uint64_t reach = 2 * kGiB;
    uint64_t iova = (border - reach + random_() % (border == 0 ? reach : 2 * reach)) & ~(align - 1);
    uint64_t pa = (random_() % pow2(50)) & ~(align - 1);
    // Long ranges of single pages cost time and prove no more than short ones.
    const uint64_t page = std::min<uint64_t>(align, pow2(std::countr_zero(iova | pa)));
    len = std::min({len, 4096 * page, UINT64_MAX - iova + 1 + (iova == 0 ? UINT64_MAX : 0)});
    return {iova, iova + (len - 1), pa};
  }

  void check_lookups() {
    for (const auto& [iova, area] : shadow_.areas()) {
      const uint64_t span = area.last - iova;
      for (const uint64_t at : {iova, area.last, iova + random_() % (span + 1), iova - 1}) {
        ASSERT_EQ(table_.iova_to_phys(Iova{at}).value, shadow_.phys(at)) << std::hex << at;
      }
    }
  }

  std::mt19937_64 random_{GetParam()};
  AmdV1 table_;
  Shadow shadow_;
};

TEST_P(RandomMaps, AgreeWithTheShadow) {
  for (int step = 0; step < 3000; ++step) {
    const bool do_map = shadow_.areas().empty() || random_() % 5 < 3;
    if (do_map) {
      const Request r = request();
      const Status status = table_.map(Iova{r.iova}, PhysAddr{r.pa}, r.last - r.iova + 1, kBoth);
      if (shadow_.overlaps(r.iova, r.last)) {
        ASSERT_FALSE(status);
        ASSERT_EQ(status.error(), Errno{EADDRINUSE});
        shadow_.adopt(tables_of(table_), table_.top_level());  // what it left is its own affair
      } else {
        ASSERT_TRUE(status);
        shadow_.map(r.iova, r.last, r.pa);
      }
    } else {
      const auto pick = std::next(shadow_.areas().begin(),
                                  static_cast<ptrdiff_t>(random_() % shadow_.areas().size()));
      const auto [iova, area] = *pick;
      const uint64_t len = area.last - iova + 1;
      std::vector<PhysRun> runs;
      ASSERT_EQ(table_.unmap(Iova{iova}, len, &runs), len);
      ASSERT_EQ(runs, (std::vector<PhysRun>{{PhysAddr{area.pa}, len}}));
      shadow_.unmap(iova);
    }
    ASSERT_EQ(table_.table_count(), shadow_.tables().size()) << step;
    if (step % 100 == 0) {
      ASSERT_EQ(tables_of(table_), shadow_.tables());
      check_lookups();
    }
  }

  while (!shadow_.areas().empty()) {
    const auto [iova, area] = *shadow_.areas().begin();
    ASSERT_EQ(table_.unmap(Iova{iova}, area.last - iova + 1), area.last - iova + 1);
    shadow_.unmap(iova);
  }
  EXPECT_TRUE(leaf_sizes_of(table_).empty());
  EXPECT_EQ(tables_of(table_), shadow_.tables());
  EXPECT_EQ(table_.table_count(), shadow_.tables().size());
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomMaps, testing::Values(11, 12, 13, 14));

// Growing and shrinking one crowded gigabyte: many collisions, collapses and leftovers.
TEST(RandomPages, CollisionsChangeNothingAndRetryWorksWithoutTheColliders) {
  std::mt19937_64 random(21);
  AmdV1 table;
  Shadow shadow;
  int collisions = 0;
  for (int step = 0; step < 1000; ++step) {
    const uint64_t len = pow2(12 + static_cast<int>(random() % 15));
    const uint64_t iova = random() % kGiB & ~(len - 1);
    const uint64_t last = iova + len - 1;
    const uint64_t pa = kGiB + (random() % kGiB & kPageMask);
    if (shadow.overlaps(iova, last)) {
      ++collisions;
      ASSERT_FALSE(table.map(Iova{iova}, PhysAddr{pa}, len, kBoth));
      for (const auto& [start, area] : shadow.areas()) {
        ASSERT_EQ(table.translate(Iova{start}, area.last - start + 1),
                  (PhysRun{PhysAddr{area.pa}, area.last - start + 1}));
      }
      while (shadow.overlaps(iova, last)) {
        const auto [start, area] = *std::prev(shadow.areas().upper_bound(last));
        ASSERT_EQ(table.unmap(Iova{start}, area.last - start + 1), area.last - start + 1);
        shadow.unmap(start);
      }
    }
    ASSERT_TRUE(table.map(Iova{iova}, PhysAddr{pa}, len, kBoth));
    shadow.map(iova, last, pa);
  }
  EXPECT_GT(collisions, 100);
}

}  // namespace
}  // namespace noiommu::generic_pt
