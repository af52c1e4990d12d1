// Which system calls of the program come to the supervisor; all others run at native speed.
#pragma once

#include "model/kernel/result.h"

namespace noiommu::scenarios::exec {

// The program's descriptors of modelled files have numbers from here on, so that a filter, which
// sees only numbers, can tell their reads, writes and mappings from all others. The upper half of
// what the limit of open files allows, or 512.
[[nodiscard]] int first_free_descriptor();

// A write of fewer bytes than this to standard output may be one to a sysfs file, as of `echo Y >`.
inline constexpr int kShortWrite = 4096;

// For the calling thread and all that it starts, for good; sets no_new_privs. Answers the
// descriptor that the trapped calls are read from. The errno of seccomp(2): EINVAL where the
// kernel has no user notification, EBUSY under another supervisor.
Result<int> install_filter(int first_descriptor);

}  // namespace noiommu::scenarios::exec
