// BIND_IOMMUFD, row by row. Spec: vfio-core.md section 8.
#include <array>

#include "tests/vfio/driver.h"

namespace noiommu::vfio {
namespace {

constexpr int kNoFile = 999;

class Bind : public VfioTest {
 protected:
  void open_both(const MachineConfig& config = tests::two_devices()) {
    p_ = &boot(config);
    iommufd_ = p_->open("/dev/iommu");
    fd_ = p_->open(kDevice0);
  }
  int64_t bind(vfio_device_bind_iommufd argument) {
    return p_->ioctl(fd_, VFIO_DEVICE_BIND_IOMMUFD, argument);
  }
  int64_t bind_at(UserPtr argument) {
    return p_->ioctl_value(fd_, VFIO_DEVICE_BIND_IOMMUFD, argument.value);
  }
  // The argument of a plain call that succeeds.
  [[nodiscard]] vfio_device_bind_iommufd good() const {
    return {.argsz = 16, .flags = 0, .iommufd = iommufd_, .out_devid = 0, .token_uuid_ptr = 0};
  }
  struct Longer {
    vfio_device_bind_iommufd bind;
    std::array<std::byte, 8> tail;
  };
  [[nodiscard]] Longer longer(std::byte last = {}) const {
    Longer argument{.bind = good(), .tail = {}};
    argument.bind.argsz = sizeof(argument);
    argument.tail.back() = last;
    return argument;
  }

  Driver* p_ = nullptr;
  int iommufd_ = -1;
  int fd_ = -1;
};

TEST_F(Bind, NumbersDevicesFromOneInTheirContext) {
  open_both();
  EXPECT_EQ(p_->bind(fd_, iommufd_), 1);
  EXPECT_EQ(p_->alloc_ioas(iommufd_), 2);
  const int second = p_->open(kDevice1);
  EXPECT_EQ(p_->bind(second, iommufd_), 3);
  p_->close(fd_);
  EXPECT_EQ(p_->bind(p_->open(kDevice0), iommufd_), 1);
}

TEST_F(Bind, EachContextCountsByItself) {
  open_both();
  EXPECT_EQ(p_->bind(fd_, iommufd_), 1);
  EXPECT_EQ(p_->bind(p_->open(kDevice1), p_->open("/dev/iommu")), 1);
}

TEST_F(Bind, WorksForARealDevice) {
  Driver& p = boot(behind_iommu());
  EXPECT_EQ(p.bind(p.open("/dev/vfio/devices/vfio0"), p.open("/dev/iommu")), 1);
}

TEST_F(Bind, DoesNotAskForTheCapabilityAgain) {
  open_both();
  p_->process->set_capability(CAP_SYS_RAWIO, false);
  EXPECT_EQ(p_->bind(fd_, iommufd_), 1);
}

// Rows 1 to 3.

TEST_F(Bind, ArgszMustBeReadable) {
  open_both();
  EXPECT_EQ(bind_at({0}), -EFAULT);
  EXPECT_EQ(bind_at(p_->scratch(3)), -EFAULT);
}

TEST_F(Bind, ArgszBelow16) {
  open_both();
  for (const uint32_t argsz : {0U, 12U, 15U}) {
    const UserPtr at = p_->scratch(sizeof(argsz));  // nothing more is looked at
    p_->poke(at, argsz);
    EXPECT_EQ(bind_at(at), -EINVAL) << argsz;
  }
}

TEST_F(Bind, RestOfTheStructMustBeReadable) {
  open_both();
  const UserPtr at = p_->scratch(15);
  p_->poke(at, uint32_t{16});
  EXPECT_EQ(bind_at(at), -EFAULT);
}

TEST_F(Bind, SizesFrom16To24AreFine) {
  for (const uint32_t argsz : {16U, 20U, 24U}) {
    open_both();
    vfio_device_bind_iommufd argument = good();
    argument.argsz = argsz;
    EXPECT_EQ(bind(argument), 0) << argsz;
  }
}

TEST_F(Bind, LongerStructMustSayNothingNew) {
  open_both();
  Longer argument = longer(std::byte{1});
  EXPECT_EQ(p_->ioctl(fd_, VFIO_DEVICE_BIND_IOMMUFD, argument), -E2BIG);
  argument = longer();
  EXPECT_EQ(p_->ioctl(fd_, VFIO_DEVICE_BIND_IOMMUFD, argument), 0);
  EXPECT_EQ(argument.bind.out_devid, 1);
}

TEST_F(Bind, TailIsReadByteAfterByte) {
  open_both();
  for (const bool zero : {true, false}) {
    Longer argument = longer(zero ? std::byte{0} : std::byte{1});
    argument.bind.argsz += 64;  // goes on where nothing is mapped
    const UserPtr at = p_->scratch(sizeof(argument));
    p_->poke(at, argument);
    EXPECT_EQ(bind_at(at), zero ? -EFAULT : -E2BIG);
  }
}

TEST_F(Bind, HugeArgszRunsIntoAFault) {
  open_both();
  vfio_device_bind_iommufd argument = good();
  argument.argsz = UINT32_MAX;
  const UserPtr at = p_->scratch(kPageSize);
  p_->poke(at, argument);
  EXPECT_EQ(bind_at(at), -EFAULT);
}

TEST_F(Bind, TailComesBeforeTheFields) {
  open_both();
  Longer argument = longer(std::byte{1});
  argument.bind.iommufd = -1;
  EXPECT_EQ(p_->ioctl(fd_, VFIO_DEVICE_BIND_IOMMUFD, argument), -E2BIG);
}

// Row 4.

TEST_F(Bind, NegativeDescriptorsAndUnknownFlags) {
  open_both();
  for (const int iommufd : {-1, -2, INT32_MIN}) {
    vfio_device_bind_iommufd argument = good();
    argument.iommufd = iommufd;
    EXPECT_EQ(bind(argument), -EINVAL) << iommufd;
  }
  for (const uint32_t flags : {2U, 3U, 0x80000000U}) {
    vfio_device_bind_iommufd argument = good();
    argument.flags = flags;
    EXPECT_EQ(bind(argument), -EINVAL) << flags;
  }
}

// Row 6.

TEST_F(Bind, WaitsForNobodyWhileTheGroupIsOpen) {
  open_both();
  const int group = p_->open("/dev/vfio/noiommu-0");
  EXPECT_EQ(p_->bind(fd_, iommufd_), -EBUSY);
  EXPECT_EQ(p_->bind(fd_, kNoFile), -EBUSY);
  EXPECT_EQ(p_->bind(fd_, -1), -EINVAL);
  EXPECT_EQ(p_->bind(p_->open(kDevice1), iommufd_), 1) << "another group";
  p_->close(group);
  EXPECT_EQ(p_->bind(fd_, iommufd_), 2);
}

TEST_F(Bind, EveryFailureLetsGoOfTheGroup) {
  open_both();
  EXPECT_EQ(p_->bind(fd_, kNoFile), -EBADF);
  EXPECT_GE(p_->open("/dev/vfio/noiommu-0"), 0);
}

// Row 7.

TEST_F(Bind, BoundFileCannotBeBoundAgain) {
  open_both();
  EXPECT_EQ(p_->bind(fd_, iommufd_), 1);
  EXPECT_EQ(p_->bind(fd_, iommufd_), -EINVAL);
  EXPECT_EQ(p_->bind(fd_, kNoFile), -EINVAL) << "before the descriptor is looked at";
  vfio_device_bind_iommufd argument = good();
  argument.argsz = 24;
  argument.flags = VFIO_DEVICE_BIND_FLAG_TOKEN;
  EXPECT_EQ(bind(argument), -EINVAL) << "before the token is read";
}

// Row 8.

TEST_F(Bind, TokenMustBeReadable) {
  open_both();
  vfio_device_bind_iommufd argument = good();
  argument.argsz = 24;
  argument.flags = VFIO_DEVICE_BIND_FLAG_TOKEN;
  for (const UserPtr token : {UserPtr{0}, p_->scratch(15)}) {
    argument.token_uuid_ptr = token.value;
    const UserPtr at = p_->read_only(argument);
    EXPECT_EQ(bind_at(at), -EFAULT);
  }
  argument.argsz = 16;  // the pointer is not there, and reads as zero
  argument.token_uuid_ptr = p_->memory(kPageSize).value;
  EXPECT_EQ(bind(argument), -EFAULT);
}

TEST_F(Bind, PlainFunctionTakesNoToken) {
  open_both();
  vfio_device_bind_iommufd argument = good();
  argument.argsz = 24;
  argument.flags = VFIO_DEVICE_BIND_FLAG_TOKEN;
  argument.iommufd = kNoFile;  // before the descriptor is looked at
  argument.token_uuid_ptr = p_->memory(kPageSize).value;
  EXPECT_EQ(bind(argument), -EINVAL);
}

TEST_F(Bind, TokenPointerWithoutTheFlagIsIgnored) {
  open_both();
  vfio_device_bind_iommufd argument = good();
  argument.argsz = 24;
  argument.token_uuid_ptr = 1;
  EXPECT_EQ(bind(argument), 0);
}

// Rows 9 and 10.

TEST_F(Bind, DescriptorMustBeAnIommufd) {
  open_both();
  EXPECT_EQ(p_->bind(fd_, kNoFile), -EBADF);
  for (const int other :
       {p_->open("/dev/null"), fd_, p_->open(kDevice1), p_->eventfd(), p_->open("/dev/vfio/vfio"),
        p_->machine->memfd(*p_->process, 1).value()}) {
    EXPECT_EQ(p_->bind(fd_, other), -EBADFD) << other;
  }
  p_->close(iommufd_);
  EXPECT_EQ(p_->bind(fd_, iommufd_), -EBADF);
}

TEST_F(Bind, OneFileOfADeviceAtATime) {
  open_both();
  const int second = p_->open(kDevice0);
  EXPECT_EQ(p_->bind(fd_, iommufd_), 1);
  EXPECT_EQ(p_->bind(second, iommufd_), -EINVAL);
  EXPECT_EQ(p_->bind(second, p_->open("/dev/iommu")), -EINVAL);
  EXPECT_EQ(p_->bind(second, kNoFile), -EBADF) << "the descriptor is looked at first";
  EXPECT_EQ(p_->pread(second, kConfig, 4), -EINVAL);
  EXPECT_EQ(p_->alloc_ioas(iommufd_), 2) << "no id was used up";
  p_->close(fd_);
  EXPECT_EQ(p_->bind(second, iommufd_), 1);
}

// Row 14.

TEST_F(Bind, AnswerThatCannotBeWrittenUndoesEverything) {
  open_both();
  EXPECT_EQ(bind_at(p_->read_only(good())), -EFAULT);
  EXPECT_EQ(p_->pread(fd_, kConfig, 4), -EINVAL) << "not bound";
  EXPECT_EQ(p_->alloc_ioas(iommufd_), 1) << "the id is free again";
  const int group = p_->open("/dev/vfio/noiommu-0");
  EXPECT_GE(group, 0);
  p_->close(group);
  EXPECT_EQ(p_->bind(p_->open(kDevice0), iommufd_), 2) << "the device is free again";
}

TEST_F(Bind, BoundDeviceKeepsItsIdBusy) {
  open_both();
  EXPECT_EQ(p_->bind(fd_, iommufd_), 1);
  EXPECT_EQ(p_->destroy(iommufd_, 1), -EBUSY);
  p_->close(fd_);
  EXPECT_EQ(p_->destroy(iommufd_, 1), -ENOENT);
}

}  // namespace
}  // namespace noiommu::vfio
