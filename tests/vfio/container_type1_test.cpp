// The type 1 back end of a native container. Spec: vfio-core.md section 6.
#include <cstddef>

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
  EXPECT_EQ(map_dma(*p_, container_, va, UINT64_MAX, kPageSize + 1), -EOVERFLOW) << "is said first";
  EXPECT_EQ(map_dma(*p_, container_, va, ~uint64_t{0xfff}, 2 * kPageSize, 0), -EOVERFLOW);
  EXPECT_EQ(map_dma(*p_, container_, {0x1000}, 0, kPageSize), -EFAULT) << "nothing there";
  EXPECT_EQ(unmap_dma(*p_, container_, 0, 0), -EINVAL);
  EXPECT_EQ(unmap_dma(*p_, container_, 1, kPageSize), -EINVAL);
  EXPECT_EQ(unmap_dma(*p_, container_, ~uint64_t{0xfff}, 2 * kPageSize), -EOVERFLOW);
  EXPECT_EQ(unmap_dma(*p_, container_, ~uint64_t{0xfff} + 1, 2 * kPageSize + 1), -EINVAL);
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

TEST_F(Containers, Type1TakesSoManyMappings) {
  constexpr uint64_t kMost = 65535;
  start_type1();
  const UserPtr va = p_->memory(kPageSize);
  for (uint64_t i = 0; i < kMost; ++i) {
    ASSERT_EQ(map_dma(*p_, container_, va, i * kPageSize, kPageSize), 0);
  }
  EXPECT_EQ(map_dma(*p_, container_, va, kMost * kPageSize, kPageSize), -ENOSPC);
  EXPECT_EQ(map_dma(*p_, container_, va, 0, kPageSize), -EEXIST) << "is said first";
  EXPECT_EQ(unmap_dma(*p_, container_, 0, 2 * kPageSize), 0x2000);
  EXPECT_EQ(map_dma(*p_, container_, {0x1000}, 0, kPageSize), -EFAULT) << "which takes no room";
  EXPECT_EQ(map_dma(*p_, container_, va, 0, kPageSize), 0);
  EXPECT_EQ(map_dma(*p_, container_, va, kPageSize, kPageSize), 0);
  EXPECT_EQ(map_dma(*p_, container_, va, kMost * kPageSize, kPageSize), -ENOSPC);
}

// GET_INFO with room behind the struct.
struct WholeInfo {
  vfio_iommu_type1_info info;
  vfio_iommu_type1_info_cap_migration migration;
  vfio_iommu_type1_info_dma_avail dma_avail;
  uint32_t padding;
  vfio_iommu_type1_info_cap_iova_range iova_range;
  vfio_iova_range range;
};

TEST_F(Containers, Type1TellsOfItself) {
  start_type1();
  ASSERT_EQ(map_dma(*p_, container_, p_->memory(kPageSize), 0, kPageSize), 0);
  WholeInfo whole{};
  whole.info.argsz = sizeof(whole);
  whole.padding = 99;
  ASSERT_EQ(p_->ioctl(container_, VFIO_IOMMU_GET_INFO, whole), 0);
  EXPECT_EQ(whole.info.argsz, sizeof(whole));
  EXPECT_EQ(whole.info.flags, VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS);
  EXPECT_EQ(whole.info.iova_pgsizes, 0x40201000U);
  EXPECT_EQ(whole.info.cap_offset, offsetof(WholeInfo, migration));
  EXPECT_EQ(whole.migration.header.id, VFIO_IOMMU_TYPE1_INFO_CAP_MIGRATION);
  EXPECT_EQ(whole.migration.header.version, 1);
  EXPECT_EQ(whole.migration.header.next, offsetof(WholeInfo, dma_avail));
  EXPECT_EQ(whole.migration.flags, 0U);
  EXPECT_EQ(whole.migration.pgsize_bitmap, kPageSize);
  EXPECT_EQ(whole.migration.max_dirty_bitmap_size, 0x10000000U);
  EXPECT_EQ(whole.dma_avail.header.id, VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL);
  EXPECT_EQ(whole.dma_avail.header.next, offsetof(WholeInfo, iova_range));
  EXPECT_EQ(whole.dma_avail.avail, 65534U);
  EXPECT_EQ(whole.padding, 0U);
  EXPECT_EQ(whole.iova_range.header.id, VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE);
  EXPECT_EQ(whole.iova_range.header.next, 0U);
  EXPECT_EQ(whole.iova_range.nr_iovas, 1U);
  EXPECT_EQ(whole.range.start, 0U);
  EXPECT_EQ(whole.range.end, UINT64_MAX);
}

TEST_F(Containers, Type1TellsHowMuchRoomItNeeds) {
  start_type1();
  for (const uint32_t argsz : {16U, 24U, static_cast<uint32_t>(sizeof(WholeInfo)) - 1}) {
    WholeInfo whole{};
    whole.info.argsz = argsz;
    whole.info.cap_offset = 99;
    ASSERT_EQ(p_->ioctl(container_, VFIO_IOMMU_GET_INFO, whole), 0);
    EXPECT_EQ(whole.info.argsz, sizeof(whole));
    EXPECT_EQ(whole.info.cap_offset, argsz == 16 ? 99U : 0U);
    EXPECT_EQ(whole.migration.header.id, 0);
  }
  vfio_iommu_type1_info info{};
  info.argsz = 15;
  EXPECT_EQ(p_->ioctl(container_, VFIO_IOMMU_GET_INFO, info), -EINVAL);
  EXPECT_EQ(p_->ioctl_value(container_, VFIO_IOMMU_GET_INFO, 0), -EFAULT);
  info.argsz = sizeof(WholeInfo);
  const UserPtr at = p_->scratch(sizeof(info));
  p_->poke(at, info);
  EXPECT_EQ(p_->ioctl_value(container_, VFIO_IOMMU_GET_INFO, at.value), -EFAULT);
}

}  // namespace
}  // namespace noiommu::vfio
