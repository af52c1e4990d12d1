// An open /dev/iommu: the objects of one context and the ioctls on them.
#pragma once

#include <cstdint>
#include <memory>

#include "model/iommufd/object.h"
#include "model/kernel/config.h"
#include "model/kernel/file.h"
#include "model/kernel/kernel.h"
#include "model/mm/phys_mem.h"

namespace noiommu::iommufd {

// One iommufd_ctx. Bound devices hold a reference beside the descriptors, so the objects live
// until the last of both is gone.
//
// Thread-safety: ioctls may be issued from any thread. Spec: iommufd.md section 1.
class Context : public File {
 public:
  Context(const Config& config, mm::PhysMem& memory) : config_(config), memory_(memory) {}

  Result<int64_t> ioctl(Process& process, uint32_t command, uint64_t argument) override;

  [[nodiscard]] ObjectTable& objects() { return objects_; }
  [[nodiscard]] const Config& config() const { return config_; }
  [[nodiscard]] mm::PhysMem& memory() const { return memory_; }

 private:
  const Config& config_;
  mm::PhysMem& memory_;
  ObjectTable objects_;
};

// Makes /dev/iommu when the configuration has IOMMUFD.
void register_iommufd(Kernel& kernel, mm::PhysMem& memory);

}  // namespace noiommu::iommufd
