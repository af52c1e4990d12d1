#include "model/kconfig/position.h"

#include <fmt/format.h>

namespace noiommu::kconfig {

std::string Diagnostic::text() const {
  if (at.empty()) return message;
  std::string out = fmt::format("{}:{}:{}: {}", at[0].path, at[0].line, at[0].column, message);
  for (size_t i = 1; i < at.size(); ++i) {
    out += fmt::format("\n  included from {}:{}", at[i].path, at[i].line);
  }
  return out;
}

}  // namespace noiommu::kconfig
