// The fixture of the tests of groups in containers. Spec: vfio-core.md sections 5 and 6.
#pragma once

#include <string>

#include "tests/vfio/driver.h"
#include "uapi/vfio_type1.h"

namespace noiommu::vfio {

inline constexpr const char* kBdf0 = "0000:00:04.0";
inline constexpr const char* kBdf1 = "0000:00:05.0";
inline constexpr uint32_t kReadWrite = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE;

inline MachineConfig with_iommufd_container() {
  return configured({{"VFIO_CONTAINER", "n"}, {"IOMMUFD_VFIO_CONTAINER", "y"}});
}

class Containers : public VfioTest {
 protected:
  static int64_t set_container(Driver& p, int group, int container) {
    int32_t fd = container;
    return p.ioctl(group, VFIO_GROUP_SET_CONTAINER, fd);
  }
  static int64_t unset_container(Driver& p, int group) {
    return p.ioctl_value(group, VFIO_GROUP_UNSET_CONTAINER, 0);
  }
  static int64_t set_iommu(Driver& p, int container, uint64_t type) {
    return p.ioctl_value(container, VFIO_SET_IOMMU, type);
  }
  static int64_t extension(Driver& p, int container, uint64_t number) {
    return p.ioctl_value(container, VFIO_CHECK_EXTENSION, number);
  }
  static int get_device(Driver& p, int group, const std::string& name) {
    const UserPtr at = p.memory(2 * kPageSize);
    p.Program::store(at, std::as_bytes(std::span(name.c_str(), name.size() + 1)));
    const int64_t fd = p.ioctl_value(group, VFIO_GROUP_GET_DEVICE_FD, at.value);
    EXPECT_TRUE(p.process->munmap(at, 2 * kPageSize));
    return static_cast<int>(fd);
  }
  static int64_t status(Driver& p, int group) {
    vfio_group_status status{.argsz = sizeof(status), .flags = 0xff};
    const int64_t done = p.ioctl(group, VFIO_GROUP_GET_STATUS, status);
    return done == 0 ? status.flags : done;
  }
  static int64_t regions(Driver& p, int device) {
    vfio_device_info info{};
    info.argsz = sizeof(info);
    const int64_t done = p.ioctl(device, VFIO_DEVICE_GET_INFO, info);
    return done == 0 ? info.num_regions : done;
  }
  static int64_t map_dma(Driver& p, int container, UserPtr va, uint64_t iova, uint64_t size,
                         uint32_t flags = kReadWrite) {
    vfio_iommu_type1_dma_map map{
        .argsz = sizeof(map), .flags = flags, .vaddr = va.value, .iova = iova, .size = size};
    return p.ioctl(container, VFIO_IOMMU_MAP_DMA, map);
  }
  // The bytes removed.
  static int64_t unmap_dma(Driver& p, int container, uint64_t iova, uint64_t size,
                           uint32_t flags = 0) {
    vfio_iommu_type1_dma_unmap unmap{
        .argsz = sizeof(unmap), .flags = flags, .iova = iova, .size = size};
    const int64_t done = p.ioctl(container, VFIO_IOMMU_UNMAP_DMA, unmap);
    return done == 0 ? static_cast<int64_t>(unmap.size) : done;
  }
  static bool logged(const Driver& p, const std::string& text) {
    for (const LogLine& line : p.machine->kernel().log().lines()) {
      if (line.text.find(text) != std::string::npos) return true;
    }
    return false;
  }

  // A group without an IOMMU in a container that is ready.
  void start(const MachineConfig& config = tests::two_devices()) {
    p_ = &boot(config);
    container_ = p_->open("/dev/vfio/vfio");
    group_ = p_->open("/dev/vfio/noiommu-0");
    ASSERT_EQ(set_container(*p_, group_, container_), 0);
    ASSERT_EQ(set_iommu(*p_, container_, VFIO_NOIOMMU_IOMMU), 0);
  }
  // A group behind an IOMMU in a type 1 container.
  void start_type1(uint64_t type = VFIO_TYPE1v2_IOMMU) {
    p_ = &boot(behind_iommu());
    container_ = p_->open("/dev/vfio/vfio");
    group_ = p_->open("/dev/vfio/1");
    ASSERT_EQ(set_container(*p_, group_, container_), 0);
    ASSERT_EQ(set_iommu(*p_, container_, type), 0);
  }

  Driver* p_ = nullptr;
  int container_ = -1;
  int group_ = -1;
};

}  // namespace noiommu::vfio
