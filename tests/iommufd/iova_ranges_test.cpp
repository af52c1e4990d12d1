// IOVA_RANGES, and the alignment that an IOAS asks for. Spec: iommufd.md sections 4 and 6.
#include "tests/iommufd/iommufd_test.h"

namespace noiommu::tests {
namespace {

class IovaRanges : public IommufdTest {
 protected:
  static iommu_ioas_iova_ranges request(int64_t ioas, uint32_t room, UserPtr to) {
    iommu_ioas_iova_ranges ranges{};
    ranges.size = sizeof(ranges);
    ranges.ioas_id = static_cast<uint32_t>(ioas);
    ranges.num_iovas = room;
    ranges.allowed_iovas = to.value;
    return ranges;
  }
  static int64_t call(Client& program, iommu_ioas_iova_ranges& ranges) {
    return program.ioctl(program.iommufd, IOMMU_IOAS_IOVA_RANGES, ranges);
  }
};

TEST_F(IovaRanges, OfAnIoasAreEverything) {
  Client& program = boot();
  const int64_t ioas = program.ioas_alloc();
  const UserPtr array = program.memory(kPageSize);
  program.poke(array, 77);
  auto ranges = request(ioas, 4, array);
  EXPECT_EQ(call(program, ranges), 0);
  EXPECT_EQ(ranges.num_iovas, 1U);
  EXPECT_EQ(ranges.out_iova_alignment, 1U);
  EXPECT_EQ(program.peek(array), 0U);
  EXPECT_EQ(program.peek(array + 8), UINT64_MAX);
  EXPECT_EQ(program.peek(array + 16), 0U) << "only what exists is written";
}

TEST_F(IovaRanges, DoNotShowMappings) {
  Client& program = boot();
  const int64_t ioas = program.ioas_alloc();
  ASSERT_EQ(program.map_at(ioas, program.memory(kPageSize), kPageSize, 0x1000), 0);
  auto ranges = request(ioas, 4, program.memory(kPageSize));
  EXPECT_EQ(call(program, ranges), 0);
  EXPECT_EQ(ranges.num_iovas, 1U);
}

TEST_F(IovaRanges, WithoutRoomAnswerHowManyThereAre) {
  Client& program = boot();
  auto ranges = request(program.ioas_alloc(), 0, {0});
  EXPECT_EQ(call(program, ranges), -EMSGSIZE);
  EXPECT_EQ(ranges.num_iovas, 1U);
  EXPECT_EQ(ranges.out_iova_alignment, 1U);
}

TEST_F(IovaRanges, AreCheckedInOrder) {
  Client& program = boot();
  auto ranges = request(99, 1, {0});
  ranges.__reserved = 1;
  EXPECT_EQ(call(program, ranges), -EOPNOTSUPP);
  ranges.__reserved = 0;
  EXPECT_EQ(call(program, ranges), -ENOENT);
  ranges.ioas_id = static_cast<uint32_t>(program.ioas_alloc());
  EXPECT_EQ(call(program, ranges), -EFAULT);
  EXPECT_EQ(ranges.num_iovas, 1U) << "nothing is written back";
  EXPECT_EQ(ranges.out_iova_alignment, 0U);
  ranges.num_iovas = 0;
  EXPECT_EQ(call(program, ranges), -EMSGSIZE);
}

TEST_F(IovaRanges, FaultWhereOnlyPartOfARangeFits) {
  Client& program = boot();
  const int64_t ioas = program.ioas_alloc();
  auto cut_short = request(ioas, 1, program.scratch(15));
  EXPECT_EQ(call(program, cut_short), -EFAULT);
  auto fits = request(ioas, 1, program.scratch(16));
  EXPECT_EQ(call(program, fits), 0);
}

TEST_F(IovaRanges, AlignmentFollowsTheDomains) {
  Client& program = boot();
  const int first = program.bind(0);
  const int second = program.bind(1);
  const int64_t ioas = program.ioas_alloc();
  EXPECT_EQ(program.alignment(ioas), 1U);
  ASSERT_GT(program.attach(first, ioas), 0);
  EXPECT_EQ(program.alignment(ioas), 4096U);
  ASSERT_GT(program.attach(second, ioas), 0);
  program.detach(first);
  EXPECT_EQ(program.alignment(ioas), 4096U);
  program.detach(second);
  EXPECT_EQ(program.alignment(ioas), 1U);
}

TEST_F(IovaRanges, AlignmentIsThatOfOneIoas) {
  Client& program = boot();
  const int device = program.bind(0);
  const int64_t attached = program.ioas_alloc();
  const int64_t other = program.ioas_alloc();
  ASSERT_GT(program.attach(device, attached), 0);
  EXPECT_EQ(program.alignment(other), 1U);
  ASSERT_GT(program.attach(device, other), 0);
  EXPECT_EQ(program.alignment(attached), 1U);
  EXPECT_EQ(program.alignment(other), 4096U);
}

}  // namespace
}  // namespace noiommu::tests
