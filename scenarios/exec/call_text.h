// How a call of the program reads in a trace.
#pragma once

#include <string>

#include "scenarios/exec/seen_call.h"

namespace noiommu::scenarios::exec {

// "ioctl(512, IOMMU_IOAS_MAP, {size=40, ...}) = 0 {iova=0x1000}", as trace.h has it. The result is
// "?" for a mapping, whose address the real kernel chooses, and for a call that never returned.
[[nodiscard]] std::string call_text(const SeenCall& call);

}  // namespace noiommu::scenarios::exec
