// The machine that a command line describes.
#pragma once

#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "model/machine/machine.h"

namespace noiommu::scenarios {

struct MachineOptions {
  std::string revision = "mainline";
  std::vector<std::string> config;   // "SYMBOL=VALUE"
  std::vector<std::string> params;   // "module.parameter=VALUE"
  std::vector<std::string> devices;  // "[MODEL@]BDF[,iommu=none|present][,id=VVVV:DDDD]"
};

// Without `devices` the machine has one edu function, 0000:00:04.0, and no IOMMU. What is wrong is told with the
// option that it is in.
[[nodiscard]] tl::expected<MachineConfig, std::string> machine_config(
    const MachineOptions& options);

}  // namespace noiommu::scenarios
