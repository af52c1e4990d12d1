// Works what encloses an entry into its conditions.
#pragma once

#include "model/kconfig/tree.h"

namespace noiommu::kconfig {

// After the last line is read: fills Property::condition, Menu::depends, Symbol::depends,
// selected_by, implied_by, the values of choices, and Tree::order.
void finalize(Tree& tree);

}  // namespace noiommu::kconfig
