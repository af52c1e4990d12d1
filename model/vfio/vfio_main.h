// The VFIO core of one kernel: the module parameter, registration and the names that follow.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string_view>

#include "model/kernel/ida.h"
#include "model/kernel/iommu_groups.h"
#include "model/kernel/kernel.h"
#include "model/mm/phys_mem.h"
#include "model/vfio/group_minors.h"
#include "model/vfio/vfio_device.h"

namespace noiommu::vfio {

class VfioGroup;

// The value of a boolean module parameter, in any of the kernel's spellings. EINVAL.
Result<bool> parse_bool_parameter(std::string_view text);

// Thread-safety: all methods may be called from any thread.
class Vfio : Unmovable {
 public:
  // `enable_unsafe_noiommu_mode` is the boot value of the module parameter of that name.
  Vfio(Kernel& kernel, mm::PhysMem& memory, IommuGroups& iommu_groups,
       bool enable_unsafe_noiommu_mode);

  // vfio_register_group_dev: index, flag and name, group, taint, coherency check, node; the order
  // of the design. EINVAL for a device without an IOMMU while the parameter is off, or when there
  // is nothing that could hold it; ENOSPC. Spec: vfio-core.md section 3.1.
  Result<std::shared_ptr<VfioDevice>> register_device(VfioDriver& driver, DeviceInfo info);
  // Takes the names away, asks the program to close the device, waits for that, and leaves the
  // group. Spec: section 3.9.
  void unregister_device(VfioDevice& device);

  [[nodiscard]] Kernel& kernel() const { return kernel_; }
  [[nodiscard]] mm::PhysMem& memory() const { return memory_; }
  // The module parameter as it reads now; false where VFIO_NOIOMMU is not built.
  [[nodiscard]] bool noiommu_enabled() const;
  // Whether a device is treated as one without an IOMMU. Spec: section 3.3.
  [[nodiscard]] bool is_noiommu(const VfioDevice& device) const;
  // Whether bind and the files of its group treat it so.
  [[nodiscard]] bool binds_as_noiommu(const VfioDevice& device) const;
  // The device's group; nullptr where it has none and that is known.
  [[nodiscard]] VfioGroup* group_of(const VfioDevice& device) const;

 private:
  // Whether a device without an IOMMU may lack a group just now. Spec: section 3.3, row "v3/v4".
  [[nodiscard]] bool group_may_be_absent() const;
  [[nodiscard]] bool is_marked(const DeviceInfo& info) const;
  [[nodiscard]] bool has_node(const VfioDevice& device) const;
  void taint_for_cdev(const VfioDevice& device);
  Status set_group(const std::shared_ptr<VfioDevice>& device);
  void remove_group(VfioDevice& device);
  void add_nodes(const std::shared_ptr<VfioDevice>& device);
  void remove_nodes(const VfioDevice& device);

  Kernel& kernel_;
  mm::PhysMem& memory_;
  IommuGroups& iommu_groups_;
  std::atomic<bool> enable_unsafe_noiommu_mode_;

  GroupMinors group_minors_;

  std::mutex mutex_;  // guards everything below
  static constexpr uint32_t kLastMinor = (1U << 20) - 1;
  Ida device_ida_{0, kLastMinor};
  std::map<uint32_t, std::weak_ptr<VfioGroup>> groups_;  // by iommu_group id
};

}  // namespace noiommu::vfio
