// An open VFIO device: from its cdev node, or from its group.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

#include "model/iommufd/context.h"
#include "model/iommufd/device.h"
#include "model/kernel/file.h"
#include "model/vfio/vfio_main.h"

namespace noiommu::vfio {

// A cdev file is useless until it is bound to an iommufd. Each open file keeps the device
// registered; only one can be bound at a time. Spec: vfio-core.md sections 7 to 10.
class DeviceFile : public File {
 public:
  // open(2) of the node. ENODEV while the device is leaving; EPERM without CAP_SYS_RAWIO for a
  // device without an IOMMU. Spec: section 7, row "merged".
  static Result<FileRef> open_cdev(Vfio& vfio, const std::shared_ptr<VfioDevice>& device,
                                   Process& process);

  // GET_DEVICE_FD of a group, which takes over one registration of the device. EINVAL, EPERM, and
  // what iommufd and the driver refuse with. Spec: section 5.5, rows 4 to 9.
  static Result<FileRef> open_in_group(Vfio& vfio, std::shared_ptr<VfioDevice> device,
                                       const std::shared_ptr<VfioGroup>& group, Process& process);

  DeviceFile(Vfio& vfio, std::shared_ptr<VfioDevice> device, std::shared_ptr<VfioGroup> group);
  ~DeviceFile() override;

  Result<int64_t> ioctl(Process& process, uint32_t command, uint64_t argument) override;
  Result<uint64_t> read(Process& process, UserPtr to, uint64_t length, uint64_t position) override;
  Result<uint64_t> write(Process& process, UserPtr from, uint64_t length,
                         uint64_t position) override;
  Result<std::shared_ptr<VmObject>> mmap(const MapRequest& request) override;

  void describe(StateText& to) const override;

  [[nodiscard]] const VfioDevice& device() const { return *device_; }
  // Which iommufd the file is bound to, and the id of the device there.
  struct Bound {
    std::shared_ptr<iommufd::Context> context;
    uint32_t device_id = 0;
  };
  [[nodiscard]] std::optional<Bound> bound() const;

 private:
  Status bind_iommufd(Process& process, UserPtr argument);
  Status bind_locked(Process& process, UserPtr argument, const vfio_device_bind_iommufd& bind);
  // These with the device set's lock, and the group's for a file of the group. Who opens the device
  // first decides what it maps with.
  Status open_device(Process& process);
  Status first_open(Process& process);
  Result<DeviceUse> use_group(Process& process);
  Result<DeviceUse> use_iommufd();
  Result<std::unique_ptr<iommufd::Binding>> bind_to(
      const std::shared_ptr<iommufd::Context>& context);
  // Whether the bind of a device without an IOMMU is skipped for this file.
  [[nodiscard]] bool succeeds_early() const;
  [[nodiscard]] uint32_t object_id() const;
  // Warns when there is none.
  [[nodiscard]] bool has_object(const char* who) const;
  Status attach_to_vfio_ioas();
  // Answers what is to be let go of after the locks.
  FileRef close_device();
  FileRef drop_use();
  Status open_through_group(Process& process);
  Status attach(Process& process, UserPtr argument);
  // All with the device set's lock.
  Result<uint32_t> attach_device(uint32_t pt_id);
  Result<uint32_t> attach_pasid(uint32_t pasid, uint32_t pt_id);
  void detach_device();
  void detach_pasid(uint32_t pasid);
  [[nodiscard]] Errno refusal(uint32_t pt_id, Errno otherwise) const;
  Status detach(Process& process, UserPtr argument);
  Result<int64_t> feature(Process& process, UserPtr argument);

  Vfio& vfio_;
  const std::shared_ptr<VfioDevice> device_;
  const std::shared_ptr<VfioGroup> group_;  // for a file of a group; nothing for a cdev
  // Set once, under the device set's lock, when the device answers to this file.
  std::atomic<bool> access_granted_ = false;
  // Guarded by the device set's lock.
  std::shared_ptr<iommufd::Context> context_;  // of a cdev
  // PASID 0 means the device itself, but ATTACH and DETACH keep separate books of the two.
  bool attached_ = false;
  bool attached_as_pasid_ = false;
};

}  // namespace noiommu::vfio
