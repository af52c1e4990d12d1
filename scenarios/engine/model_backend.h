// The back end that answers from the model.
#pragma once

#include <map>
#include <memory>
#include <string>

#include <tl/expected.hpp>

#include "model/machine/machine.h"
#include "scenarios/engine/scenario.h"
#include "scenarios/engine/session.h"

namespace noiommu::scenarios {

// `memory` is what every machine gets: the answers must not depend on how frames lie.
std::unique_ptr<Backend> make_model_backend(const mm::MemoryConfig& memory = {});

// The process behind a session of this back end, to be looked at between its calls; nullptr for a
// session of another back end.
Process* process_of(Session& session);

// One process that is alone on a machine of its own, without a scenario.
[[nodiscard]] std::unique_ptr<Session> make_model_session(const MachineConfig& config,
                                                          const ProcessState& state = {});

// The `config` of a scenario with its values as Kconfig writes them.
[[nodiscard]] std::map<std::string, std::string> config_overrides(const KernelNeeds& kernel);

// The machine that the `kernel` and `devices` of a scenario describe, or why the model has none.
tl::expected<MachineConfig, std::string> machine_config(const KernelNeeds& kernel,
                                                        const std::vector<DeviceNeeds>& devices);

}  // namespace noiommu::scenarios
