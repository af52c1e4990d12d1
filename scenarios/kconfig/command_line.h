// The options of `noiommu kconfig` and its subcommands.
#pragma once

#include <CLI/CLI.hpp>

namespace noiommu::scenarios {

void add_kconfig(CLI::App& app, int& exit_code);

}  // namespace noiommu::scenarios
