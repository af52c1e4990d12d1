#include "scenarios/review/paths.h"

#include <fmt/format.h>

#include <algorithm>

namespace noiommu::scenarios::review {

Sight look_at(const Boot& boot, Devices devices) {
  Machine machine(boot.machine(devices));
  const auto process = machine.spawn();
  const auto list = [&](const std::string& path) {
    return process->list(path).value_or(std::vector<std::string>());
  };
  const std::string sysfs = devices == Devices::kMediated
                                ? fmt::format("/sys/devices/virtual/mdev/{}", kMediated)
                                : fmt::format("/sys/bus/pci/devices/{}", kBdf);
  Sight sight{.entries = list("/dev/vfio"), .cdevs = list("/dev/vfio/devices")};
  const std::vector<std::string> own = list(sysfs + "/vfio-dev");
  for (const std::string& name : sight.cdevs) {
    if (std::ranges::find(own, name) != own.end()) sight.cdev = name;
  }
  if (const auto link = process->readlink(sysfs + "/iommu_group")) {
    const std::string id = link->substr(link->rfind('/') + 1);
    for (const std::string& name : sight.entries) {
      if (name == id || name == "noiommu-" + id) sight.group = name;
    }
  }
  sight.has_container = std::ranges::find(sight.entries, "vfio") != sight.entries.end();
  sight.has_iommufd = process->stat("/dev/iommu").has_value();
  sight.taint = machine.kernel().log().taint();
  return sight;
}

Program through_container(const Sight& sight, const std::string& name) {
  return {name,
          {"- {open: /dev/vfio/vfio, as: container",
           fmt::format("- {{open: /dev/vfio/{}, as: group", sight.group),
           "- {ioctl: VFIO_GROUP_SET_CONTAINER, fd: $group, args: {fd: $container}",
           "- {ioctl: VFIO_SET_IOMMU, fd: $container, arg: 8", get_device_step(),
           "- {ioctl: VFIO_DEVICE_GET_INFO, fd: $dev"}};
}

Program through_iommufd(const Sight& sight, const std::string& name) {
  return {name,
          {"- {open: /dev/iommu, as: iommufd",
           fmt::format("- {{open: /dev/vfio/{}, as: group", sight.group),
           "- {ioctl: VFIO_GROUP_SET_CONTAINER, fd: $group, args: {fd: $iommufd}",
           get_device_step(), "- {ioctl: VFIO_DEVICE_GET_INFO, fd: $dev"}};
}

Program through_cdev(const Sight& sight, const std::string& name) {
  return {name,
          {"- {open: /dev/iommu, as: iommufd",
           fmt::format("- {{open: /dev/vfio/devices/{}, as: dev", sight.cdev),
           "- {ioctl: VFIO_DEVICE_BIND_IOMMUFD, fd: $dev, args: {iommufd: $iommufd}",
           "- {ioctl: IOMMU_IOAS_ALLOC, fd: $iommufd, save: {out_ioas_id: ioas}",
           "- {ioctl: VFIO_DEVICE_ATTACH_IOMMUFD_PT, fd: $dev, args: {pt_id: $ioas}"}};
}

Program with(Program program, const std::vector<std::string>& steps) {
  program.steps.insert(program.steps.end(), steps.begin(), steps.end());
  return program;
}

std::string get_device_step() {
  return fmt::format("- {{ioctl: VFIO_GROUP_GET_DEVICE_FD, fd: $group, arg_string: '{}', as: dev",
                     kBdf);
}

std::string get_pa_step(const design::Design& design) {
  if (design.get_pa == design::GetPa::kLengthOut) {
    return "- {ioctl: IOMMU_IOAS_GET_PA, fd: $iommufd, args: {ioas_id: $ioas, iova: 0x10000}";
  }
  return "- {ioctl: IOMMU_IOAS_NOIOMMU_GET_PA, fd: $iommufd, args: {ioas_id: $ioas, iova: "
         "0x10000, length: 4K}";
}

}  // namespace noiommu::scenarios::review
