// The fixture of the tests of a VFIO container on an iommufd. Spec: iommufd.md section 16.
#pragma once

#include <ostream>

#include "tests/iommufd/iommufd_test.h"

namespace noiommu::tests {

inline constexpr uint32_t kDmaReadWrite = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE;
inline constexpr uint32_t kUnmapAll = VFIO_DMA_UNMAP_FLAG_ALL;

// A bound device, and an IOAS that the container maps in once it is chosen.
class ContainerTest : public BoundTest {
 protected:
  void SetUp() override {
    start();
    va_ = program_->labelled_memory(16 * kPageSize);
  }
  void choose() { ASSERT_EQ(program_->set_vfio_ioas(ioas_), 0); }
  void attach() { ASSERT_GT(program_->attach(device_, ioas_), 0); }
  template <class T>
  int64_t call(uint32_t command, T& argument) {
    return program_->ioctl(program_->iommufd, command, argument);
  }
  int64_t call_value(uint32_t command, uint64_t argument) {
    return program_->ioctl_value(program_->iommufd, command, argument);
  }
  int64_t extension(uint64_t number) { return call_value(VFIO_CHECK_EXTENSION, number); }
  int64_t set_iommu(uint64_t type) { return call_value(VFIO_SET_IOMMU, type); }

  static vfio_iommu_type1_dma_map map_request(UserPtr va, uint64_t iova, uint64_t size,
                                              uint32_t flags = kDmaReadWrite) {
    return {.argsz = sizeof(vfio_iommu_type1_dma_map),
            .flags = flags,
            .vaddr = va.value,
            .iova = iova,
            .size = size};
  }
  int64_t map(uint64_t iova, uint64_t size, uint32_t flags = kDmaReadWrite) {
    auto request = map_request(va_, iova, size, flags);
    return call(VFIO_IOMMU_MAP_DMA, request);
  }
  static vfio_iommu_type1_dma_unmap unmap_request(uint64_t iova, uint64_t size,
                                                  uint32_t flags = 0) {
    return {
        .argsz = sizeof(vfio_iommu_type1_dma_unmap), .flags = flags, .iova = iova, .size = size};
  }
  // An answer and the size that the program sees after it.
  struct Unmapped {
    int64_t answer;
    uint64_t size;
    bool operator==(const Unmapped&) const = default;
    friend void PrintTo(const Unmapped& unmapped, std::ostream* out) {
      *out << unmapped.answer << ", size " << unmapped.size;
    }
  };
  Unmapped unmap(uint64_t iova, uint64_t size, uint32_t flags = 0) {
    auto request = unmap_request(iova, size, flags);
    const int64_t answer = call(VFIO_IOMMU_UNMAP_DMA, request);
    return {answer, request.size};
  }
  // Which of the labelled pages a device would find, or the failure.
  int64_t page_at(uint64_t iova) {
    const Extent at = program_->get_pa(ioas_, iova, 1);
    if (at.answer != 0) return at.answer;
    return static_cast<int64_t>((program_->dma_read(at.phys) - va_.value) / kPageSize);
  }

  UserPtr va_;
};

}  // namespace noiommu::tests
