// Whether this machine is the one that a scenario asks for. Spec: scenario-format.md, "Document
// keys": on a real kernel `kernel`, `devices` and `process` are requirements.
#pragma once

#include <optional>
#include <string>

#include "scenarios/backends/host/device_map.h"
#include "scenarios/backends/host/facts.h"
#include "scenarios/backends/host/files.h"
#include "scenarios/engine/scenario.h"

namespace noiommu::scenarios::host {

// Why the scenario cannot run here, in one line, or nothing. Also refuses scenarios that would
// write to the driver or the attributes of a function that is not theirs.
[[nodiscard]] std::optional<std::string> unmet(const Facts& facts, const Files& files,
                                               const BdfMap& bdfs, const Scenario& scenario);

}  // namespace noiommu::scenarios::host
