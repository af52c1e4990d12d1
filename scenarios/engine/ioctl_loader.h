// Reads `ioctl` steps against the table of commands.
#pragma once

#include "scenarios/engine/step.h"
#include "scenarios/engine/yaml_reader.h"

namespace noiommu::scenarios {

// Throws LoadError.
[[nodiscard]] IoctlStep load_ioctl(const YamlMap& step);

}  // namespace noiommu::scenarios
