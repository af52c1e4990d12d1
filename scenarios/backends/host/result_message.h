// The result of a scenario as bytes, on its way from the process that ran it.
#pragma once

#include <string>
#include <string_view>

#include "scenarios/engine/runner.h"

namespace noiommu::scenarios::host {

[[nodiscard]] std::string pack(const ScenarioResult& result);
// Throws std::runtime_error for bytes that pack() did not make.
[[nodiscard]] ScenarioResult unpack(std::string_view bytes);

}  // namespace noiommu::scenarios::host
