// Files of the real kernel that a program hands to the modelled one.
#pragma once

#include <sys/types.h>

#include <string_view>

#include "model/kernel/file.h"
#include "scenarios/exec/program_pages.h"

namespace noiommu::scenarios::exec {

// `target` is what /proc says about the descriptor `fd` of `process`. An eventfd is signalled
// where it is; a memfd's pages can be pinned; any other file knows nothing of the model. EBADF.
Result<FileRef> foreign_file(pid_t process, int fd, std::string_view target, ProgramPages& pages);

}  // namespace noiommu::scenarios::exec
