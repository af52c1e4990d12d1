// A device registered with VFIO.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "model/iommufd/device.h"
#include "model/kernel/file.h"
#include "model/kernel/iommu_groups.h"
#include "model/kernel/types.h"
#include "model/vfio/vfio_driver.h"

namespace noiommu::vfio {

class VfioGroup;

// What registration needs to know of a device. Spec: vfio-core.md section 3.
struct DeviceInfo {
  std::string name;    // for GET_DEVICE_FD and log lines, e.g. "0000:00:04.0"
  std::string sysfs;   // its directory below /sys/devices, e.g. "pci0000:00/0000:00:04.0"
  std::string driver;  // e.g. "vfio-pci"
  bool has_iommu = false;
  bool emulated = false;                    // a mediated device, which never was behind an IOMMU
  std::shared_ptr<IommuGroup> iommu_group;  // nothing for a device without one
};

// Devices that reset together. Its lock serialises open, close, bind and attach of all of them.
struct DeviceSet {
  std::mutex mutex;
};

// What an open device maps with: an iommufd object, or the container of its group, which stays
// open. Nothing for a device without an IOMMU whose group has an iommufd.
struct DeviceUse {
  std::unique_ptr<iommufd::Binding> binding;
  FileRef group_file;
  bool owns_dma = false;  // of a group behind an IOMMU, through its iommufd
};

// Thread-safety: the registration count has its own lock; open_count and use belong to the device
// set's.
class VfioDevice : Unmovable {
 public:
  VfioDevice(VfioDriver& driver, DeviceInfo info, uint32_t index)
      : driver(driver), info(std::move(info)), index(index) {}

  VfioDriver& driver;
  const DeviceInfo info;
  const uint32_t index;  // the N of vfioN, and the minor of its node
  const std::shared_ptr<DeviceSet> set = std::make_shared<DeviceSet>();

  // Settled by registration, constant from then on.
  std::string name;      // vfioN or noiommu-vfioN
  bool noiommu = false;  // the mark; sampled from the module parameter at registration
  bool has_node = false;
  std::shared_ptr<VfioGroup> group;

  unsigned open_count = 0;
  DeviceUse use;  // while open_count is not 0

  // "vfio-pci 0000:00:04.0: text", as the kernel prefixes device messages.
  [[nodiscard]] std::string message(const std::string& text) const;

  // A reference that keeps the driver from leaving; every open file has one. False once the device
  // is being unregistered.
  bool try_get_registration();
  void put_registration();
  // Gives back the first reference, once; from then on there are no new ones. Answers the rest.
  unsigned drop_first_registration();
  // Blocks until nobody refers to the device.
  void wait_until_unused();

 private:
  std::mutex registration_mutex_;
  std::condition_variable unused_;
  unsigned registrations_ = 1;
  bool leaving_ = false;
};

}  // namespace noiommu::vfio
