// An open /dev/vfio/vfio: the container of the VFIO core.
#pragma once

#include <memory>
#include <mutex>

#include "model/kernel/file.h"
#include "model/vfio/container_backend.h"
#include "model/vfio/vfio_main.h"

namespace noiommu::vfio {

// Groups share a container to share mappings. It takes its kind from the first group: with or
// without an IOMMU, and has a backend from SET_IOMMU until the last group leaves. Groups keep it
// alive after its descriptor is closed.
//
// Thread-safety: all methods may be called from any thread; a group calls with its own lock held.
// Spec: vfio-core.md section 6.1.
class Container : public File {
 public:
  explicit Container(const Vfio& vfio) : vfio_(vfio) {}

  Result<int64_t> ioctl(Process& process, uint32_t command, uint64_t argument) override;
  void describe(StateText& to) const override;

  // A group joins. EPERM for the wrong kind, and for a group without an IOMMU without
  // CAP_SYS_RAWIO. Spec: section 5.3.
  Status attach_group(const Process& process, bool noiommu);
  void detach_group();
  [[nodiscard]] bool has_backend() const;

 private:
  // All with the lock held.
  [[nodiscard]] int64_t check_extension(uint64_t extension) const;
  [[nodiscard]] bool allowed(bool noiommu_backend) const;
  Status set_iommu(const Process& process, uint64_t type);

  const Vfio& vfio_;
  mutable std::mutex mutex_;  // guards everything below
  unsigned groups_ = 0;
  bool noiommu_ = false;  // the kind of its groups
  // Shared with calls in flight, which pin memory without the lock.
  std::shared_ptr<ContainerBackend> backend_;
};

// Makes the node when the configuration has VFIO_CONTAINER.
void register_container(Vfio& vfio);

}  // namespace noiommu::vfio
