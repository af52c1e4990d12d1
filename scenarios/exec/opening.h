// What a call that opens asks for, and where that leads as the program sees it.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <optional>
#include <string>

#include "scenarios/exec/listener.h"

namespace noiommu::scenarios::exec {

struct Opening {
  int folder = -1;
  std::string path;  // as the program has it
  uint64_t flags = 0;
  uint64_t resolve = 0;  // of openat2
};

// Nothing where an argument cannot be read or openat2 does not know its size: the kernel says so.
[[nodiscard]] std::optional<Opening> opening_of(const Trap& trap);

// What would be opened; nothing where there is nothing.
[[nodiscard]] std::optional<struct stat> target_of(const Trap& trap, const Opening& opening);

// Whether a new name would lie in a folder that cannot be changed.
[[nodiscard]] bool would_be_new_in_sysfs(const Trap& trap, const Opening& opening);

// Whether the program asks where its own memory lies.
[[nodiscard]] bool is_own_pagemap(const Trap& trap, const Opening& opening);

}  // namespace noiommu::scenarios::exec
