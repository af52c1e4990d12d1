#include "model/iommufd/pages.h"

#include <utility>

namespace noiommu::iommufd {

Pages::Pages(mm::PhysMem& memory, std::shared_ptr<Task> owner, UserPtr start, uint64_t count,
             bool writable, Accounting accounting)
    : memory_(memory),
      owner_(std::move(owner)),
      start_(start),
      count_(count),
      writable_(writable),
      accounting_(accounting) {}

Status Pages::charge() {
  if (accounting_ == Accounting::kUser) {
    const uint64_t limit = owner_->memlock / kPageSize;
    uint64_t locked = owner_->user->locked_vm;
    do {
      if (locked + count_ > limit) return Err(ENOMEM);
    } while (!owner_->user->locked_vm.compare_exchange_weak(locked, locked + count_));
  }
  owner_->memory->pinned_vm += count_;
  return {};
}

void Pages::uncharge() {
  if (accounting_ == Accounting::kUser) owner_->user->locked_vm -= count_;
  owner_->memory->pinned_vm -= count_;
}

Status Pages::pin(std::vector<PfnRun>& runs) {
  if (auto pinned = owner_->memory->pin(start_, count_, writable_, runs); !pinned) return pinned;
  auto charged = charge();
  if (!charged) {
    for (const PfnRun& run : runs) memory_.unpin(run);
  }
  return charged;
}

void Pages::unpin(const std::vector<PfnRun>& runs) {
  for (const PfnRun& run : runs) memory_.unpin(run);
  uncharge();
}

}  // namespace noiommu::iommufd
