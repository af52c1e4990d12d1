// What the lexer, the macros and the parser share while a tree is being read.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "model/kconfig/load.h"

namespace noiommu::kconfig {

struct Loading {
  Tree& tree;
  const Files& files;
  const LoadOptions& options;
  std::optional<Diagnostic> error;  // the first one; reading stops at it

  // Always false, so that `return loading.fail(..)` ends a step that answers "went well".
  bool fail(Position at, std::string message) {
    if (!error) error = tree.diagnostic(at, std::move(message));
    return false;
  }
  void warn(Position at, std::string message) {
    tree.warnings.push_back(tree.diagnostic(at, std::move(message)));
  }
};

}  // namespace noiommu::kconfig
