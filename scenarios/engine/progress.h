// A counter on a terminal for runs that take a while.
#pragma once

#include <chrono>
#include <cstddef>
#include <ostream>

namespace noiommu::scenarios {

// Stays silent for two seconds, then counts on one line, which it wipes at the end. Calls of show()
// must not overlap.
class Progress {
 public:
  using Clock = std::chrono::steady_clock;

  Progress(std::ostream& terminal, size_t total)
      : terminal_(terminal), total_(total), next_(Clock::now() + kPatience) {}
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress() {
    if (shown_) terminal_ << "\r\033[K" << std::flush;
  }

  void show(size_t done) {
    const auto now = Clock::now();
    if (now < next_) return;
    next_ = now + kPause;
    shown_ = true;
    terminal_ << '\r' << done << " of " << total_ << " scenarios" << std::flush;
  }

 private:
  static constexpr std::chrono::milliseconds kPatience{2000};
  static constexpr std::chrono::milliseconds kPause{100};

  std::ostream& terminal_;
  size_t total_;
  Clock::time_point next_;
  bool shown_ = false;
};

}  // namespace noiommu::scenarios
