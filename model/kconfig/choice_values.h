// Which entries of a choice are its values.
#pragma once

#include <vector>

#include "model/kconfig/tree.h"

namespace noiommu::kconfig {

// The symbols directly in the choice or in an `if` in it. An entry that depends on the entry
// before it is shown below that one in menus, and is therefore no value of the choice.
// Call after the entries have their conditions.
[[nodiscard]] std::vector<MenuId> choice_values(const Tree& tree, MenuId choice);

}  // namespace noiommu::kconfig
