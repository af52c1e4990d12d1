// The namespaces that the program runs in: its user id, its capabilities, and a place for /dev and
// /sys of the modelled kernel.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "scenarios/exec/owned_fd.h"

namespace noiommu::scenarios::exec {

// Moves the calling process, which has one thread, into a user and a mount namespace of its own,
// where its user is `uid`. Root that may not make user namespaces makes do with the other one.
// Throws SetupError.
void enter_namespaces(uint32_t uid);

// A file system in memory that is mounted nowhere yet. Throws SetupError.
[[nodiscard]] OwnedFd new_filesystem();

// Mounts the folder `name` of what `from` is open on, or that itself, over `onto`. Throws
// SetupError.
void mount_over(int from, const std::string& name, const std::string& onto);

// For a process about to execute the program: loses the capabilities for good, and unless `uid` is
// root all of them. False with errno where that fails.
[[nodiscard]] bool drop_capabilities(const std::vector<int>& capabilities);

}  // namespace noiommu::scenarios::exec
