// System calls of a program on a modelled file.
#pragma once

#include <cstdint>
#include <optional>

#include "scenarios/exec/client.h"

namespace noiommu::scenarios::exec {

// What a trapped call is to return, or nothing where it is to go its native way.
using Answer = std::optional<Result<int64_t>>;

// While the call is under way: see Client::Call.
[[nodiscard]] Answer call_on_file(Client& client, const Trap& trap);

}  // namespace noiommu::scenarios::exec
