// What this machine offers to scenarios.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "scenarios/backends/host/files.h"
#include "scenarios/backends/host/kernel_config.h"

namespace noiommu::scenarios::host {

// A PCI function.
struct Function {
  std::string bdf;      // "0000:00:04.0"
  uint32_t vendor = 0;  // PCI ids
  uint32_t device = 0;
  std::string driver;             // empty: none
  std::string vfio_name;          // "noiommu-vfio0", below its vfio-dev folder; empty: none
  bool has_cdev = false;          // ... and it has a node
  std::string group_node;         // "noiommu-0" or "0", its name in /sys/class/vfio; empty: none
  std::optional<unsigned> group;  // number of its IOMMU group
  bool behind_iommu = false;
  bool flr = false;  // has a function-level reset

  [[nodiscard]] bool bound() const { return driver == "vfio-pci"; }
};

struct HugePages {
  uint64_t total = 0;  // of 2 MiB
  uint64_t free = 0;
};

struct Capabilities {
  uint64_t effective = 0;  // a bit for each
  uint64_t permitted = 0;
};

struct Facts {
  std::string release;  // "7.3.4"
  KernelConfig config;
  std::optional<std::string> noiommu_parameter;  // "Y" or "N"; nothing: no such parameter
  bool parameter_writable = false;
  std::vector<std::string> nodes;       // VFIO's and iommufd's below /dev, sorted
  std::vector<Function> functions;      // all that the machine has, sorted
  std::vector<std::string> vfio_names;  // in /sys/class/vfio-dev
  std::vector<unsigned> groups;         // all IOMMU groups
  HugePages huge;
  Capabilities capabilities;
  uint32_t uid = 0;           // effective
  uint64_t memlock_most = 0;  // that RLIMIT_MEMLOCK may become, in bytes; all ones: unlimited

  // nullptr when the machine has no such function.
  [[nodiscard]] const Function* find(const std::string& bdf) const;
};

// Looks around. `release` empty: that of the running kernel.
[[nodiscard]] Facts look_around(const Files& files, std::string release = {});
// Looks again at what a scenario can change: parameter, nodes, functions, groups.
void look_again(const Files& files, Facts& facts);

// Whether the kernel takes this text of a boolean parameter for yes.
[[nodiscard]] bool is_yes(const std::string& text);

// The number at the end of a name: 12 of "noiommu-vfio12". Nothing when there is none.
[[nodiscard]] std::optional<unsigned> trailing_number(const std::string& name);

}  // namespace noiommu::scenarios::host
