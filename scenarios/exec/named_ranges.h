// Ranges of numbers with names, as a scenario adds to them: "$m1+0x1000".
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace noiommu::scenarios::exec {

// Where ranges overlap the newest counts. Thread-safety: none.
class NamedRanges {
 public:
  // `length` is at least 1; the range may end with the last number.
  void add(uint64_t start, uint64_t length, const std::string& name);
  // [start, last] has no name any more.
  void remove(uint64_t start, uint64_t last);

  // How `value` is written; nothing outside all ranges.
  [[nodiscard]] std::optional<std::string> text(uint64_t value) const;
  // The same for the number right after a range.
  [[nodiscard]] std::optional<std::string> end_text(uint64_t value) const;
  // Whether all of [start, last] is in one.
  [[nodiscard]] bool contains(uint64_t start, uint64_t last) const;
  // [start, last] of each that is left.
  [[nodiscard]] std::vector<std::pair<uint64_t, uint64_t>> all() const;

 private:
  struct Range {
    uint64_t last = 0;
    uint64_t named = 0;  // the number that the name alone stands for
    std::string name;
  };
  using Ranges = std::map<uint64_t, Range>;  // by start; they do not overlap

  [[nodiscard]] Ranges::const_iterator find(uint64_t value) const;
  [[nodiscard]] std::optional<std::string> text(Ranges::const_iterator found, uint64_t value) const;

  Ranges ranges_;
};

}  // namespace noiommu::scenarios::exec
