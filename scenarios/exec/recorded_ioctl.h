// An ioctl as a step of a recording.
#pragma once

#include <string>

#include "scenarios/exec/recording.h"

namespace noiommu::scenarios::exec {

// What its argument needs goes into the recording first; what it answers is known to it afterwards.
// `file` is the name of the one that it is on.
[[nodiscard]] RecordedStep recorded_ioctl(Recording& recording, const std::string& file,
                                          const SeenCall& call, const Client& client);

}  // namespace noiommu::scenarios::exec
