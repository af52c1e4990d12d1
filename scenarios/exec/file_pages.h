// Files whose pages programs share: memfds, files of a tmpfs or hugetlbfs, System V segments.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>

#include "scenarios/exec/program_pages.h"

namespace noiommu::scenarios::exec {

// The size of the pages that the file at `path` is made of, as a power of two of 4 KiB. Nothing for
// a file that is not in memory only.
std::optional<unsigned> memory_file_order(const std::string& path);

// The file, which stays as long as it is wanted. Empty where it cannot be opened with `access`,
// which is O_RDWR or O_RDONLY.
std::shared_ptr<PageSource> open_file_pages(const std::string& path, int access);

// The same for a segment of the process's.
std::shared_ptr<PageSource> attach_segment(pid_t process, int id);

}  // namespace noiommu::scenarios::exec
