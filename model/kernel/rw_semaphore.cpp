#include "model/kernel/rw_semaphore.h"

#include <chrono>
#include <thread>

namespace noiommu {

namespace {

constexpr int kTurns = 1000;  // for what others do in a few of them

void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

}  // namespace

// What a writer does is mostly over in no time. After that the gate keeps order: whoever holds it
// marks without a writer.
template <bool kRareWriters>
void BasicRwSemaphore<kRareWriters>::wait_behind_writer(const Place& place) {
  leave(place);
  for (int turn = 0; turn < kTurns; ++turn) {
    if (writer_) {
      relax();
      continue;
    }
    mark(place);
    if (!writer_) return;
    leave(place);
  }
  const std::lock_guard gate(gate_);
  mark(place);
}

// Readers do not tell when they leave, which would cost every one of them what the lines save.
template <bool kRareWriters>
void BasicRwSemaphore<kRareWriters>::wait_for(const Line& line) {
  constexpr std::chrono::microseconds kNap(20);
  for (int turn = 0; line.any(); ++turn) {
    if (turn < kTurns) {
      relax();
    } else {
      std::this_thread::sleep_for(kNap);
    }
  }
}

template class BasicRwSemaphore<false>;
template class BasicRwSemaphore<true>;

}  // namespace noiommu
