// A VFIO group: the devices of one iommu_group, and its exclusive open.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "model/kernel/file.h"
#include "model/kernel/iommu_groups.h"
#include "model/kernel/process.h"

namespace noiommu::vfio {

// Thread-safety: all methods may be called from any thread. The group's lock is taken before any
// device set's. Spec: vfio-core.md sections 4 and 5.
class VfioGroup : Unmovable {
 public:
  enum class Type { kIommu, kNoIommu };

  VfioGroup(std::shared_ptr<IommuGroup> iommu_group, Type type, uint32_t minor);

  // open(2) of the group node. ENODEV, EPERM, EBUSY; section 5.1.
  static Result<FileRef> open(const std::shared_ptr<VfioGroup>& group, Process& process);

  [[nodiscard]] Type type() const { return type_; }
  [[nodiscard]] const std::string& name() const { return name_; }  // N or noiommu-N
  [[nodiscard]] uint32_t minor_number() const { return minor_; }   // of its node
  // Nothing once no device is left.
  [[nodiscard]] std::shared_ptr<IommuGroup> iommu_group() const;

  void add_device();
  // Whether devices are left.
  bool remove_device();

  // While a cdev of the group is bound, the group cannot be opened, and the reverse. EBUSY.
  Status block();
  void unblock();

 private:
  class OpenFile;

  const Type type_;
  const std::string name_;
  const uint32_t minor_;
  mutable std::mutex mutex_;  // guards everything below
  std::shared_ptr<IommuGroup> iommu_group_;
  unsigned devices_ = 0;
  unsigned bound_cdevs_ = 0;
  bool opened_ = false;
};

}  // namespace noiommu::vfio
