// The user memory behind one IOMMU_IOAS_MAP: pinning and accounting.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "model/kernel/process.h"
#include "model/kernel/result.h"
#include "model/kernel/types.h"
#include "model/mm/phys_mem.h"

namespace noiommu::iommufd {

// Pinned pages belong to the process that mapped them, whoever attaches a device later: its
// memory, its limit, its charge. Spec: iommufd.md section 10.
//
// Thread-safety: pin and unpin may be called from any thread.
class Pages : Unmovable {
 public:
  // Chosen once, when the memory is mapped. kNone: the caller had CAP_IPC_LOCK.
  enum class Accounting { kNone, kUser };

  // `count` whole pages from the page-aligned `start`.
  Pages(mm::PhysMem& memory, std::shared_ptr<Task> owner, UserPtr start, uint64_t count,
        bool writable, Accounting accounting);

  // Pins all pages and charges them, appending their frames in order, adjacent ones merged.
  // EFAULT, ENOMEM; then nothing is pinned or charged.
  Status pin(std::vector<PfnRun>& runs);
  // Undoes pin() for exactly the frames it gave.
  void unpin(const std::vector<PfnRun>& runs);

 private:
  Status charge();
  void uncharge();

  mm::PhysMem& memory_;
  const std::shared_ptr<Task> owner_;
  const UserPtr start_;
  const uint64_t count_;
  const bool writable_;
  const Accounting accounting_;
};

}  // namespace noiommu::iommufd
