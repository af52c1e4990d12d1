// The way of an argument into the kernel and back. Spec: iommufd.md section 1.
#include <array>
#include <ostream>

#include "tests/iommufd/iommufd_test.h"

namespace noiommu::tests {
namespace {

struct Command {
  const char* name;
  uint32_t command;
  uint32_t size;             // of the struct
  int64_t on_zero;           // the answer when all but the size is zero
  uint32_t smallest = size;  // size that is taken
};

void PrintTo(const Command& command, std::ostream* out) {
  *out << command.name;
}

class EveryCommand : public IommufdTest, public testing::WithParamInterface<Command> {
 protected:
  // An argument that says `size`, `length` bytes of it readable, zeros but for byte `set`.
  int64_t call(Client& program, uint32_t size, uint32_t length, uint32_t set = UINT32_MAX) {
    const UserPtr at = program.scratch(length);
    std::vector<std::byte> bytes(length);
    std::memcpy(bytes.data(), &size, sizeof(size));
    if (set < length) bytes[set] = std::byte{1};
    program.store(at, bytes);
    return program.ioctl_value(program.iommufd, GetParam().command, at.value);
  }
};

TEST_P(EveryCommand, FaultsOnANullPointer) {
  Client& program = boot();
  EXPECT_EQ(program.ioctl_value(program.iommufd, GetParam().command, 0), -EFAULT);
}

TEST_P(EveryCommand, FaultsWhenTheSizeIsHalfReadable) {
  Client& program = boot();
  const UserPtr last_bytes = program.scratch(2);
  EXPECT_EQ(program.ioctl_value(program.iommufd, GetParam().command, last_bytes.value), -EFAULT);
}

TEST_P(EveryCommand, FaultsAtTheEndOfTheAddressSpace) {
  Client& program = boot();
  EXPECT_EQ(program.ioctl_value(program.iommufd, GetParam().command, UINT64_MAX - 1), -EFAULT);
}

TEST_P(EveryCommand, RefusesASizeBelowTheSmallestBeforeReadingOn) {
  Client& program = boot();
  const uint32_t smallest = GetParam().smallest;
  for (const uint32_t small : {0U, 4U, smallest - 1}) EXPECT_EQ(call(program, small, 4), -EINVAL);
}

TEST_P(EveryCommand, FaultsWhenTheStructIsShorterThanItSays) {
  Client& program = boot();
  const uint32_t size = GetParam().size;
  EXPECT_EQ(call(program, size, size - 1), -EFAULT);
}

TEST_P(EveryCommand, TakesItsExactSize) {
  Client& program = boot();
  const uint32_t size = GetParam().size;
  EXPECT_EQ(call(program, size, size), GetParam().on_zero);
}

TEST_P(EveryCommand, TakesAShorterStructFromBeforeItGrew) {
  Client& program = boot();
  for (uint32_t size = GetParam().smallest; size < GetParam().size; size += 4) {
    EXPECT_EQ(call(program, size, size), GetParam().on_zero) << size;
  }
}

TEST_P(EveryCommand, TakesALongerStructWithNothingInIt) {
  Client& program = boot();
  const uint32_t size = GetParam().size;
  for (const uint32_t longer : {size + 1, size + 8, 4096U, 4097U, 3 * 4096U}) {
    EXPECT_EQ(call(program, longer, longer), GetParam().on_zero) << longer;
  }
}

TEST_P(EveryCommand, RefusesALongerStructThatSaysSomething) {
  Client& program = boot();
  const uint32_t size = GetParam().size;
  for (const uint32_t longer : {size + 1, size + 8, 4096U, 2 * 4096U}) {
    EXPECT_EQ(call(program, longer, longer, size), -E2BIG) << "first byte of " << longer;
    EXPECT_EQ(call(program, longer, longer, longer - 1), -E2BIG) << "last byte of " << longer;
  }
}

TEST_P(EveryCommand, FaultsOnAnUnreadableTail) {
  Client& program = boot();
  const uint32_t size = GetParam().size;
  EXPECT_EQ(call(program, size + 1, size), -EFAULT);
  EXPECT_EQ(call(program, UINT32_MAX, size), -EFAULT);
}

// The tail is scanned upwards, so what comes first decides.
TEST_P(EveryCommand, SeesAByteInTheTailBeforeTheHoleBehindIt) {
  Client& program = boot();
  const uint32_t size = GetParam().size;
  EXPECT_EQ(call(program, size + 64, size + 32, size + 8), -E2BIG);
  EXPECT_EQ(call(program, size + 64, size + 32), -EFAULT);
}

TEST_P(EveryCommand, IsUnknownWithAnotherTypeOrDirection) {
  Client& program = boot();
  iommu_destroy argument{.size = 0, .id = 0};
  for (const uint32_t wrong : {GetParam().command ^ 0x100, GetParam().command | 0xc0000000,
                               GetParam().command | 0x80000}) {
    EXPECT_EQ(program.ioctl(program.iommufd, wrong, argument), -ENOTTY);
    EXPECT_EQ(program.ioctl_value(program.iommufd, wrong, 0), -EFAULT) << "the size is read first";
  }
}

INSTANTIATE_TEST_SUITE_P(
    Iommufd, EveryCommand,
    testing::Values(Command{"Destroy", IOMMU_DESTROY, 8, -ENOENT},
                    Command{"IoasAlloc", IOMMU_IOAS_ALLOC, 12, 0},
                    Command{"AllowIovas", IOMMU_IOAS_ALLOW_IOVAS, 24, -ENOENT},
                    Command{"Copy", IOMMU_IOAS_COPY, 40, -EINVAL},
                    Command{"IovaRanges", IOMMU_IOAS_IOVA_RANGES, 32, -ENOENT},
                    Command{"Map", IOMMU_IOAS_MAP, 40, -EINVAL},
                    Command{"Unmap", IOMMU_IOAS_UNMAP, 24, -ENOENT},
                    Command{"Option", IOMMU_OPTION, 24, 0},
                    Command{"VfioIoas", IOMMU_VFIO_IOAS, 12, -ENODEV},
                    Command{"HwptAlloc", IOMMU_HWPT_ALLOC, 48, -ENOENT, 24},
                    Command{"GetHwInfo", IOMMU_GET_HW_INFO, 40, -ENOENT, 32},
                    Command{"SetDirtyTracking", IOMMU_HWPT_SET_DIRTY_TRACKING, 16, -ENOENT},
                    Command{"GetDirtyBitmap", IOMMU_HWPT_GET_DIRTY_BITMAP, 48, -ENOENT},
                    Command{"Invalidate", IOMMU_HWPT_INVALIDATE, 32, -ENOENT},
                    Command{"FaultQueueAlloc", IOMMU_FAULT_QUEUE_ALLOC, 16, 0},
                    Command{"MapFile", IOMMU_IOAS_MAP_FILE, 40, -EINVAL},
                    Command{"ViommuAlloc", IOMMU_VIOMMU_ALLOC, 40, -EOPNOTSUPP, 24},
                    Command{"VdeviceAlloc", IOMMU_VDEVICE_ALLOC, 24, -ENOENT},
                    Command{"ChangeProcess", IOMMU_IOAS_CHANGE_PROCESS, 8, 0},
                    Command{"VeventqAlloc", IOMMU_VEVENTQ_ALLOC, 32, -EOPNOTSUPP, 28},
                    Command{"HwQueueAlloc", IOMMU_HW_QUEUE_ALLOC, 40, -EOPNOTSUPP},
                    Command{"GetPa", IOMMU_IOAS_NOIOMMU_GET_PA, 40, -EINVAL}),
    [](const auto& info) { return std::string(info.param.name); });

using Envelope = IommufdTest;

TEST_F(Envelope, NumbersOutsideTheTableAreUnknownWithoutAReadOfTheArgument) {
  Client& program = boot();
  for (const uint32_t number : {0x00U, 0x7fU, 0x96U, 0xffU}) {
    EXPECT_EQ(program.ioctl_value(program.iommufd, 0x3b00 + number, 0), -ENOTTY) << number;
  }
}

using CopyBack = AttachedTest;

TEST_F(CopyBack, OfALongerStructStopsAtTheKernelsOwn) {
  start();
  struct Longer {
    iommu_ioas_map map;
    uint64_t beyond;
  };
  const UserPtr va = program_->memory(kPageSize);
  Longer longer{Client::map_request(ioas_, va, kPageSize), 0};
  longer.map.size = sizeof(longer);
  EXPECT_EQ(program_->ioctl(program_->iommufd, IOMMU_IOAS_MAP, longer), 0);
  EXPECT_EQ(longer.map.size, sizeof(longer));
  EXPECT_EQ(longer.map.iova, 0x1000U);
  EXPECT_EQ(longer.beyond, 0U);
}

TEST_F(CopyBack, LeavesTheStructAloneOnFailure) {
  start();
  auto map = Client::map_request(ioas_, {0x1000}, kPageSize);
  const auto map_before = map;
  EXPECT_EQ(program_->ioctl(program_->iommufd, IOMMU_IOAS_MAP, map), -EFAULT);
  EXPECT_EQ(std::memcmp(&map, &map_before, sizeof(map)), 0);

  auto get_pa = Client::get_pa_request(ioas_, 0x5000, 77);
  get_pa.out_phys = 99;
  const auto get_pa_before = get_pa;
  EXPECT_EQ(program_->ioctl(program_->iommufd, IOMMU_IOAS_NOIOMMU_GET_PA, get_pa), -ENOENT);
  EXPECT_EQ(std::memcmp(&get_pa, &get_pa_before, sizeof(get_pa)), 0);
}

TEST_F(CopyBack, FaultOfAMapLeavesItMapped) {
  start();
  const UserPtr va = program_->memory(kPageSize);
  const UserPtr argument = program_->read_only(Client::map_request(ioas_, va, kPageSize));
  EXPECT_EQ(program_->ioctl_value(program_->iommufd, IOMMU_IOAS_MAP, argument.value), -EFAULT);
  EXPECT_EQ(program_->get_pa(ioas_, 0x1000).answer, 0);
  EXPECT_EQ(program_->unmap(ioas_, 0x1000, kPageSize), 4096);
}

TEST_F(CopyBack, FaultOfAnUnmapLeavesItUnmapped) {
  start();
  const iommu_ioas_unmap unmap{.size = sizeof(unmap),
                               .ioas_id = static_cast<uint32_t>(ioas_),
                               .iova = 0x1000,
                               .length = kPageSize};
  const UserPtr argument = program_->read_only(unmap);
  ASSERT_EQ(program_->map(ioas_, program_->memory(kPageSize), kPageSize), 0x1000);
  EXPECT_EQ(program_->ioctl_value(program_->iommufd, IOMMU_IOAS_UNMAP, argument.value), -EFAULT);
  EXPECT_EQ(program_->get_pa(ioas_, 0x1000).answer, -ENOENT);
  EXPECT_EQ(pins(), 0U);
}

TEST_F(CopyBack, FaultOfAnIoasAllocTakesItBack) {
  start();
  const iommu_ioas_alloc alloc{.size = sizeof(alloc), .flags = 0, .out_ioas_id = 0};
  const UserPtr argument = program_->read_only(alloc);
  EXPECT_EQ(program_->ioctl_value(program_->iommufd, IOMMU_IOAS_ALLOC, argument.value), -EFAULT);
  EXPECT_EQ(program_->destroy(4), -ENOENT);
  EXPECT_EQ(program_->ioas_alloc(), 4) << "the id is free again";
}

TEST_F(CopyBack, FaultOfAGetPaChangesNothing) {
  start();
  const UserPtr argument = program_->read_only(Client::get_pa_request(ioas_, 0x1000, 1));
  ASSERT_EQ(program_->map(ioas_, program_->memory(kPageSize), kPageSize), 0x1000);
  EXPECT_EQ(program_->ioctl_value(program_->iommufd, IOMMU_IOAS_NOIOMMU_GET_PA, argument.value),
            -EFAULT);
}

TEST_F(CopyBack, OfADestroyDoesNotHappen) {
  start();
  const int64_t other = program_->ioas_alloc();
  const UserPtr argument =
      program_->read_only(iommu_destroy{.size = 8, .id = static_cast<uint32_t>(other)});
  EXPECT_EQ(program_->ioctl_value(program_->iommufd, IOMMU_DESTROY, argument.value), 0);
}

}  // namespace
}  // namespace noiommu::tests
