// Capabilities, user and limits of the calling process.
//
// Thread-safety: they belong to the process; call from its only thread.
#pragma once

#include <cstdint>

#include "model/kernel/result.h"
#include "scenarios/engine/scenario.h"

namespace noiommu::scenarios::host {

// In or out of the effective set. EPERM when it is to be raised and not permitted.
[[nodiscard]] Status set_effective(int capability, bool effective);

// RLIMIT_MEMLOCK in bytes; all ones: unlimited. The hard limit grows if need be (EPERM without
// CAP_SYS_RESOURCE) and never shrinks, so that a later call may ask for more.
[[nodiscard]] Status set_memlock(uint64_t bytes);

// What the `process` keys of a scenario say: its user (and, for one that is not root, a group of
// the same number and no others), every permitted capability effective except those dropped, its
// limit of locked memory. EPERM.
[[nodiscard]] Status enter(const ProcessState& state);

}  // namespace noiommu::scenarios::host
