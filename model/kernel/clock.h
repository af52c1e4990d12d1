// Device time: what timers of devices run on.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>

#include "model/kernel/types.h"

namespace noiommu {

// The time of one kernel's devices, in nanoseconds since boot. It stands still except in advance(),
// so nothing ever waits for a wall clock. Spec: scenario-format.md, step `sleep`.
//
// Thread-safety: all methods may be called from any thread. Work runs in the thread that advances,
// one piece at a time, and no lock is held that schedule(), cancel() or now() would need.
class Clock : Unmovable {
 public:
  using Time = std::chrono::nanoseconds;
  using Work = std::function<void()>;

  // Where time ends: now() gets no further, so that now() plus any delay below 146 years is safe.
  static constexpr Time kEnd = Time::max() / 2;

  // Orders timers as they run: by due time, then first come first served.
  struct TimerId {
    Time at{};
    uint64_t number = 0;
    bool operator<(const TimerId& other) const {
      return at != other.at ? at < other.at : number < other.number;
    }
  };

  [[nodiscard]] Time now() const;
  // When the next timer is due; nothing without timers.
  [[nodiscard]] std::optional<Time> next() const;

  // Runs `work` once, when time reaches `at`; what is due already runs in the next advance(). Work
  // may schedule and cancel timers, but neither throws nor advances the clock.
  TimerId schedule(Time at, Work work);

  // True: the work will not run. False: it has run, is about to or is running. Never waits.
  bool cancel(TimerId id);

  // Lets `by` (not negative) pass and runs all that becomes due on the way, with now() at the due
  // time, including what the work itself schedules. Concurrent calls happen one after the other.
  void advance(Time by);

 private:
  std::mutex advance_mutex_;  // taken before mutex_, held while work runs
  mutable std::mutex mutex_;  // guards all below
  Time now_{};
  uint64_t next_number_ = 1;
  std::map<TimerId, Work> timers_;
};

}  // namespace noiommu
