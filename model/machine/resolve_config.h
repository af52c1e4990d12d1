// From what a user sets to the configuration that a kernel is built with.
#pragma once

#include <map>
#include <string>

#include <tl/expected.hpp>

#include "model/design/design.h"
#include "model/kernel/config.h"

namespace noiommu {

struct ResolvedConfig {
  Config config;
  // Those of VFIO, iommufd and no-IOMMU mode that the revision has, by name.
  std::map<std::string, bool> symbols;
};

// What a revision's Kconfig text makes of `overrides` (symbol without CONFIG_ -> y, n or, where it
// is a tristate, m) on top of the default, in which everything for group, native container and
// no-IOMMU cdev is on. A symbol may come out other than asked: selects force it on, unmet
// dependencies keep it off. Error: a message that names an unknown symbol or value, or says that
// vfio-pci is not in the result.
//
// Spec: kconfig.md sections 2 and 3.
[[nodiscard]] tl::expected<ResolvedConfig, std::string> resolve_config(
    const std::map<std::string, std::string>& overrides,
    const design::Design& design = design::mainline());

}  // namespace noiommu
