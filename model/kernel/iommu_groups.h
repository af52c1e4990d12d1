// /sys/kernel/iommu_groups: which devices can only be given away together.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "model/kernel/ida.h"
#include "model/kernel/node_tree.h"
#include "model/kernel/result.h"
#include "model/kernel/types.h"

namespace noiommu {

class IommuGroups;

// Gives its id back and leaves sysfs when the last reference goes.
class IommuGroup : Unmovable {
 public:
  IommuGroup(IommuGroups& groups, uint32_t id) : groups_(groups), id_(id) {}
  ~IommuGroup();

  [[nodiscard]] uint32_t id() const { return id_; }

 private:
  IommuGroups& groups_;
  const uint32_t id_;
};

// Ids are the lowest free ones, shared by real groups and those that VFIO makes up for devices
// without an IOMMU. Spec: vfio-core.md section 4.
//
// Thread-safety: all methods may be called from any thread.
class IommuGroups : Unmovable {
 public:
  explicit IommuGroups(NodeTree& nodes);

  // An empty group. Only a named one shows a `name`. ENOSPC.
  Result<std::shared_ptr<IommuGroup>> create(const std::string& name = {});
  // `device` is the device's directory below /sys/devices, e.g. "pci0000:00/0000:00:04.0".
  void add_device(const IommuGroup& group, const std::string& device);
  void remove_device(const IommuGroup& group, const std::string& device);

 private:
  friend class IommuGroup;
  void release(uint32_t id);

  NodeTree& nodes_;
  std::mutex mutex_;  // guards ids_
  Ida ids_;
};

}  // namespace noiommu
