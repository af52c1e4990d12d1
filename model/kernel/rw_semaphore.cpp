#include "model/kernel/rw_semaphore.h"

#include <chrono>
#include <thread>

namespace noiommu {

// Marks again while it holds the gate itself, when there can be no writer.
void RwSemaphore::wait_behind_writer(Line& line) {
  leave(line);
  const std::lock_guard gate(gate_);
  if (owns(line)) {
    line.owner_reads.store(true);
  } else {
    ++line.others;
  }
}

// Readers are short, or sleep themselves. They do not tell when they leave, which would cost every
// one of them what the lines save.
void RwSemaphore::wait_for(const Line& line) {
  constexpr int kTurns = 200;
  constexpr std::chrono::microseconds kNap(20);
  for (int turn = 0; line.any(); ++turn) {
    if (turn < kTurns) {
      std::this_thread::yield();
    } else {
      std::this_thread::sleep_for(kNap);
    }
  }
}

}  // namespace noiommu
