// An open /dev/iommu: the objects of one context and the ioctls on them.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>

#include "model/iommufd/object.h"
#include "model/iommufd/pages.h"
#include "model/kernel/config.h"
#include "model/kernel/file.h"
#include "model/kernel/kernel.h"
#include "model/mm/phys_mem.h"

namespace noiommu::iommufd {

// One iommufd_ctx. Bound devices hold a reference beside the descriptors, so the objects live
// until the last of both is gone.
//
// Thread-safety: ioctls may be issued from any thread. Spec: iommufd.md section 1.
class Context : public File, public std::enable_shared_from_this<Context> {
 public:
  Context(const Kernel& kernel, mm::PhysMem& memory, Pages::Accounting initial_accounting)
      : kernel_(kernel), memory_(memory), accounting_(initial_accounting) {}

  Result<int64_t> ioctl(Process& process, uint32_t command, uint64_t argument) override;
  Result<std::shared_ptr<VmObject>> mmap(const MapRequest& request) override;
  void describe(StateText& to) const override;

  [[nodiscard]] ObjectTable& objects() { return objects_; }
  [[nodiscard]] const ObjectTable& objects() const { return objects_; }
  // Held while an IOAS is published, and by who has to see all of them. Taken before all other
  // locks of iommufd.
  [[nodiscard]] std::mutex& ioas_creation() { return ioas_creation_; }
  [[nodiscard]] const Config& config() const { return kernel_.config(); }
  [[nodiscard]] const design::Design& design() const { return kernel_.design(); }
  [[nodiscard]] mm::PhysMem& memory() const { return memory_; }

  // kUser or kMm, for what is mapped from now on. Spec: section 11, RLIMIT_MODE.
  [[nodiscard]] Pages::Accounting accounting() const { return accounting_; }
  void set_accounting(Pages::Accounting accounting) { accounting_ = accounting; }
  // Of what `process` maps.
  [[nodiscard]] Pages::Accounting accounting_for(const Process& process) const {
    return process.capable(CAP_IPC_LOCK) ? Pages::Accounting::kNone : accounting();
  }

  // The container emulation serves a group without an IOMMU, for good, so that it maps nothing.
  // EINVAL when it has an IOAS. Spec: section 16; vfio-core.md section 5.3.
  Status set_no_iommu_mode();
  // An IOAS for the container emulation, made when it has none. EINVAL in that mode; EBUSY for ids.
  Status create_vfio_ioas();
  [[nodiscard]] bool no_iommu_mode() const { return no_iommu_mode_; }

 private:
  const Kernel& kernel_;
  mm::PhysMem& memory_;
  ObjectTable objects_;
  std::mutex ioas_creation_;
  std::atomic<Pages::Accounting> accounting_;
  std::atomic<bool> no_iommu_mode_ = false;
};

// Makes /dev/iommu when the configuration has IOMMUFD, and /dev/vfio/vfio when iommufd provides it.
void register_iommufd(Kernel& kernel, mm::PhysMem& memory);

}  // namespace noiommu::iommufd
