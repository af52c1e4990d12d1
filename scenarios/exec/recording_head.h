// What a recording says before its steps.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/kernel/credentials.h"
#include "model/mm/phys_mem.h"
#include "scenarios/engine/machine_options.h"

namespace noiommu::scenarios::exec {

// What a process is allowed.
struct ProcessFacts {
  uint32_t uid = 0;
  uint64_t memlock = UINT64_MAX;  // bytes; all ones: unlimited
  decltype(Credentials::effective) capabilities = {};
};

struct RecordedRun {
  const MachineOptions& machine;
  const std::vector<std::string>& command;
  const std::optional<ProcessFacts> process;  // at its first call; nothing where there was none
  const mm::MemoryConfig::Placement placement;
  const std::map<pid_t, uint64_t>& others;  // calls of processes that are not recorded
};

// All keys of the scenario but `steps`, after a comment about where it comes from.
[[nodiscard]] std::string recording_head(const RecordedRun& run);

}  // namespace noiommu::scenarios::exec
