#include "scenarios/exec/named_ranges.h"

#include <fmt/format.h>

#include <algorithm>

namespace noiommu::scenarios::exec {

NamedRanges::Ranges::const_iterator NamedRanges::find(uint64_t value) const {
  auto found = ranges_.upper_bound(value);
  if (found == ranges_.begin()) return ranges_.end();
  --found;
  return value <= found->second.last ? found : ranges_.end();
}

void NamedRanges::add(uint64_t start, uint64_t length, const std::string& name) {
  const uint64_t last = start + std::min(length - 1, UINT64_MAX - start);
  remove(start, last);
  ranges_[start] = {last, start, name};
}

void NamedRanges::remove(uint64_t start, uint64_t last) {
  auto at = ranges_.upper_bound(start);
  if (at != ranges_.begin()) --at;
  while (at != ranges_.end() && at->first <= last) {
    const auto [first, range] = *at;
    if (range.last < start) {
      ++at;
      continue;
    }
    at = ranges_.erase(at);
    if (first < start) ranges_[first] = {start - 1, range.named, range.name};
    if (range.last > last) ranges_[last + 1] = range;
  }
}

std::optional<std::string> NamedRanges::text(Ranges::const_iterator found, uint64_t value) const {
  if (found == ranges_.end()) return std::nullopt;
  const auto& [last, named, name] = found->second;
  return value == named ? "$" + name : fmt::format("${}+{:#x}", name, value - named);
}

std::optional<std::string> NamedRanges::text(uint64_t value) const {
  return text(find(value), value);
}

std::optional<std::string> NamedRanges::end_text(uint64_t value) const {
  return text(find(value - 1), value);
}

bool NamedRanges::contains(uint64_t start, uint64_t last) const {
  const auto found = find(start);
  return found != ranges_.end() && last <= found->second.last;
}

std::vector<std::pair<uint64_t, uint64_t>> NamedRanges::all() const {
  std::vector<std::pair<uint64_t, uint64_t>> all;
  for (const auto& [start, range] : ranges_) all.emplace_back(start, range.last);
  return all;
}

}  // namespace noiommu::scenarios::exec
