// Programs that pass nonsense. Whatever they do, the kernel answers and goes on.
#include <array>
#include <random>

#include "tests/vfio/driver.h"

namespace noiommu::vfio {
namespace {

// Every device ioctl with an argument struct.
constexpr std::array<uint32_t, 10> kDeviceIoctls = {
    VFIO_DEVICE_BIND_IOMMUFD, VFIO_DEVICE_ATTACH_IOMMUFD_PT,      VFIO_DEVICE_DETACH_IOMMUFD_PT,
    VFIO_DEVICE_GET_INFO,     VFIO_DEVICE_GET_REGION_INFO,        VFIO_DEVICE_GET_IRQ_INFO,
    VFIO_DEVICE_SET_IRQS,     VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, VFIO_DEVICE_PCI_HOT_RESET,
    VFIO_DEVICE_FEATURE};

class Hostile : public VfioTest {
 protected:
  void SetUp() override {
    p_ = &boot();
    bound_ = p_->open_bound();
  }
  void TearDown() override {
    EXPECT_EQ(p_->load<uint32_t>(bound_.fd, kConfig), 0x11e81234) << "the device goes on";
    VfioTest::TearDown();
  }
  // Addresses that cannot be read, of all kinds.
  std::vector<UserPtr> bad_pointers() {
    const UserPtr unmapped = p_->memory(kPageSize);
    EXPECT_TRUE(p_->process->munmap(unmapped, kPageSize));
    return {{0},
            {1},
            {kPageSize},
            p_->memory(kPageSize, PROT_NONE),
            p_->scratch(3),
            {0x7ffffffff000},
            {0x800000000000},
            {0xffff800000000000},
            {UINT64_MAX - 2},
            {UINT64_MAX},
            unmapped};
  }

  Driver* p_ = nullptr;
  Driver::Bound bound_{};
};

TEST_F(Hostile, BadPointersFault) {
  for (const UserPtr bad : bad_pointers()) {
    for (const uint32_t command : kDeviceIoctls) {
      EXPECT_EQ(p_->ioctl_value(bound_.fd, command, bad.value), -EFAULT)
          << std::hex << command << " at " << bad.value;
    }
    const int unbound = p_->open(kDevice1);
    EXPECT_EQ(p_->ioctl_value(unbound, VFIO_DEVICE_BIND_IOMMUFD, bad.value), -EFAULT);
    const int group = p_->open("/dev/vfio/noiommu-1");
    EXPECT_EQ(p_->ioctl_value(group, VFIO_GROUP_GET_STATUS, bad.value), -EFAULT);
    p_->close(group);
    p_->close(unbound);
  }
}

TEST_F(Hostile, BadBuffersFault) {
  for (const UserPtr bad : bad_pointers()) {
    for (const uint64_t offset : {uint64_t{0}, kConfig}) {
      EXPECT_EQ(Driver::answer(p_->process->pread(bound_.fd, bad, 8, offset)), -EFAULT);
      EXPECT_EQ(Driver::answer(p_->process->pwrite(bound_.fd, bad, 8, offset)), -EFAULT);
    }
  }
}

TEST_F(Hostile, AnswersThatCannotBeWrittenFault) {
  const auto call = [&](uint32_t command, auto argument) {
    return p_->ioctl_value(bound_.fd, command, p_->read_only(argument).value);
  };
  EXPECT_EQ(call(VFIO_DEVICE_GET_INFO, std::array<uint32_t, 8>{24}), -EFAULT);
  EXPECT_EQ(call(VFIO_DEVICE_GET_REGION_INFO, std::array<uint32_t, 8>{32}), -EFAULT);
  EXPECT_EQ(call(VFIO_DEVICE_GET_IRQ_INFO, std::array<uint32_t, 8>{16}), -EFAULT);
  const int group = p_->open("/dev/vfio/noiommu-1");
  const UserPtr status = p_->read_only(vfio_group_status{.argsz = 8, .flags = 0});
  EXPECT_EQ(p_->ioctl_value(group, VFIO_GROUP_GET_STATUS, status.value), -EFAULT);
}

TEST_F(Hostile, HugeSizesAreOnlySizes) {
  for (const uint32_t argsz : {0x7fffffffU, 0x80000000U, UINT32_MAX}) {
    std::array<uint32_t, 8> argument{argsz};
    EXPECT_EQ(p_->ioctl(bound_.fd, VFIO_DEVICE_GET_INFO, argument), 0);
    argument = {argsz};
    EXPECT_EQ(p_->ioctl(bound_.fd, VFIO_DEVICE_GET_REGION_INFO, argument), 0);
    argument = {argsz};
    EXPECT_EQ(p_->ioctl(bound_.fd, VFIO_DEVICE_GET_IRQ_INFO, argument), 0);
    argument = {argsz, VFIO_DEVICE_FEATURE_PROBE | VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY};
    EXPECT_EQ(p_->ioctl(bound_.fd, VFIO_DEVICE_FEATURE, argument), 0);
  }
  EXPECT_EQ(Driver::answer(p_->process->pread(bound_.fd, p_->scratch(8), UINT64_MAX, kConfig)),
            -EFAULT);
  EXPECT_EQ(Driver::answer(p_->process->pread(bound_.fd, p_->scratch(8), UINT64_MAX, 0)), -EFAULT);
  EXPECT_EQ(Driver::answer(p_->process->pread(bound_.fd, p_->scratch(8), 8, UINT64_MAX)), -EINVAL);
}

TEST_F(Hostile, TailOfZerosIsReadToItsEnd) {
  const uint64_t length = 64ULL << 20;
  const UserPtr at = p_->memory(length);
  p_->poke(at, vfio_device_bind_iommufd{.argsz = static_cast<uint32_t>(length),
                                        .flags = 0,
                                        .iommufd = bound_.iommufd,
                                        .out_devid = 0,
                                        .token_uuid_ptr = 0});
  const int fd = p_->open(kDevice1);
  p_->poke(at + (length - 1), std::byte{1});
  EXPECT_EQ(p_->ioctl_value(fd, VFIO_DEVICE_BIND_IOMMUFD, at.value), -E2BIG);
  p_->poke(at + (length - 1), std::byte{0});
  EXPECT_EQ(p_->ioctl_value(fd, VFIO_DEVICE_BIND_IOMMUFD, at.value), 0);
}

// Random structs around the values that mean something, on every kind of file.
TEST_F(Hostile, RandomArguments) {
  std::mt19937 random(11);  // NOLINT(bugprone-random-generator-seed): the same every time
  const auto below = [&](uint32_t limit) { return static_cast<uint32_t>(random() % limit); };
  const std::array<int, 5> files = {bound_.fd, p_->open(kDevice1), p_->open("/dev/vfio/vfio"),
                                    p_->open("/dev/vfio/noiommu-1"), p_->eventfd()};
  p_->alloc_ioas(bound_.iommufd);
  for (int i = 0; i < 20000; ++i) {
    std::array<uint32_t, 12> argument{};
    for (uint32_t& word : argument) {
      constexpr std::array<uint32_t, 6> kEdges = {0xffffffff, 0x80000000, 0x7fffffff,
                                                  0x40003,    0x20004,    0x24};
      word = below(4) == 0 ? kEdges[below(kEdges.size())] : below(40);
    }
    const uint32_t command = VFIO_GET_API_VERSION + below(24);
    const int64_t done = p_->ioctl(files[below(files.size())], command, argument);
    EXPECT_GE(done, -EHWPOISON) << std::hex << command;
    EXPECT_LE(done, 1) << std::hex << command;
  }
}

}  // namespace
}  // namespace noiommu::vfio
