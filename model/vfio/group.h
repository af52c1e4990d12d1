// A VFIO group: the devices of one iommu_group, its exclusive open, and what it maps with.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "model/iommufd/context.h"
#include "model/kernel/file.h"
#include "model/kernel/iommu_groups.h"
#include "model/kernel/process.h"
#include "model/vfio/container.h"
#include "model/vfio/group_minors.h"

namespace noiommu::vfio {

class VfioDevice;

// Thread-safety: all methods may be called from any thread. The group's lock is taken before any
// device set's and any container's. Spec: vfio-core.md sections 4 and 5.
class VfioGroup : Unmovable {
 public:
  enum class Type { kIommu, kEmulated, kNoIommu };

  // `knows_noiommu`: groups without an IOMMU are treated as such.
  VfioGroup(std::shared_ptr<IommuGroup> iommu_group, Type type, GroupMinors::Minor minor,
            bool knows_noiommu);

  // open(2) of the group node. ENODEV, EPERM, EBUSY; section 5.1.
  static Result<FileRef> open(Vfio& vfio, const std::shared_ptr<VfioGroup>& group,
                              Process& process);

  [[nodiscard]] Type type() const { return type_; }
  // Whether it is treated as one without an IOMMU.
  [[nodiscard]] bool noiommu() const { return type_ == Type::kNoIommu && knows_noiommu_; }
  [[nodiscard]] const std::string& name() const { return name_; }        // N or noiommu-N
  [[nodiscard]] uint32_t minor_number() const { return minor_number_; }  // of its node
  // Nothing once no device is left.
  [[nodiscard]] std::shared_ptr<IommuGroup> iommu_group() const;

  void add_device(const std::shared_ptr<VfioDevice>& device);
  // The device cannot be opened through the group any more.
  void unlink_device(const VfioDevice& device);
  // Whether devices are left. The last one takes the container along.
  bool remove_device();

  // What its open files depend on, with what it maps with.
  void describe(StateText& to) const;

  // While a cdev of the group is bound, the group cannot be opened, and the reverse. EBUSY.
  Status block();
  void unblock();

  // The lock, for who opens and closes devices of the group.
  [[nodiscard]] std::mutex& mutex() const { return mutex_; }
  // All with the lock held.
  [[nodiscard]] bool has_iommu() const { return container_ != nullptr || iommufd_ != nullptr; }
  [[nodiscard]] const std::shared_ptr<iommufd::Context>& iommufd() const { return iommufd_; }
  // An open device uses the container, which keeps the group open: the answer is to be kept until
  // then. EINVAL, EPERM: section 5.5, rows 7a and 7b.
  Result<FileRef> use_container(const Process& process);
  void unuse_container() { --container_users_; }
  // An open device of a group behind an IOMMU owns its DMA, also when the iommufd has gone.
  void own_dma() { ++dma_owners_; }
  void disown_dma() { --dma_owners_; }

 private:
  class OpenFile;

  Status get_status(Process& process, UserPtr argument);
  Status set_container(Process& process, UserPtr argument);
  Status set_iommufd(std::shared_ptr<iommufd::Context> context);
  Status unset_container();
  // A registered device of that name, with a registration to be put. ENODEV, EINVAL.
  Result<std::shared_ptr<VfioDevice>> find_device(std::string_view name);
  void detach_container();
  void release();

  const Type type_;
  const bool knows_noiommu_;
  const std::string name_;
  const uint32_t minor_number_;
  mutable std::mutex mutex_;  // guards everything below
  GroupMinors::Minor minor_;  // until no device is left; an open file has it, too
  std::shared_ptr<IommuGroup> iommu_group_;
  std::vector<std::shared_ptr<VfioDevice>> listed_;  // newest first
  unsigned devices_ = 0;                             // also those that are leaving
  unsigned bound_cdevs_ = 0;
  bool opened_ = false;
  std::weak_ptr<File> file_;  // the open file
  std::shared_ptr<Container> container_;
  unsigned container_users_ = 0;  // open devices
  std::shared_ptr<iommufd::Context> iommufd_;
  unsigned dma_owners_ = 0;  // devices that were opened with an iommufd
};

}  // namespace noiommu::vfio
