// VFIO_IOAS: which IOAS the container emulation maps in. Spec: iommufd.md section 12.
#include "tests/iommufd/iommufd_test.h"

namespace noiommu::tests {
namespace {

class VfioIoas : public IommufdTest {
 protected:
  void SetUp() override {
    program_ = &boot();
    ioas_ = program_->ioas_alloc();
  }
  static iommu_vfio_ioas request(uint16_t op, int64_t ioas = 0) {
    return {.size = sizeof(iommu_vfio_ioas),
            .ioas_id = static_cast<uint32_t>(ioas),
            .op = op,
            .__reserved = 0};
  }
  int64_t call(iommu_vfio_ioas request) {
    return program_->ioctl(program_->iommufd, IOMMU_VFIO_IOAS, request);
  }
  int64_t call_read_only(const iommu_vfio_ioas& request) {
    return program_->ioctl_value(program_->iommufd, IOMMU_VFIO_IOAS,
                                 program_->read_only(request).value);
  }

  Client* program_ = nullptr;
  int64_t ioas_ = 0;
};

TEST_F(VfioIoas, LooksAtReservedBitsFirst) {
  for (const uint16_t op : {IOMMU_VFIO_IOAS_GET, IOMMU_VFIO_IOAS_SET, IOMMU_VFIO_IOAS_CLEAR}) {
    auto wrong = request(op, 99);
    wrong.__reserved = 1;
    EXPECT_EQ(call(wrong), -EOPNOTSUPP);
  }
}

TEST_F(VfioIoas, HasThreeOperations) {
  EXPECT_EQ(call(request(3, ioas_)), -EOPNOTSUPP);
  EXPECT_EQ(call(request(UINT16_MAX, 99)), -EOPNOTSUPP);
}

TEST_F(VfioIoas, IsNothingAtFirst) {
  auto get = request(IOMMU_VFIO_IOAS_GET, 77);
  EXPECT_EQ(program_->ioctl(program_->iommufd, IOMMU_VFIO_IOAS, get), -ENODEV);
  EXPECT_EQ(get.ioas_id, 77U) << "left alone";
}

TEST_F(VfioIoas, IsWhatWasSetLast) {
  const int64_t other = program_->ioas_alloc();
  EXPECT_EQ(program_->set_vfio_ioas(ioas_), 0);
  EXPECT_EQ(program_->get_vfio_ioas(), ioas_);
  EXPECT_EQ(program_->set_vfio_ioas(other), 0);
  EXPECT_EQ(program_->get_vfio_ioas(), other);
}

TEST_F(VfioIoas, IsAnIoas) {
  program_->bind(0);
  ASSERT_EQ(program_->set_vfio_ioas(ioas_), 0);
  for (const int64_t wrong : {int64_t{0}, int64_t{99}, int64_t{program_->device_id}}) {
    EXPECT_EQ(program_->set_vfio_ioas(wrong), -ENOENT);
  }
  EXPECT_EQ(program_->get_vfio_ioas(), ioas_) << "the old one stays";
}

TEST_F(VfioIoas, CanAlwaysBeCleared) {
  EXPECT_EQ(program_->clear_vfio_ioas(), 0);
  ASSERT_EQ(program_->set_vfio_ioas(ioas_), 0);
  EXPECT_EQ(call(request(IOMMU_VFIO_IOAS_CLEAR, 99)), 0) << "the id is ignored";
  EXPECT_EQ(program_->get_vfio_ioas(), -ENODEV);
}

TEST_F(VfioIoas, IsForgottenWhenItIsDestroyed) {
  ASSERT_EQ(program_->set_vfio_ioas(ioas_), 0);
  EXPECT_EQ(program_->destroy(ioas_), 0) << "it is not in use by that";
  EXPECT_EQ(program_->get_vfio_ioas(), -ENODEV);
  EXPECT_EQ(program_->ioas_alloc(), ioas_);
  EXPECT_EQ(program_->get_vfio_ioas(), -ENODEV) << "a new one of that id is another";
}

TEST_F(VfioIoas, StaysWhenAnotherIsDestroyed) {
  const int64_t other = program_->ioas_alloc();
  ASSERT_EQ(program_->set_vfio_ioas(ioas_), 0);
  ASSERT_EQ(program_->destroy(other), 0);
  EXPECT_EQ(program_->get_vfio_ioas(), ioas_);
}

TEST_F(VfioIoas, IsOfOneContext) {
  ASSERT_EQ(program_->set_vfio_ioas(ioas_), 0);
  Client& other = spawn();
  EXPECT_EQ(other.get_vfio_ioas(), -ENODEV);
}

TEST_F(VfioIoas, IsWrittenBackByGetOnly) {
  EXPECT_EQ(call_read_only(request(IOMMU_VFIO_IOAS_SET, ioas_)), 0);
  EXPECT_EQ(program_->get_vfio_ioas(), ioas_);
  EXPECT_EQ(call_read_only(request(IOMMU_VFIO_IOAS_GET)), -EFAULT);
  EXPECT_EQ(call_read_only(request(IOMMU_VFIO_IOAS_CLEAR)), 0);
  EXPECT_EQ(program_->get_vfio_ioas(), -ENODEV);
}

}  // namespace
}  // namespace noiommu::tests
