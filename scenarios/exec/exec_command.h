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

// Takes "--" and what follows it out of the words of `noiommu exec ..`. These are another program's,
// and no business of CLI11, which would take them apart where they have brackets.
[[nodiscard]] std::vector<std::string> take_command(std::vector<std::string>& words);
void add_exec(CLI::App& app, std::vector<std::string> rest, int& exit_code);

}  // namespace noiommu::scenarios::exec
