// What maps memory for the groups of a container.
#pragma once

#include <cstdint>
#include <mutex>

#include "model/iommufd/domain.h"
#include "model/iommufd/io_pagetable.h"
#include "model/kernel/process.h"
#include "model/kernel/result.h"
#include "model/mm/phys_mem.h"

namespace noiommu::vfio {

// Thread-safe.
class ContainerBackend : Unmovable {
 public:
  virtual ~ContainerBackend() = default;
  // Which of the two kinds of container it serves.
  [[nodiscard]] virtual bool noiommu() const = 0;
  // The ioctls that the container does not answer itself. ENOTTY for an unknown one.
  virtual Result<int64_t> ioctl(Process& process, uint32_t command, UserPtr argument) = 0;
};

// Maps nothing.
class NoIommuBackend : public ContainerBackend {
 public:
  [[nodiscard]] bool noiommu() const override { return true; }
  Result<int64_t> ioctl(Process& /*process*/, uint32_t /*command*/, UserPtr /*argument*/) override {
    return Err(ENOTTY);
  }
};

// Maps user memory for devices behind an IOMMU; pages count against the limit of the address
// space. Version 2 removes mappings only as they were made. Has neither DIRTY_PAGES nor changes of
// the user address. Spec: vfio-core.md section 6.
class Type1Backend : public ContainerBackend {
 public:
  Type1Backend(mm::PhysMem& memory, bool v2);
  ~Type1Backend() override;

  [[nodiscard]] bool noiommu() const override { return false; }
  Result<int64_t> ioctl(Process& process, uint32_t command, UserPtr argument) override;

 private:
  Status get_info(Process& process, UserPtr argument) const;
  Status map_dma(Process& process, UserPtr argument);
  Status unmap_dma(Process& process, UserPtr argument);
  // The bytes removed. EINVAL when version 2 would have to cut a mapping. Version 1 removes a last
  // mapping whole, and nothing from one that starts below the range.
  Result<uint64_t> unmap(iommufd::IovaRange range);

  mm::PhysMem& memory_;
  const bool v2_;
  mutable std::mutex mutex_;  // held while mappings change
  iommufd::Domain domain_{false};
  iommufd::IoPagetable iopt_;
  uint32_t available_ = UINT16_MAX;  // mappings that there is still room for
};

}  // namespace noiommu::vfio
