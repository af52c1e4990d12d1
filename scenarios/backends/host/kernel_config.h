// The configuration of the kernel that runs here, as it tells about itself.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "scenarios/backends/host/files.h"
#include "scenarios/engine/scenario.h"

namespace noiommu::scenarios::host {

struct KernelConfig {
  // Without CONFIG_. A symbol that is not here is off, when `complete`, and otherwise unknown.
  std::map<std::string, Tristate> symbols;
  bool complete = false;
  std::string source;  // where it was read, or what it was inferred from
};

// The text of a .config: `CONFIG_X=y`, `CONFIG_X=m`; everything else is off.
[[nodiscard]] std::map<std::string, Tristate> parse_config(std::string_view text);

// From /proc/config.gz, else /boot/config-RELEASE, else /lib/modules/RELEASE/config. Where none can
// be read, what nodes and parameters show: then a symbol may be missing because nothing tells.
[[nodiscard]] KernelConfig read_config(const Files& files, const std::string& release);

}  // namespace noiommu::scenarios::host
