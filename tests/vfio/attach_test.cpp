// ATTACH_IOMMUFD_PT and DETACH_IOMMUFD_PT, row by row. Spec: vfio-core.md section 9.
#include "tests/vfio/driver.h"

namespace noiommu::vfio {
namespace {

constexpr uint64_t kIova = 0x10000;

// The device has id 1, the address space 2.
class Attach : public VfioTest {
 protected:
  void SetUp() override {
    p_ = &boot();
    bound_ = p_->open_bound();
    ioas_ = p_->alloc_ioas(bound_.iommufd);
  }
  int64_t attach(int64_t pt_id) { return p_->attach(bound_.fd, pt_id); }
  int64_t detach() { return p_->detach(bound_.fd); }
  int64_t attach_pasid(uint32_t pasid, int64_t pt_id, uint32_t argsz = 16) {
    vfio_device_attach_iommufd_pt argument{.argsz = argsz,
                                           .flags = VFIO_DEVICE_ATTACH_PASID,
                                           .pt_id = static_cast<uint32_t>(pt_id),
                                           .pasid = pasid};
    const int64_t done = p_->ioctl(bound_.fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, argument);
    return done == 0 ? argument.pt_id : done;
  }
  int64_t detach_pasid(uint32_t pasid, uint32_t argsz = 12) {
    vfio_device_detach_iommufd_pt argument{
        .argsz = argsz, .flags = VFIO_DEVICE_DETACH_PASID, .pasid = pasid};
    return p_->ioctl(bound_.fd, VFIO_DEVICE_DETACH_IOMMUFD_PT, argument);
  }
  int64_t attach_at(UserPtr argument) {
    return p_->ioctl_value(bound_.fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, argument.value);
  }
  int64_t detach_at(UserPtr argument) {
    return p_->ioctl_value(bound_.fd, VFIO_DEVICE_DETACH_IOMMUFD_PT, argument.value);
  }
  void map(int64_t ioas, UserPtr va, uint64_t pages) {
    ASSERT_EQ(p_->map(bound_.iommufd, ioas, va, pages * kPageSize, kIova), 0);
  }
  [[nodiscard]] uint64_t pins() const { return p_->machine->memory().pins(); }

  Driver* p_ = nullptr;
  Driver::Bound bound_{};
  int64_t ioas_ = 0;
};

TEST_F(Attach, AnswersThePageTable) {
  EXPECT_EQ(attach(ioas_), 3);
  EXPECT_EQ(attach(ioas_), 3) << "the same again changes nothing";
  EXPECT_EQ(attach(3), 3) << "by the id of the page table";
}

TEST_F(Attach, StructMustBeReadable) {
  EXPECT_EQ(attach_at({0}), -EFAULT);
  EXPECT_EQ(attach_at(p_->scratch(11)), -EFAULT);
  const UserPtr at = p_->scratch(12);
  p_->poke(at, std::array<uint32_t, 3>{12, 0, static_cast<uint32_t>(ioas_)});
  EXPECT_EQ(attach_at(at), 0) << "12 bytes are enough";
}

TEST_F(Attach, ArgszAndFlags) {
  for (const uint32_t argsz : {0U, 8U, 11U}) {
    vfio_device_attach_iommufd_pt argument{.argsz = argsz, .flags = 2, .pt_id = 99, .pasid = 0};
    EXPECT_EQ(p_->ioctl(bound_.fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, argument), -EINVAL);
  }
  for (const uint32_t flags : {2U, 3U, 0x80000000U}) {
    vfio_device_attach_iommufd_pt argument{.argsz = 16, .flags = flags, .pt_id = 99, .pasid = 0};
    EXPECT_EQ(p_->ioctl(bound_.fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, argument), -EINVAL);
  }
}

TEST_F(Attach, TargetMustBeAPageTableOrAnAddressSpace) {
  EXPECT_EQ(attach(0), -ENOENT);
  EXPECT_EQ(attach(99), -ENOENT);
  EXPECT_EQ(attach(UINT32_MAX), -ENOENT);
  EXPECT_EQ(attach(bound_.id), -EINVAL);
}

TEST_F(Attach, ObjectsOfAnotherContextAreUnknown) {
  const int other = p_->open("/dev/iommu");
  for (int i = 0; i < 4; ++i) p_->alloc_ioas(other);
  EXPECT_EQ(attach(4), -ENOENT);
}

TEST_F(Attach, SecondDeviceSharesThePageTable) {
  EXPECT_EQ(attach(ioas_), 3);
  const int second = p_->open(kDevice1);
  EXPECT_EQ(p_->bind(second, bound_.iommufd), 4);
  EXPECT_EQ(p_->attach(second, ioas_), 3);
  EXPECT_EQ(detach(), 0);
  EXPECT_EQ(p_->destroy(bound_.iommufd, 3), -EBUSY);
  EXPECT_EQ(p_->detach(second), 0);
  EXPECT_EQ(p_->destroy(bound_.iommufd, 3), -ENOENT);
}

TEST_F(Attach, ReplacesAndLetsTheOldOneGo) {
  map(ioas_, p_->memory(4 * kPageSize), 4);
  EXPECT_EQ(attach(ioas_), 3);
  EXPECT_EQ(pins(), 4);
  const int64_t other = p_->alloc_ioas(bound_.iommufd);
  EXPECT_EQ(attach(other), 5);
  EXPECT_EQ(pins(), 0);
  EXPECT_EQ(p_->destroy(bound_.iommufd, ioas_), 0);
}

TEST_F(Attach, FailedReplaceKeepsTheOldOne) {
  EXPECT_EQ(attach(ioas_), 3);
  map(ioas_, p_->memory(kPageSize), 1);
  const int64_t bad = p_->alloc_ioas(bound_.iommufd);
  map(bad, UserPtr{kPageSize}, 1);
  EXPECT_EQ(attach(bad), -EFAULT);
  EXPECT_GT(p_->get_pa(bound_.iommufd, ioas_, kIova), 0);
}

TEST_F(Attach, AnswerThatCannotBeWrittenDetaches) {
  map(ioas_, p_->memory(kPageSize), 1);
  const vfio_device_attach_iommufd_pt argument{
      .argsz = 12, .flags = 0, .pt_id = static_cast<uint32_t>(ioas_), .pasid = 0};
  EXPECT_EQ(attach_at(p_->read_only(argument)), -EFAULT);
  EXPECT_EQ(pins(), 0);
  EXPECT_EQ(p_->destroy(bound_.iommufd, ioas_), 0);
}

TEST_F(Attach, AnswerThatCannotBeWrittenDetachesAnEarlierAttachmentToo) {
  EXPECT_EQ(attach(ioas_), 3);
  const vfio_device_attach_iommufd_pt argument{
      .argsz = 12, .flags = 0, .pt_id = static_cast<uint32_t>(ioas_), .pasid = 0};
  EXPECT_EQ(attach_at(p_->read_only(argument)), -EFAULT);
  EXPECT_EQ(p_->destroy(bound_.iommufd, ioas_), 0);
}

TEST_F(Attach, DetachUnpins) {
  map(ioas_, p_->memory(4 * kPageSize), 4);
  EXPECT_EQ(attach(ioas_), 3);
  EXPECT_EQ(pins(), 4);
  EXPECT_EQ(detach(), 0);
  EXPECT_EQ(pins(), 0);
  EXPECT_EQ(detach(), 0) << "nothing attached is no mistake";
}

TEST_F(Attach, DetachArgument) {
  EXPECT_EQ(detach_at({0}), -EFAULT);
  EXPECT_EQ(detach_at(p_->scratch(7)), -EFAULT);
  const UserPtr at = p_->scratch(8);
  p_->poke(at, std::array<uint32_t, 2>{8, 0});
  EXPECT_EQ(detach_at(at), 0) << "8 bytes are enough";
  p_->poke(at, std::array<uint32_t, 2>{7, 0});
  EXPECT_EQ(detach_at(at), -EINVAL);
  p_->poke(at, std::array<uint32_t, 2>{8, 2});
  EXPECT_EQ(detach_at(at), -EINVAL);
}

// No page table of the model can be used with a PASID.
TEST_F(Attach, NoPasidButZero) {
  EXPECT_EQ(attach_pasid(5, ioas_), -EINVAL);
  EXPECT_EQ(attach(ioas_), 3) << "no id was used up";
  EXPECT_EQ(attach_pasid(5, ioas_), -EINVAL);
  EXPECT_EQ(attach_pasid(5, 3), -EINVAL);
  EXPECT_EQ(attach_pasid(5, 99), -ENOENT);
  EXPECT_EQ(attach_pasid(5, bound_.id), -EINVAL);
  EXPECT_EQ(attach_pasid(UINT32_MAX, ioas_), -ENOSPC);
}

TEST_F(Attach, PasidMustBeThere) {
  EXPECT_EQ(attach_pasid(0, ioas_, 15), -EINVAL);
  const UserPtr at = p_->scratch(12);
  p_->poke(at, std::array<uint32_t, 3>{16, VFIO_DEVICE_ATTACH_PASID, static_cast<uint32_t>(ioas_)});
  EXPECT_EQ(attach_at(at), -EFAULT);
  EXPECT_EQ(detach_pasid(0, 11), -EINVAL);
  const UserPtr at2 = p_->scratch(8);
  p_->poke(at2, std::array<uint32_t, 2>{12, VFIO_DEVICE_DETACH_PASID});
  EXPECT_EQ(detach_at(at2), -EFAULT);
}

TEST_F(Attach, PasidZeroIsTheDeviceInBooksOfItsOwn) {
  map(ioas_, p_->memory(kPageSize), 1);
  EXPECT_EQ(attach_pasid(0, ioas_), 3);
  EXPECT_GT(p_->get_pa(bound_.iommufd, ioas_, kIova), 0);
  EXPECT_EQ(attach_pasid(0, ioas_), 3) << "replaces";
  EXPECT_EQ(attach(ioas_), -EBUSY);
  EXPECT_EQ(attach(99), -ENOENT);
  EXPECT_EQ(attach(bound_.id), -EINVAL);
  EXPECT_EQ(detach(), 0);
  EXPECT_EQ(pins(), 1) << "a plain DETACH does not see it";
  EXPECT_EQ(detach_pasid(0), 0);
  EXPECT_EQ(pins(), 0);
  EXPECT_EQ(attach(ioas_), 3);
  EXPECT_EQ(attach_pasid(0, ioas_), -EBUSY);
  EXPECT_EQ(detach_pasid(0), 0);
  EXPECT_EQ(pins(), 1) << "nor does DETACH of PASID 0 see a plain one";
}

TEST_F(Attach, DetachOfAPasidNeverAttachedIsSilent) {
  EXPECT_EQ(detach_pasid(5), 0);
  EXPECT_EQ(detach_pasid(UINT32_MAX), 0);
}

TEST_F(Attach, CloseDetachesPasidZero) {
  map(ioas_, p_->memory(kPageSize), 1);
  EXPECT_EQ(attach_pasid(0, ioas_), 3);
  p_->close(bound_.fd);
  EXPECT_EQ(pins(), 0);
  EXPECT_EQ(p_->destroy(bound_.iommufd, ioas_), 0);
}

// A real device makes a page table of its own, which GET_PA cannot read.
TEST_F(Attach, RealDeviceDoesNotUseATableWithoutIommu) {
  MachineConfig config = tests::two_devices();
  config.devices[1].has_iommu = true;
  Driver& p = boot(config);
  const Driver::Bound none = p.open_bound();
  const int real = p.open("/dev/vfio/devices/vfio1");
  EXPECT_EQ(p.bind(real, none.iommufd), 2);
  const int64_t ioas = p.alloc_ioas(none.iommufd);
  EXPECT_EQ(p.attach(none.fd, ioas), 4);
  EXPECT_EQ(p.attach(real, ioas), 5);
}

}  // namespace
}  // namespace noiommu::vfio
