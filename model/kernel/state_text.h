// What decides how open files answer from now on, as text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace noiommu {

// Two processes whose files give the same text, looked at in the same order, cannot be told apart
// by what later calls answer, but for addresses. It has neither descriptors nor addresses in it:
// things are numbered in the order in which they are met.
//
// Thread-safety: belongs to one thread; what it looks at may be used by nobody else.
class StateText {
 public:
  // Something that more than one file may lead to: an open file, a group. True the first time, when
  // what it holds is to follow.
  bool meet(const void* thing) {
    size_t number = 0;
    while (number < met_.size() && met_[number] != thing) ++number;
    const bool first = number == met_.size();
    if (first) met_.push_back(thing);
    value(first ? "new" : "again", number);
    return first;
  }
  void value(std::string_view name, uint64_t value) {
    text_.append(name).append(1, ' ').append(std::to_string(value)).append(1, '\n');
  }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::vector<const void*> met_;
  std::string text_;
};

}  // namespace noiommu
