// A step of a recording, and how its parts are written.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/kernel/result.h"

namespace noiommu::scenarios::exec {

struct RecordedStep {
  std::string head;    // "- ioctl: NAME\n  fd: $iommufd\n  args: {..}\n"
  std::string errno_;  // or nothing
  std::vector<std::string> expect;
  std::vector<std::string> save;
  std::string as;
  std::optional<int64_t> returns;
  // Why a replay would be answered otherwise: then this is written instead, as a comment.
  std::string not_replayed;

  [[nodiscard]] std::string text() const;
};

[[nodiscard]] std::string recorded_comment(const std::string& text);              // "# TEXT\n"
[[nodiscard]] std::string recorded_map(const std::vector<std::string>& entries);  // "{a: 1, b: 2}"

}  // namespace noiommu::scenarios::exec
