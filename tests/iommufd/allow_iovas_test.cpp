// IOAS_ALLOW_IOVAS. Spec: iommufd.md section 5; section 6.1 for how a place is chosen.
#include "model/iommufd/io_pagetable.h"
#include "tests/iommufd/iommufd_test.h"

namespace noiommu::tests {
namespace {

class AllowIovas : public IommufdTest {
 protected:
  void SetUp() override {
    program_ = &boot();
    ioas_ = program_->ioas_alloc();
  }
  int64_t allow(const std::vector<iommu_iova_range>& ranges) {
    return program_->allow_iovas(ioas_, ranges);
  }
  // A page anywhere, with an address that asks for no more alignment than a page's.
  int64_t map(uint64_t length = kPageSize) { return program_->map(ioas_, {0x101000}, length); }
  iommu_ioas_allow_iovas request(uint32_t count, UserPtr array) const {
    return {.size = sizeof(iommu_ioas_allow_iovas),
            .ioas_id = static_cast<uint32_t>(ioas_),
            .num_iovas = count,
            .__reserved = 0,
            .allowed_iovas = array.value};
  }
  int64_t call(iommu_ioas_allow_iovas request) {
    return program_->ioctl(program_->iommufd, IOMMU_IOAS_ALLOW_IOVAS, request);
  }
  // Elements at the end of memory.
  UserPtr array(const std::vector<iommu_iova_range>& ranges) {
    const auto bytes = std::as_bytes(std::span(ranges));
    const UserPtr at = program_->scratch(bytes.size());
    program_->store(at, bytes);
    return at;
  }

  Client* program_ = nullptr;
  int64_t ioas_ = 0;
};

TEST_F(AllowIovas, AreCheckedInOrder) {
  auto wrong = request(1, {0});
  wrong.__reserved = 1;
  wrong.ioas_id = 99;
  EXPECT_EQ(call(wrong), -EOPNOTSUPP);
  wrong.__reserved = 0;
  EXPECT_EQ(call(wrong), -ENOENT);
  EXPECT_EQ(call(request(1, {0})), -EFAULT);
  EXPECT_EQ(call(request(1, array({{2, 1}}))), -EINVAL);
  EXPECT_EQ(call(request(1, array({{1, 2}}))), 0);
}

TEST_F(AllowIovas, AreReadOneByOne) {
  EXPECT_EQ(call(request(2, array({{0x1000, 0x1fff}}))), -EFAULT);
  EXPECT_EQ(call(request(2, array({{0x1000, 0x1000}}))), -EINVAL)
      << "the first is wrong before the second is missing";
  EXPECT_EQ(call(request(3, array({{0x1000, 0x1fff}, {0x1fff, 0x2000}}))), -EINVAL)
      << "the overlap is seen before the third is missing";
  EXPECT_EQ(call(request(UINT32_MAX, array({{0x1000, 0x1fff}}))), -EFAULT);
}

TEST_F(AllowIovas, MustBeRangesOfTwoBytesAtLeast) {
  EXPECT_EQ(allow({{0x1000, 0x1000}}), -EINVAL);
  EXPECT_EQ(allow({{0, 0}}), -EINVAL);
  EXPECT_EQ(allow({{UINT64_MAX, UINT64_MAX}}), -EINVAL);
  EXPECT_EQ(allow({{0x1001, 0x1000}}), -EINVAL);
  EXPECT_EQ(allow({{0x1000, 0x1001}}), 0);
  EXPECT_EQ(allow({{0, UINT64_MAX}}), 0);
}

TEST_F(AllowIovas, MustNotOverlap) {
  const iommu_iova_range middle{0x10000, 0x1ffff};
  for (const iommu_iova_range& other : std::vector<iommu_iova_range>{{0x10000, 0x1ffff},
                                                                     {0x12000, 0x13000},
                                                                     {0x0, 0x10000},
                                                                     {0x1ffff, 0x20000},
                                                                     {0x0, UINT64_MAX}}) {
    EXPECT_EQ(allow({middle, other}), -EINVAL) << std::hex << other.start;
    EXPECT_EQ(allow({other, middle}), -EINVAL) << std::hex << other.start;
    EXPECT_EQ(allow({middle, {0x100000, 0x200000}, other}), -EINVAL);
  }
  EXPECT_EQ(allow({middle, {0x20000, 0x20001}, {0xffff - 1, 0xffff}}), 0) << "adjacent is fine";
}

TEST_F(AllowIovas, AreWhereAddressesComeFrom) {
  ASSERT_EQ(allow({{0x80000, 0x80fff}, {0x40000, 0x41fff}}), 0);
  EXPECT_EQ(map(), 0x40000) << "in ascending order, however they were given";
  EXPECT_EQ(map(), 0x41000);
  EXPECT_EQ(map(), 0x80000);
  EXPECT_EQ(map(), -ENOSPC);
  ASSERT_EQ(program_->unmap(ioas_, 0x41000, kPageSize), 4096);
  EXPECT_EQ(map(), 0x41000);
}

TEST_F(AllowIovas, ThatAreAdjacentCountAsOne) {
  ASSERT_EQ(allow({{0x41000, 0x41fff}, {0x40000, 0x40fff}, {0x43000, 0x43fff}}), 0);
  EXPECT_EQ(map(2 * kPageSize), 0x40000);
  EXPECT_EQ(map(2 * kPageSize), -ENOSPC);
  EXPECT_EQ(map(), 0x43000);
}

TEST_F(AllowIovas, DoNotMakeTheFirstAndTheLastPageUsable) {
  ASSERT_EQ(allow({{0, 0xfff}, {UINT64_MAX - 0xfff, UINT64_MAX}}), 0);
  EXPECT_EQ(map(), -ENOSPC);
  ASSERT_EQ(allow({{0, 0x1fff}}), 0);
  EXPECT_EQ(map(), 0x1000);
}

TEST_F(AllowIovas, DoNotMatterToFixedAddresses) {
  ASSERT_EQ(allow({{0x40000, 0x40fff}}), 0);
  EXPECT_EQ(program_->map_at(ioas_, {0x101000}, kPageSize, 0x10000), 0);
  EXPECT_EQ(program_->map_at(ioas_, {0x101000}, 3 * kPageSize, 0x3f000), 0) << "in and out of it";
  EXPECT_EQ(map(), -ENOSPC) << "and now it is full";
}

TEST_F(AllowIovas, DoNotMatterToWhatIsMapped) {
  ASSERT_EQ(map(), 0x1000);
  EXPECT_EQ(allow({{0x40000, 0x40fff}}), 0);
  EXPECT_EQ(program_->unmap(ioas_, 0x1000, kPageSize), 4096);
  ASSERT_EQ(program_->map_at(ioas_, {0x101000}, kPageSize, 0x10000), 0);
  EXPECT_EQ(allow({{0x10000, 0x10fff}}), 0) << "nor to where they may lie";
  EXPECT_EQ(map(), -ENOSPC);
}

TEST_F(AllowIovas, ReplaceTheListThatWas) {
  ASSERT_EQ(allow({{0x40000, 0x40fff}}), 0);
  ASSERT_EQ(allow({{0x80000, 0x80fff}}), 0);
  EXPECT_EQ(map(), 0x80000);
  EXPECT_EQ(map(), -ENOSPC);
  EXPECT_EQ(call(request(0, {0})), 0) << "an empty list, whose address does not matter";
  EXPECT_EQ(map(), 0x1000);
}

TEST_F(AllowIovas, ThatAreRefusedLeaveTheListThatWas) {
  ASSERT_EQ(allow({{0x40000, 0x41fff}}), 0);
  EXPECT_EQ(allow({{0x80000, 0x80fff}, {0x80000, 0x80fff}}), -EINVAL);
  EXPECT_EQ(map(), 0x40000);
  EXPECT_EQ(call(request(2, array({{0x80000, 0x80fff}}))), -EFAULT);
  EXPECT_EQ(map(), 0x41000);
}

TEST_F(AllowIovas, DoNotShowInIovaRanges) {
  ASSERT_EQ(allow({{0x40000, 0x40fff}}), 0);
  const UserPtr array = program_->memory(kPageSize);
  iommu_ioas_iova_ranges ranges{};
  ranges.size = sizeof(ranges);
  ranges.ioas_id = static_cast<uint32_t>(ioas_);
  ranges.num_iovas = 1;
  ranges.allowed_iovas = array.value;
  EXPECT_EQ(program_->ioctl(program_->iommufd, IOMMU_IOAS_IOVA_RANGES, ranges), 0);
  EXPECT_EQ(program_->peek(array), 0U);
  EXPECT_EQ(program_->peek(array + 8), UINT64_MAX);
}

TEST_F(AllowIovas, ConcernOneIoas) {
  const int64_t other = program_->ioas_alloc();
  ASSERT_EQ(allow({{0x40000, 0x40fff}}), 0);
  EXPECT_EQ(program_->map(other, {0x101000}, kPageSize), 0x1000);
}

TEST_F(AllowIovas, AreNotWrittenBack) {
  const UserPtr argument = program_->read_only(request(1, array({{0x40000, 0x40fff}})));
  EXPECT_EQ(program_->ioctl_value(program_->iommufd, IOMMU_IOAS_ALLOW_IOVAS, argument.value), 0);
  EXPECT_EQ(map(), 0x40000);
}

TEST_F(AllowIovas, LeaveADeviceWithoutReservationsAlone) {
  ASSERT_EQ(allow({{0x40000, 0x40fff}}), 0);
  EXPECT_GT(program_->attach(program_->bind(0), ioas_), 0);
}

// No device of the model reserves anything, so this is seen in the table itself.
TEST(AllowedAndReserved, ExcludeEachOther) {
  iommufd::IoPagetable iopt;
  ASSERT_TRUE(iopt.reserve({0x1000, 0x1fff}, &iopt));
  ASSERT_TRUE(iopt.allow({{0x40000, 0x40fff}}));
  EXPECT_EQ(iopt.allow({{0x80000, 0x80fff}, {0x1fff, 0x2000}}).error(), Errno{EADDRINUSE});
  EXPECT_EQ(iopt.reserve({0x40fff, 0x50000}, &iopt).error(), Errno{EADDRINUSE})
      << "the old list is kept";
  EXPECT_TRUE(iopt.reserve({0x80000, 0x80fff}, &iopt)) << "nothing of the refused one is";
  iopt.unreserve(&iopt);
  EXPECT_TRUE(iopt.allow({{0x1000, 0x2000}}));
}

}  // namespace
}  // namespace noiommu::tests
