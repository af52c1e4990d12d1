// A Session of real system calls by the calling process.
#pragma once

#include <memory>

#include "scenarios/backends/host/device_map.h"
#include "scenarios/backends/host/files.h"
#include "scenarios/engine/session.h"

namespace noiommu::scenarios::host {

// Paths lie below the root of `files`, after `map` has translated them. The process should be one
// that nobody else needs: signal handlers, capabilities and limits change.
[[nodiscard]] std::unique_ptr<Session> make_host_session(Files files, DeviceMap map);

}  // namespace noiommu::scenarios::host
