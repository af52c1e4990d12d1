// Reads Kconfig text into a Tree.
#pragma once

#include <map>
#include <string>

#include "model/kconfig/files.h"
#include "model/kconfig/position.h"
#include "model/kconfig/tree.h"

namespace noiommu::kconfig {

struct LoadOptions {
  // What `$(NAME)` finds when no variable has that name, and the environment of shell commands.
  std::map<std::string, std::string> environment;
  // Without it a shell command is not run: it answers "n" and is listed in the tree.
  bool allow_shell = false;
  // Where shell commands run.
  std::string shell_folder = ".";
};

// The whole tree that starts in the file `path`, or the first error with its place. Errors are
// those that stop Linux's `conf` too, except for dependency cycles: find_cycles() lists those.
[[nodiscard]] Loaded<Tree> load(const Files& files, const std::string& path,
                                const LoadOptions& options = {});

}  // namespace noiommu::kconfig
