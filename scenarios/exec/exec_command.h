// `noiommu exec`: runs an unmodified program on a machine of the model.
#pragma once

#include <string>
#include <vector>

#include "scenarios/engine/machine_options.h"
#include "scenarios/exec/dma_check.h"
#include "scenarios/exec/observation.h"

namespace CLI {
class App;
}

namespace noiommu::scenarios::exec {

struct ExecOptions {
  MachineOptions machine;
  uint32_t uid = 0;
  std::vector<int> dropped_capabilities;
  mm::MemoryConfig memory;
  DmaChecking dma_checking = DmaChecking::kReport;
  std::vector<std::string> command;
  ObservationOptions observation;
};

// Answers the exit code: the program's own, or 2 for bad usage or a machine that refuses.
[[nodiscard]] int exec_command(const ExecOptions& options);

void add_exec(CLI::App& app, int& exit_code);

}  // namespace noiommu::scenarios::exec
