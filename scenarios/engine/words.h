// Names that the C library knows: errors and capabilities.
#pragma once

#include <string>

#include "model/kernel/result.h"
#include "scenarios/engine/yaml_reader.h"

namespace noiommu::scenarios {

// Throw LoadError for a name that does not exist.
[[nodiscard]] Errno load_errno(const Yaml& node);     // "EINVAL"
[[nodiscard]] int load_capability(const Yaml& node);  // "CAP_SYS_RAWIO" is 17

[[nodiscard]] std::string errno_name(Errno error);          // "EINVAL"
[[nodiscard]] std::string describe_errno(Errno error);      // "EINVAL (Invalid argument)"
[[nodiscard]] std::string capability_name(int capability);  // "CAP_SYS_RAWIO"

}  // namespace noiommu::scenarios
