// Which rule of the kernel an errno comes from.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "scenarios/exec/seen_call.h"

namespace noiommu::scenarios::exec {

struct Rule {
  // What the call was, from the outside in. A rule further in counts only where none further out
  // may have been it.
  // - An open: "open device", "open group", "open container", "open iommufd" or "open attribute",
  //   then "open".
  // - An ioctl: "file", whatever the command is; "envelope", of all of iommufd's own commands; the
  //   command, with "container " before it on a native container, and "GET_PA" for both of its
  //   names; "mapping" for all that map in an IOAS, "filling" for all that fill a page table;
  //   "iommufd"; "ioctl".
  // - Anything else: "transfer" for reads and writes, "lseek", "resize", "sync", "splice",
  //   "duplicate" or "mmap"; "file"; one of "device transfer", "device mmap", "fault", "dma-buf",
  //   "attribute" and "other".
  std::string_view call;
  int error;
  std::string_view text;
  std::string_view where;  // "vfio-core.md 5.3"
  // Whether it was this rule, where that can be told from the arguments and from the objects of the
  // model as the call left them. nullptr: it cannot.
  bool (*decides)(const SeenCall& call) = nullptr;
};

// In the order in which the kernel checks.
[[nodiscard]] std::span<const Rule> access_rules();
[[nodiscard]] std::span<const Rule> container_rules();
[[nodiscard]] std::span<const Rule> device_rules();
[[nodiscard]] std::span<const Rule> iommufd_rules();

// Of a call that failed: the rule that decides, or else all that may have been it, the most likely
// first. Empty where none is written down.
[[nodiscard]] std::vector<const Rule*> rules_for(const SeenCall& call);

// A line for each, "  EPERM: ... (vfio-core.md 7)", with its end.
[[nodiscard]] std::string explanation(const SeenCall& call);

}  // namespace noiommu::scenarios::exec
