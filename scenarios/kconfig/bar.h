// A progress bar for long enumerations.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <ostream>

namespace noiommu::scenarios {

class Bar {
 public:
  // Draws nothing without a stream.
  Bar(std::ostream* out, uint64_t total) : out_(out), total_(total == 0 ? 1 : total) {}
  Bar(const Bar&) = delete;
  Bar& operator=(const Bar&) = delete;
  ~Bar() {
    if (drawn_) *out_ << "\r\033[K" << std::flush;
  }

  void show(uint64_t done) {
    if (out_ == nullptr) return;
    drawn_ = true;
    constexpr uint64_t kWidth = 40;
    const uint64_t filled = done * kWidth / total_;
    *out_ << fmt::format("\r[{:#<{}}{:.<{}}] {}%", "", filled, "", kWidth - filled,
                         done * 100 / total_)
          << std::flush;
  }

 private:
  std::ostream* out_;
  uint64_t total_;
  bool drawn_ = false;
};

}  // namespace noiommu::scenarios
