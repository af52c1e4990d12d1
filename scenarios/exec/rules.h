// Which rule of the kernel an errno comes from.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "scenarios/exec/seen_call.h"

namespace noiommu::scenarios::exec {

struct Rule {
  // A command or one of: "open device", "open group", "open container", "open iommufd", "device
  // access", "device mmap", "other access", "attribute". "envelope" is for all commands of iommufd,
  // before their own rules; "iommufd" and "ioctl" are after them, the latter for all files.
  std::string_view call;
  int error;
  std::string_view text;
  std::string_view where;  // "vfio-core.md 5.3"
  // Whether it was this rule, where the arguments alone tell. nullptr: they do not.
  bool (*decides)(const SeenCall& call) = nullptr;
};

[[nodiscard]] std::span<const Rule> iommufd_rules();
[[nodiscard]] std::span<const Rule> vfio_rules();

// Of a call that failed: the rule that the arguments point at, or else all that may have been, the
// most likely first. Empty where none is written down.
[[nodiscard]] std::vector<const Rule*> rules_for(const SeenCall& call);

// A line for each, "  EPERM: ... (vfio-core.md 7)", with its end.
[[nodiscard]] std::string explanation(const SeenCall& call);

// Whether the process that called lacks CAP_SYS_RAWIO.
[[nodiscard]] bool lacks_rawio(const SeenCall& call);

}  // namespace noiommu::scenarios::exec
