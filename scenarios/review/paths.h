// The documented ways to a device without an IOMMU, as programs, and what a kernel shows of them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "scenarios/review/program.h"

namespace noiommu::scenarios::review {

// What a freshly booted kernel shows.
struct Sight {
  std::vector<std::string> entries = {};  // of /dev/vfio
  std::vector<std::string> cdevs = {};    // of /dev/vfio/devices
  std::string group = {};                 // of the first device; empty: it has no node
  std::string cdev = {};                  // likewise
  bool has_container = false;             // /dev/vfio/vfio is there
  bool has_iommufd = false;
  uint64_t taint = 0;
};

[[nodiscard]] Sight look_at(const Boot& boot, Devices devices);

// By its group with /dev/vfio/vfio, as $container, $group and $dev.
[[nodiscard]] Program through_container(const Sight& sight, const std::string& name);
// By its group with /dev/iommu in place of it, as $iommufd, $group and $dev.
[[nodiscard]] Program through_iommufd(const Sight& sight, const std::string& name);
// By its cdev up to an attached $ioas, as $iommufd and $dev.
[[nodiscard]] Program through_cdev(const Sight& sight, const std::string& name);
// The program, and then these.
[[nodiscard]] Program with(Program program, const std::vector<std::string>& steps);

// A page of memory as $memory, and $ioas of $iommufd maps it at 0x10000.
inline constexpr const char* kMemoryStep =
    "- {mmap: {length: 4K, backing: anon, touch: true}, as: memory";
inline constexpr const char* kMapStep =
    "- {ioctl: IOMMU_IOAS_MAP, fd: $iommufd, args: {flags: 7, ioas_id: $ioas, user_va: $memory, "
    "length: 4K, iova: 0x10000}";

// GET_DEVICE_FD of the device without an IOMMU, as $dev.
[[nodiscard]] std::string get_device_step();
// GET_PA of one page at 0x10000 of $ioas of $iommufd, under the name that the design has for it.
[[nodiscard]] std::string get_pa_step(const design::Design& design);

}  // namespace noiommu::scenarios::review
