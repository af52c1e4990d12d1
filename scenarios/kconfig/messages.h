// Messages that the Kconfig commands share.
#pragma once

#include <iosfwd>
#include <string>

#include <nlohmann/json.hpp>

#include "model/kconfig/configuration.h"
#include "model/kconfig/position.h"

namespace noiommu::scenarios {

// Prints the error; answers the exit status for bad input.
int complain(const kconfig::Diagnostic& error, std::ostream& err);
int complain_no_symbol(const std::string& name, std::ostream& err);

// Says how many shell commands were not run, if any.
void mention_skipped(const kconfig::Tree& tree, std::ostream& err);

// A select that set the symbol higher than its dependencies allow: who selects it, and what it
// depends on.
[[nodiscard]] std::string unmet_text(const kconfig::Configuration& configuration,
                                     kconfig::SymbolId id);
[[nodiscard]] nlohmann::ordered_json unmet_json(const kconfig::Configuration& configuration,
                                                kconfig::SymbolId id);

}  // namespace noiommu::scenarios
