// Reads one step of a scenario.
#pragma once

#include "scenarios/engine/step.h"
#include "scenarios/engine/yaml_reader.h"

namespace noiommu::scenarios {

// Throws LoadError.
[[nodiscard]] Step load_step(const Yaml& node);

}  // namespace noiommu::scenarios
