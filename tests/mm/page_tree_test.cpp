#include "model/mm/page_tree.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace noiommu::mm {
namespace {

constexpr uint64_t kPages = uint64_t{1} << 30;  // a tree of four levels

TEST(PageTree, FindsWhatWasSetAndNothingElse) {
  for (const uint64_t pages :
       {uint64_t{1}, uint64_t{512}, uint64_t{513}, kPages, UINT64_MAX >> 12}) {
    PageTree tree(pages, 0);
    EXPECT_EQ(tree.find(pages - 1).count, 0U);
    tree.set(pages - 1, Pfn{77}, 0);
    EXPECT_EQ(tree.find(pages - 1).first, Pfn{77});
    EXPECT_EQ(tree.find(pages - 1).count, 1U);
    if (pages > 1) {
      EXPECT_EQ(tree.find(pages - 2).count, 0U);
    }
  }
}

TEST(PageTree, FramesOfOneItemAreOneRun) {
  PageTree tree(512, 9);
  tree.set(0, Pfn{0x200}, 9);
  EXPECT_EQ(tree.find(5).first, Pfn{0x205});
  EXPECT_EQ(tree.find(5).count, 507U);
}

TEST(PageTree, TakesWhatReachesIntoTheRange) {
  PageTree tree(kPages, 9);
  tree.set(0, Pfn{0x200}, 9);
  for (const uint64_t page : {600, 700, 5000}) tree.set(page, Pfn{page}, 0);
  std::vector<uint64_t> seen;
  tree.take_if(511, 701, [&](uint64_t page, Pfn, unsigned) {
    seen.push_back(page);
    return page == 600;
  });
  EXPECT_EQ(seen, (std::vector<uint64_t>{0, 600, 700}));
  EXPECT_EQ(tree.find(600).count, 0U);
  EXPECT_EQ(tree.find(700).count, 1U);
}

TEST(PageTree, IsReadWhileItGrows) {
  constexpr uint64_t kStride = 300;  // now and then a new table
  PageTree tree(kPages, 0);
  std::atomic<uint64_t> set = 0;
  std::jthread writer([&] {
    for (uint64_t i = 0; i < 2000; ++i) {
      tree.set(i * kStride, Pfn{i + 1}, 0);
      set.store(i + 1, std::memory_order_relaxed);
    }
  });
  while (set < 2000) {
    const uint64_t next = set.load(std::memory_order_relaxed);
    const PfnRun found = tree.find(next * kStride);
    if (found.count > 0) {
      EXPECT_EQ(found.first, Pfn{next + 1});
    }
  }
}

}  // namespace
}  // namespace noiommu::mm
