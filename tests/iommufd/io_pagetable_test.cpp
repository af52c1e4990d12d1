// What IoPagetable leaves in the page tables of its domains. Spec: iommufd.md sections 10 and 14.
#include "model/iommufd/io_pagetable.h"

#include <gtest/gtest.h>

#include "tests/support/program.h"

namespace noiommu::iommufd {
namespace {

class IoPagetableTest : public testing::Test {
 protected:
  static size_t leaves(const Domain& domain) {
    size_t count = 0;
    domain.table.for_each_entry([&](int level, unsigned, uint64_t word, Iova) {
      if (generic_pt::kind_of(level, word) == generic_pt::EntryKind::kLeaf) ++count;
    });
    return count;
  }
  int64_t map(uint64_t iova, UserPtr va, uint64_t pages) {
    const IoPagetable::Slice slice{
        make_kref<UserPages>(program_.machine->memory(), program_.process->task(),
                             Pages::Accounting::kNone, va, true),
        0, pages * kPageSize};
    auto mapped = iopt_.map({&slice, 1},
                            {.prot = generic_pt::kRead | generic_pt::kWrite, .iova = Iova{iova}});
    return mapped ? 0 : -static_cast<int64_t>(mapped.error());
  }
  uint64_t unmap_all() {
    uint64_t unmapped = 0;
    EXPECT_TRUE(iopt_.unmap({}, unmapped));
    return unmapped;
  }
  int64_t add_domain(Domain& domain) { return tests::Program::answer(iopt_.add_domain(domain)); }
  [[nodiscard]] uint64_t pins() const { return program_.machine->memory().pins(); }

  tests::Program program_;
  IoPagetable iopt_;
  Domain soft_{true};
  Domain hard_{false};
};

TEST_F(IoPagetableTest, FillsEveryDomain) {
  const UserPtr va = program_.memory(8 * kPageSize);
  ASSERT_EQ(map(0x1000, va, 3), 0);
  ASSERT_EQ(add_domain(soft_), 0);
  EXPECT_EQ(leaves(soft_), 3U);
  ASSERT_EQ(add_domain(hard_), 0);
  EXPECT_EQ(leaves(hard_), 3U);
  ASSERT_EQ(map(0x10000, va, 5), 0);
  EXPECT_EQ(leaves(soft_), 8U);
  EXPECT_EQ(leaves(hard_), 8U);
  EXPECT_EQ(soft_.table.iova_to_phys({0x12345}), hard_.table.iova_to_phys({0x12345}));
  EXPECT_EQ(pins(), 8U);
  iopt_.remove_domain(soft_);
  iopt_.remove_domain(hard_);
  EXPECT_EQ(pins(), 0U);
}

TEST_F(IoPagetableTest, EmptiesADomainThatLeaves) {
  ASSERT_EQ(map(0x1000, program_.memory(8 * kPageSize), 8), 0);
  ASSERT_EQ(add_domain(soft_), 0);
  iopt_.remove_domain(soft_);
  EXPECT_EQ(leaves(soft_), 0U);
}

TEST_F(IoPagetableTest, EmptiesEveryDomainOnUnmap) {
  ASSERT_EQ(add_domain(soft_), 0);
  ASSERT_EQ(add_domain(hard_), 0);
  ASSERT_EQ(map(0x1000, program_.memory(8 * kPageSize), 8), 0);
  EXPECT_EQ(unmap_all(), 8 * kPageSize);
  EXPECT_EQ(leaves(soft_), 0U);
  EXPECT_EQ(leaves(hard_), 0U);
  iopt_.remove_domain(soft_);
  iopt_.remove_domain(hard_);
}

TEST_F(IoPagetableTest, FreesTheTablesThatAnAreaHadToItself) {
  ASSERT_EQ(add_domain(soft_), 0);
  const UserPtr va = program_.memory(1024 * kPageSize);
  ASSERT_EQ(map(0, va, 1024), 0);
  EXPECT_EQ(soft_.table.table_count(), 4U) << "two of 2 MiB below one of 1 GiB below the top";
  ASSERT_GT(unmap_all(), 0U);
  EXPECT_EQ(soft_.table.table_count(), 2U);
  iopt_.remove_domain(soft_);
}

TEST_F(IoPagetableTest, LeavesNothingOfAFailedMap) {
  ASSERT_EQ(add_domain(soft_), 0);
  const UserPtr va = program_.memory(2 * kPageSize);
  EXPECT_EQ(map(UINT64_MAX - 2 * kPageSize + 1, va, 2), -EINVAL);
  EXPECT_EQ(leaves(soft_), 0U);
  EXPECT_EQ(pins(), 0U);
  iopt_.remove_domain(soft_);
}

TEST_F(IoPagetableTest, LeavesNothingInADomainThatCouldNotBeFilled) {
  const UserPtr va = program_.memory(kPageSize);
  ASSERT_EQ(map(0x1000, va, 1), 0);
  ASSERT_EQ(map(0x2000, {0x1000}, 1), 0);
  ASSERT_EQ(map(0x3000, va, 1), 0);
  EXPECT_EQ(add_domain(soft_), -EFAULT);
  EXPECT_EQ(leaves(soft_), 0U);
  EXPECT_EQ(iopt_.alignment(), 1U);
  EXPECT_GT(unmap_all(), 0U) << "and it is not looked at any more";
}

// Areas are stored in slot 0; when that domain goes the last one takes its place.
TEST_F(IoPagetableTest, ReadsAddressesBackFromSlotZero) {
  Domain third(true);
  ASSERT_EQ(map(0x1000, program_.memory(kPageSize), 1), 0);
  ASSERT_EQ(add_domain(soft_), 0);
  ASSERT_EQ(add_domain(hard_), 0);
  ASSERT_EQ(add_domain(third), 0);
  EXPECT_TRUE(iopt_.get_pa({0x1000}, 1));
  iopt_.remove_domain(soft_);
  EXPECT_TRUE(iopt_.get_pa({0x1000}, 1)) << "the third domain is in slot 0, and soft";
  iopt_.remove_domain(third);
  EXPECT_EQ(iopt_.get_pa({0x1000}, 1).error(), Errno{EOPNOTSUPP});
  EXPECT_EQ(pins(), 1U);
  iopt_.remove_domain(hard_);
  EXPECT_EQ(pins(), 0U);
}

TEST_F(IoPagetableTest, MapsPageByPageWithoutHugePages) {
  const UserPtr va = program_.memory(2ULL << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_HUGETLB);
  ASSERT_TRUE(iopt_.set_huge_pages(false));
  ASSERT_EQ(map(0x200000, va, 512), 0);
  ASSERT_EQ(add_domain(soft_), 0);
  EXPECT_EQ(leaves(soft_), 512U);
  ASSERT_EQ(map(0x400000, va, 512), 0);
  EXPECT_EQ(leaves(soft_), 1024U);
  ASSERT_TRUE(iopt_.set_huge_pages(true));
  EXPECT_EQ(leaves(soft_), 1024U) << "what is mapped stays as it is";
  ASSERT_EQ(map(0x600000, va, 512), 0);
  EXPECT_EQ(leaves(soft_), 1025U);
  ASSERT_EQ(add_domain(hard_), 0);
  EXPECT_EQ(leaves(hard_), 3U);
  iopt_.remove_domain(soft_);
  iopt_.remove_domain(hard_);
}

TEST_F(IoPagetableTest, KeepsTheStorageWhenAnotherDomainLeaves) {
  ASSERT_EQ(map(0x1000, program_.memory(kPageSize), 1), 0);
  ASSERT_EQ(add_domain(soft_), 0);
  ASSERT_EQ(add_domain(hard_), 0);
  iopt_.remove_domain(hard_);
  EXPECT_TRUE(iopt_.get_pa({0x1000}, 1));
  EXPECT_EQ(pins(), 1U);
  iopt_.remove_domain(soft_);
}

}  // namespace
}  // namespace noiommu::iommufd
