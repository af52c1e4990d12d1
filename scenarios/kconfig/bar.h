// A progress bar for long enumerations.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <ostream>

namespace noiommu::scenarios {

class Bar {
 public:
  // Draws nothing without a stream.
  explicit Bar(std::ostream* out) : out_(out) {}
  Bar(const Bar&) = delete;
  Bar& operator=(const Bar&) = delete;
  ~Bar() {
    if (drawn_) *out_ << "\r\033[K" << std::flush;
  }

  void show(uint64_t done, uint64_t total) {
    if (out_ == nullptr) return;
    drawn_ = true;
    constexpr double kWidth = 40;
    const double part = total == 0 ? 1 : static_cast<double>(done) / static_cast<double>(total);
    const auto filled = static_cast<size_t>(part * kWidth);
    *out_ << fmt::format("\r[{:#<{}}{:.<{}}] {:.0f}%", "", filled, "",
                         static_cast<size_t>(kWidth) - filled, part * 100)
          << std::flush;
  }

 private:
  std::ostream* out_;
  bool drawn_ = false;
};

}  // namespace noiommu::scenarios
