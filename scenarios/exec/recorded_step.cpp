#include "scenarios/exec/recorded_step.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace noiommu::scenarios::exec {

std::string recorded_comment(const std::string& text) {
  return "# " + text + "\n";
}

std::string recorded_map(const std::vector<std::string>& entries) {
  return fmt::format("{{{}}}", fmt::join(entries, ", "));
}

std::string RecordedStep::text() const {
  if (!not_replayed.empty()) return recorded_comment(not_replayed);
  std::string text = head;
  if (!as.empty()) text += fmt::format("  as: {}\n", as);
  if (!errno_.empty()) text += fmt::format("  errno: {}\n", errno_);
  if (returns) text += fmt::format("  returns: {}\n", *returns);
  if (!expect.empty()) text += fmt::format("  expect: {}\n", recorded_map(expect));
  if (!save.empty()) text += fmt::format("  save: {}\n", recorded_map(save));
  return text;
}

}  // namespace noiommu::scenarios::exec
