// Files of the real kernel that a program hands to the modelled one.
#pragma once

#include <sys/types.h>

#include <string_view>

#include "model/kernel/file.h"
#include "scenarios/exec/owned_fd.h"
#include "scenarios/exec/program_pages.h"

namespace noiommu::scenarios::exec {

// The file behind a descriptor of another process's thread; empty where there is none.
[[nodiscard]] OwnedFd take_descriptor(pid_t thread, int fd);

// `target` is what /proc says about the descriptor `fd` of the thread. An eventfd is signalled
// where it is; the pages of a file in memory can be pinned, unless it is on `device_of_ours`; any
// other file knows nothing of the model. EBADF.
Result<FileRef> foreign_file(pid_t thread, int fd, std::string_view target, ProgramPages& pages,
                             dev_t device_of_ours);

}  // namespace noiommu::scenarios::exec
