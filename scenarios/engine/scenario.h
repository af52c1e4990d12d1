// A scenario as it was loaded: a process's program of system calls and the kernel it needs.
// Spec: scenario-format.md, "Document keys".
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "model/design/design.h"
#include "scenarios/engine/step.h"

namespace noiommu::scenarios {

enum class Tristate { kNo, kModule, kYes };

// Of a boot parameter; the only one that the model knows.
inline constexpr std::string_view kNoiommuParameter = "vfio.enable_unsafe_noiommu_mode";
inline constexpr const char* kNoiommuParameterPath =
    "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode";

struct KernelNeeds {
  design::Design design = design::mainline();  // the `revision`
  std::map<std::string, Tristate> config;      // symbols without CONFIG_, over the defaults
  std::map<std::string, std::string> params;   // "module.parameter" to its text
};

struct DeviceNeeds {
  // An edu function, one with a function-level reset, and a device that is no function.
  enum class Model { kEdu, kEduFlr, kMediated };
  std::string bdf;  // "0000:00:04.0"; of a mediated device its UUID
  Model model = Model::kEdu;
  bool behind_iommu = false;
};

struct ProcessState {
  std::vector<int> dropped_capabilities;
  uint64_t memlock = UINT64_MAX;  // RLIMIT_MEMLOCK in bytes; all ones: unlimited
  uint32_t uid = 0;
};

struct Scenario {
  std::string name;
  std::string about;
  std::string file;  // as it was given or found
  int line = 0;      // of the document's first key, from 1
  KernelNeeds kernel;
  std::vector<DeviceNeeds> devices;  // in the order in which vfio-pci is bound to them
  ProcessState process;
  std::vector<Step> steps;
};

}  // namespace noiommu::scenarios
