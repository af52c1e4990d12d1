// Locks for many readers or one writer that let writers through, as the kernel's do.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <shared_mutex>

#include "model/kernel/membarrier.h"
#include "model/kernel/types.h"

namespace noiommu {

// Readers leave their mark in a cache line that few of them share, so that those on different
// processors do not slow each other down; a writer looks at all of them. The first threads that
// come have a line each, and a mark of their own there, which costs less than a count. Readers that
// come after a waiting writer queue behind it: with readers that overlap without end it would never
// get through, and an attach not return while other threads map. Not recursive, not even for
// readers, and to be released by the thread that took it. For std::unique_lock and
// std::shared_lock.
//
// kRareWriters: a writer makes all threads of the program pass a memory barrier, some 0.3 us, and
// readers do without one.
template <bool kRareWriters>
class BasicRwSemaphore : Unmovable {
 public:
  void lock() {
    gate_.lock();
    writer_.store(true);
    if (kRareWriters && kHaveMembarrier) membarrier_all_threads();
    for (const Line& line : lines_) {
      if (line.any()) wait_for(line);
    }
  }
  void unlock() {
    writer_.store(false, std::memory_order_release);
    gate_.unlock();
  }

  // A mark, or the count, and the writer's store are in one order for all: one sees the other.
  void lock_shared() {
    const Place place = own_place();
    mark(place);
    if (writer_) wait_behind_writer(place);
  }
  bool try_lock_shared() {
    const Place place = own_place();
    mark(place);
    if (!writer_) return true;
    leave(place);
    return false;
  }
  void unlock_shared() { leave(own_place()); }

 private:
  // With its neighbour, which processors like to fetch together.
  struct alignas(128) Line {
    std::atomic<bool> owner_reads = false;
    std::atomic<uint32_t> others = 0;

    [[nodiscard]] bool any() const { return owner_reads || others != 0; }
  };
  struct Place {
    Line& line;
    bool own;
  };
  static constexpr size_t kLines = 8;
  static inline thread_local constinit const char own_ = 0;  // only its address matters

  Place own_place() {
    // What belongs to a thread lies a stack and a page from what belongs to the next.
    const size_t first = reinterpret_cast<uintptr_t>(&own_) >> kPageShift;
    for (size_t i = first; i < first + kLines; ++i) {
      std::atomic<const char*>& owner = owners_[i % kLines];
      const char* found = owner.load(std::memory_order_relaxed);
      if (found == &own_ || (found == nullptr && owner.compare_exchange_strong(found, &own_))) {
        return {lines_[i % kLines], true};
      }
    }
    return {lines_[first % kLines], false};
  }
  static void mark(const Place& place) {
    if (!place.own) {
      ++place.line.others;
    } else if (kRareWriters && kHaveMembarrier) {
      place.line.owner_reads.store(true, std::memory_order_relaxed);
      std::atomic_signal_fence(std::memory_order_seq_cst);
    } else {
      place.line.owner_reads.store(true);
    }
  }
  static void leave(const Place& place) {
    if (place.own) {
      place.line.owner_reads.store(false, std::memory_order_release);
    } else {
      --place.line.others;
    }
  }

  void wait_behind_writer(const Place& place);
  static void wait_for(const Line& line);

  alignas(64) std::array<std::atomic<const char*>, kLines> owners_{};
  std::array<Line, kLines> lines_;
  std::mutex gate_;  // held by the writer
  std::atomic<bool> writer_ = false;
};

extern template class BasicRwSemaphore<false>;
extern template class BasicRwSemaphore<true>;

using RwSemaphore = BasicRwSemaphore<false>;
// For what is looked at all the time and hardly ever changed; the kernel's name.
using PercpuRwSemaphore = BasicRwSemaphore<true>;

}  // namespace noiommu
