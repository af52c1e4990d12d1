#include "model/kernel/log.h"

#include <algorithm>
#include <utility>

namespace noiommu {

void Log::add(LogLevel level, std::string text) {
  const std::lock_guard lock(mutex_);
  lines_.push_back({level, std::move(text)});
}

void Log::add_once(LogLevel level, std::string text) {
  const std::lock_guard lock(mutex_);
  const bool there = std::any_of(lines_.begin(), lines_.end(),
                                 [&](const LogLine& line) { return line.text == text; });
  if (!there) lines_.push_back({level, std::move(text)});
}

std::vector<LogLine> Log::lines() const {
  const std::lock_guard lock(mutex_);
  return lines_;
}

void Log::taint(uint64_t flags) {
  const std::lock_guard lock(mutex_);
  taint_ |= flags;
}

uint64_t Log::taint() const {
  const std::lock_guard lock(mutex_);
  return taint_;
}

}  // namespace noiommu
