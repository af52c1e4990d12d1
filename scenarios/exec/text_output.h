// Where what we say goes: standard error, or a file that programs do not inherit.
#pragma once

#include <atomic>
#include <string>
#include <string_view>

#include "scenarios/exec/owned_fd.h"

namespace noiommu::scenarios::exec {

// Thread-safety: write() may be called from any thread; what one call writes stays together.
class TextOutput {
 public:
  // An empty path stands for standard error. What is in a file stays until start(). Throws
  // SetupError.
  explicit TextOutput(const std::string& path);

  // Empties the file.
  void start() const;
  // When something cannot be written, all that comes later is not written either.
  void write(std::string_view text);
  // What is wrong, with the file's name; empty: nothing. Standard error may be closed.
  [[nodiscard]] std::string wrong() const;

 private:
  const std::string path_;
  OwnedFd file_;
  std::atomic<int> error_ = 0;
};

}  // namespace noiommu::scenarios::exec
