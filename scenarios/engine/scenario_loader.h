// Reads one YAML document as a scenario.
#pragma once

#include "scenarios/engine/scenario.h"
#include "scenarios/engine/yaml_reader.h"

namespace noiommu::scenarios {

// Throws LoadError.
[[nodiscard]] Scenario load_scenario(const Yaml& document);

}  // namespace noiommu::scenarios
