// A lock for many readers or one writer that lets writers through, as the kernel's does.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <shared_mutex>

#include "model/kernel/types.h"

namespace noiommu {

// Readers leave their mark in a cache line that few of them share, so that those on different
// processors do not slow each other down; a writer looks at all of them. The first thread that
// comes to a line owns a mark of its own there, which costs less than a count. Readers that come
// after a waiting writer queue behind it: with readers that overlap without end it would never get
// through, and an attach not return while other threads map. Not recursive, not even for readers,
// and to be released by the thread that took it. For std::unique_lock and std::shared_lock.
class RwSemaphore : Unmovable {
 public:
  void lock() {
    gate_.lock();
    writer_.store(true);
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
    Line& line = own_line();
    mark(line);
    if (writer_) wait_behind_writer(line);
  }
  void unlock_shared() { leave(own_line()); }

 private:
  struct alignas(64) Line {
    std::atomic<const char*> owner = nullptr;
    std::atomic<bool> owner_reads = false;
    std::atomic<uint32_t> others = 0;

    [[nodiscard]] bool any() const { return owner_reads || others != 0; }
  };
  static constexpr size_t kLines = 8;
  static inline thread_local constinit const char own_ = 0;  // only its address matters

  Line& own_line() {
    // What belongs to a thread lies a stack and a page from what belongs to the next.
    return lines_[(reinterpret_cast<uintptr_t>(&own_) >> kPageShift) % kLines];
  }
  static bool owns(Line& line) {
    const char* owner = line.owner.load(std::memory_order_relaxed);
    if (owner != nullptr) return owner == &own_;
    return line.owner.compare_exchange_strong(owner, &own_);
  }
  static void mark(Line& line) {
    if (owns(line)) {
      line.owner_reads.store(true);
    } else {
      ++line.others;
    }
  }
  static void leave(Line& line) {
    if (owns(line)) {
      line.owner_reads.store(false, std::memory_order_release);
    } else {
      --line.others;
    }
  }

  void wait_behind_writer(Line& line);
  static void wait_for(const Line& line);

  std::array<Line, kLines> lines_;
  std::mutex gate_;  // held by the writer
  std::atomic<bool> writer_ = false;
};

}  // namespace noiommu
