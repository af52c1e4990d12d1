// A mutex of four bytes, for objects of which there are millions.
#pragma once

#include <atomic>
#include <cstdint>

#include "model/kernel/types.h"

namespace noiommu {

// Not recursive. For std::lock_guard and std::unique_lock.
class Mutex : Unmovable {
 public:
  void lock() {
    uint32_t free = kFree;
    if (!state_.compare_exchange_strong(free, kHeld, std::memory_order_acquire,
                                        std::memory_order_relaxed)) {
      lock_behind_others();
    }
  }
  void unlock() {
    if (state_.exchange(kFree, std::memory_order_release) == kAwaited) state_.notify_one();
  }

 private:
  static constexpr uint32_t kFree = 0;
  static constexpr uint32_t kHeld = 1;
  static constexpr uint32_t kAwaited = 2;  // held, and somebody may sleep until it is not

  // Whoever has slept cannot tell whether it was the only one, and so takes the mutex as awaited.
  void lock_behind_others() {
    while (state_.exchange(kAwaited, std::memory_order_acquire) != kFree) {
      state_.wait(kAwaited, std::memory_order_relaxed);
    }
  }

  std::atomic<uint32_t> state_ = kFree;
};

}  // namespace noiommu
