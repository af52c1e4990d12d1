// The type 1 back end of a native container. Spec: vfio-core.md section 6.
#include "tests/vfio/container_test.h"

namespace noiommu::vfio {
namespace {

TEST_F(Containers, Type1MapsAndUnmapsAsItWasMapped) {
  start_type1();
  const UserPtr va = p_->memory(16 * kPageSize);
  ASSERT_EQ(map_dma(*p_, container_, va, 0x100000, 4 * kPageSize), 0);
  EXPECT_EQ(p_->machine->memory().pins(), 4U);
  EXPECT_EQ(map_dma(*p_, container_, va, 0x103000, kPageSize), -EEXIST);
  EXPECT_EQ(unmap_dma(*p_, container_, 0x100000, kPageSize), -EINVAL) << "would cut it";
  EXPECT_EQ(unmap_dma(*p_, container_, 0x101000, 8 * kPageSize), -EINVAL);
  EXPECT_EQ(unmap_dma(*p_, container_, 0, 0x200000), 0x4000);
  EXPECT_EQ(unmap_dma(*p_, container_, 0, 0x200000), 0) << "nothing there is no error";
  EXPECT_EQ(p_->machine->memory().pins(), 0U);
}

TEST_F(Containers, Type1Version1RemovesWholeMappings) {
  start_type1(VFIO_TYPE1_IOMMU);
  const UserPtr va = p_->memory(16 * kPageSize);
  ASSERT_EQ(map_dma(*p_, container_, va, 0x100000, 4 * kPageSize), 0);
  EXPECT_EQ(unmap_dma(*p_, container_, 0x101000, kPageSize), 0) << "starts inside";
  EXPECT_EQ(unmap_dma(*p_, container_, 0x100000, kPageSize), 0x4000);
}

TEST_F(Containers, Type1Errors) {
  start_type1();
  const UserPtr va = p_->memory(16 * kPageSize);
  EXPECT_EQ(p_->ioctl_value(container_, VFIO_IOMMU_MAP_DMA, 0), -EFAULT);
  EXPECT_EQ(map_dma(*p_, container_, va, 0, kPageSize, 0), -EINVAL) << "neither read nor write";
  EXPECT_EQ(map_dma(*p_, container_, va, 0, kPageSize, 8), -EINVAL);
  EXPECT_EQ(map_dma(*p_, container_, va, 0, 0), -EINVAL);
  EXPECT_EQ(map_dma(*p_, container_, va, 1, kPageSize), -EINVAL);
  EXPECT_EQ(map_dma(*p_, container_, va + 1, 0, kPageSize), -EINVAL);
  EXPECT_EQ(map_dma(*p_, container_, va, 0, kPageSize / 2), -EINVAL);
  EXPECT_EQ(map_dma(*p_, container_, va, ~uint64_t{0xfff}, 2 * kPageSize), -EOVERFLOW);
  EXPECT_EQ(map_dma(*p_, container_, {0x1000}, 0, kPageSize), -EFAULT) << "nothing there";
  EXPECT_EQ(unmap_dma(*p_, container_, 0, 0), -EINVAL);
  EXPECT_EQ(unmap_dma(*p_, container_, 1, kPageSize), -EINVAL);
  EXPECT_EQ(unmap_dma(*p_, container_, 0, kPageSize, VFIO_DMA_UNMAP_FLAG_ALL), -EINVAL);
  EXPECT_EQ(unmap_dma(*p_, container_, 0, 0, VFIO_DMA_UNMAP_FLAG_ALL), 0);
  EXPECT_EQ(p_->machine->memory().pins(), 0U);
}

TEST_F(Containers, Type1CountsAgainstTheAddressSpace) {
  start_type1();
  p_->process->set_capability(CAP_IPC_LOCK, false);
  p_->process->set_memlock(4 * kPageSize);
  const UserPtr va = p_->memory(16 * kPageSize);
  EXPECT_EQ(map_dma(*p_, container_, va, 0, 5 * kPageSize), -ENOMEM);
  ASSERT_EQ(map_dma(*p_, container_, va, 0, 4 * kPageSize), 0);
  EXPECT_EQ(p_->process->memory().locked_vm, 4U);
  p_->close(group_);
  EXPECT_EQ(p_->process->memory().locked_vm, 0U) << "the last group takes the mappings along";
}

}  // namespace
}  // namespace noiommu::vfio
