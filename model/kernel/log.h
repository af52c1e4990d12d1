// The kernel log and the taint flags of one kernel.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "model/kernel/types.h"

namespace noiommu {

enum class LogLevel { kAlert = 1, kErr = 3, kWarn = 4, kNotice = 5, kInfo = 6 };  // the kernel's

struct LogLine {
  LogLevel level;
  std::string text;  // with the device prefix, e.g. "vfio-pci 0000:00:04.0: ..."
};

// Thread-safety: all methods may be called from any thread.
class Log : Unmovable {
 public:
  void add(LogLevel level, std::string text);
  // Unless the same line is there already.
  void add_once(LogLevel level, std::string text);
  [[nodiscard]] std::vector<LogLine> lines() const;

  // TAINT_USER is bit 6. Spec: vfio-core.md section 3.7.
  static constexpr uint64_t kTaintUser = 1U << 6;
  static constexpr uint64_t kTaintDie = 1U << 7;
  static constexpr uint64_t kTaintWarn = 1U << 9;
  static constexpr uint64_t kTaintFirmwareWorkaround = 1U << 11;
  void taint(uint64_t flags);
  [[nodiscard]] uint64_t taint() const;

 private:
  mutable std::mutex mutex_;
  std::vector<LogLine> lines_;
  uint64_t taint_ = 0;
};

}  // namespace noiommu
