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
// which have all ids that root has; those of anybody else have one user, which is `uid`. Root that
// may not make user namespaces makes do with the other one. Throws SetupError.
void enter_namespaces(uint32_t uid);

// A file system in memory that is mounted nowhere yet. Throws SetupError.
[[nodiscard]] OwnedFd new_filesystem();

// Mounts such a file system itself, once: only then can folders of it be mounted. Throws
// SetupError.
void attach(int filesystem, const std::string& onto);

// Mounts the folder `name` of what `from` is open on, or that itself, over `onto`. Throws
// SetupError.
void mount_over(int from, const std::string& name, const std::string& onto);

// What is mounted there, not what is mounted below it. Throws SetupError.
void make_read_only(const std::string& mounted);

// For a process about to execute the program. False with errno where that fails.
//
// Loses the capabilities for good.
[[nodiscard]] bool drop_capabilities(const std::vector<int>& capabilities);
// Becomes the user, whose only group has the same number; all but root have no capabilities.
[[nodiscard]] bool become(uint32_t uid);

}  // namespace noiommu::scenarios::exec
