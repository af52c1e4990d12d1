// A lock for many readers or one writer that lets writers through, as the kernel's does.
#pragma once

#include <atomic>
#include <mutex>
#include <shared_mutex>

#include "model/kernel/types.h"

namespace noiommu {

// With std::shared_mutex alone, readers that overlap without end keep a writer out for good: an
// attach would not return while other threads map, nor an mmap while they pin. Here readers that
// come after a waiting writer queue behind it. Not recursive, not even for readers. For
// std::unique_lock and std::shared_lock.
class RwSemaphore : Unmovable {
 public:
  void lock() {
    const std::lock_guard gate(gate_);
    writer_waits_ = true;
    mutex_.lock();
    writer_waits_ = false;
  }
  void unlock() { mutex_.unlock(); }

  void lock_shared() {
    if (writer_waits_) const std::lock_guard behind_the_writer(gate_);
    mutex_.lock_shared();
  }
  void unlock_shared() { mutex_.unlock_shared(); }

 private:
  std::mutex gate_;  // held by the writer that is next
  std::atomic<bool> writer_waits_ = false;
  std::shared_mutex mutex_;
};

}  // namespace noiommu
