#include "scenarios/engine/words.h"

#include <fmt/format.h>
#include <sys/capability.h>

#include <algorithm>
#include <cctype>
#include <cstring>
#include <memory>
#include <vector>

#include "scenarios/engine/nearest.h"

namespace noiommu::scenarios {
namespace {

constexpr int kLastErrno = 133;  // EHWPOISON; what lies above never leaves the kernel

}  // namespace

Errno load_errno(const Yaml& node) {
  const std::string word = node.text();
  // The two names that share a number with another.
  if (word == "EWOULDBLOCK") return Errno{EWOULDBLOCK};
  if (word == "ENOTSUP") return Errno{ENOTSUP};
  std::vector<std::string_view> names;
  for (int number = 1; number <= kLastErrno; ++number) {
    const char* name = strerrorname_np(number);
    if (name == nullptr) continue;
    if (word == name) return Errno{number};
    names.emplace_back(name);
  }
  node.fail(unknown_word("errno", word, names));
}

int load_capability(const Yaml& node) {
  const std::string word = node.text();
  std::vector<std::string> names;
  for (int number = 0; number <= CAP_LAST_CAP; ++number) {
    names.push_back(capability_name(number));
    if (word == names.back()) return number;
  }
  const std::vector<std::string_view> known(names.begin(), names.end());
  node.fail(unknown_word("capability", word, known));
}

std::string errno_name(Errno error) {
  const char* name = strerrorname_np(static_cast<int>(error));
  return name != nullptr ? name : fmt::format("errno {}", static_cast<int>(error));
}

std::string describe_errno(Errno error) {
  const char* text = strerrordesc_np(static_cast<int>(error));
  return text == nullptr ? errno_name(error) : fmt::format("{} ({})", errno_name(error), text);
}

std::string capability_name(int capability) {
  const std::unique_ptr<char, int (*)(void*)> lower(cap_to_name(capability), cap_free);
  std::string name = lower == nullptr ? fmt::format("cap_{}", capability) : lower.get();
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::toupper(c); });
  return name;
}

}  // namespace noiommu::scenarios
