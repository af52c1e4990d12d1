// Where what we say goes: standard error, or a file that programs do not inherit.
#pragma once

#include <string>
#include <string_view>

#include "scenarios/exec/owned_fd.h"

namespace noiommu::scenarios::exec {

// Thread-safety: all methods may be called from any thread; what one call writes stays together.
class TextOutput {
 public:
  // An empty path stands for standard error. Throws SetupError.
  explicit TextOutput(const std::string& path);

  void write(std::string_view text) const;

 private:
  OwnedFd file_;
};

}  // namespace noiommu::scenarios::exec
