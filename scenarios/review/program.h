// Programs that a review runs on the kernels of a revision, and the scenarios that replay them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/design/design.h"
#include "model/machine/machine.h"
#include "scenarios/review/revision.h"

namespace noiommu::scenarios::review {

inline constexpr const char* kBdf = "0000:00:04.0";  // the device without an IOMMU
inline constexpr const char* kBehindIommu = "0000:00:05.0";
inline constexpr const char* kMediated = "83b8f4f2-509f-482f-8c1e-e6bfe0fa1001";

// Which devices a kernel is booted with. Group ids and device numbers count from 0 where the first
// is alone.
enum class Devices : uint8_t { kWithoutIommu, kBoth, kMediated };

// The kernel that a configuration makes of a design, and the machine with it.
struct Boot {
  const Revision& revision;
  Configured configured;
  const design::Design& design;
  Config config;

  [[nodiscard]] MachineConfig machine(Devices devices) const;
};

// Steps in the format of scenario files, each a flow mapping without the brace at its end:
// "- {open: /dev/iommu, as: iommufd".
struct Program {
  std::string name;
  std::vector<std::string> steps;
  Devices devices = Devices::kWithoutIommu;
  bool without_rawio = false;  // it never has CAP_SYS_RAWIO
};

// How a program went.
struct Run {
  std::string error = {};  // of the first step that fails, or KILLED; empty: all went well
  std::string step = {};   // which that was, e.g. "open: /dev/vfio/vfio"
  std::string scenario = {};
  std::vector<std::string> sequence = {};
};

// Until the first step that fails; all steps with `to_the_end`. A kernel that cannot be had is a
// mistake of the caller, and throws std::logic_error.
[[nodiscard]] Run run(const Boot& boot, const Program& program, bool to_the_end = false);

// Lines that draw /dev/vfio as tree(1) does.
[[nodiscard]] std::vector<std::string> draw_nodes(const Boot& boot, Devices devices);

}  // namespace noiommu::scenarios::review
