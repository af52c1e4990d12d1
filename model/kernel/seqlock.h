// A lock whose readers write nothing: they read again when somebody has written meanwhile.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <thread>

#include "model/kernel/types.h"

namespace noiommu {

// What it guards is stored with release, or it may be seen before the count says so, and loaded
// with acquire. Writers spin, as they only copy. Not recursive. For std::lock_guard.
class Seqlock : Unmovable {
 public:
  void lock() {
    uint32_t count = count_.load(std::memory_order_relaxed);
    while (count % 2 != 0 ||
           !count_.compare_exchange_weak(count, count + 1, std::memory_order_acquire,
                                         std::memory_order_relaxed)) {
      if (count % 2 == 0) continue;
      std::this_thread::yield();
      count = count_.load(std::memory_order_relaxed);
    }
  }
  void unlock() {
    count_.store(count_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }

  // Calls `look` until nothing has changed under it; it must bear that something does.
  template <class Look>
  void read(const Look& look) {
    for (int turn = 0; turn < kTurns; ++turn) {
      const uint32_t before = count_.load(std::memory_order_acquire);
      if (before % 2 == 0) {
        look();
        if (count_.load(std::memory_order_relaxed) == before) return;
      } else {
        std::this_thread::yield();
      }
    }
    const std::lock_guard lock(*this);  // somebody writes all the time
    look();
  }

 private:
  static constexpr int kTurns = 100;

  std::atomic<uint32_t> count_ = 0;  // odd while somebody writes
};

}  // namespace noiommu
