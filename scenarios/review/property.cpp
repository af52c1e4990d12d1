#include "scenarios/review/property.h"

namespace noiommu::scenarios::review {

const std::vector<Property>& properties() {
  static const std::vector<Property> kAll = {
      {"acyclic", "No symbol depends on itself.", "kconfig.md section 4; seed 002", check_acyclic},
      {"unmet-select", "A select never overrides its target's dependencies.",
       "kconfig.md section 5.2; the change log of v4", check_unmet_select},
      {"module-linkage", "Built-in code never needs a module's symbols.",
       "kconfig.md sections 5.4 and 5.5", check_module_linkage},
      {"no-dead-weight", "Page tables are selected only where something uses them.",
       "kconfig.md section 5.2", check_dead_weight},
      {"no-regression",
       "What worked for users of groups before the series still can be configured.",
       "kconfig.md section 5.3", check_regression},
      {"support-matrix", "The six documented cases are as documented.", "kconfig.md section 8",
       check_support_matrix},
      {"usable-groups", "Every group node leads to a working device through /dev/vfio/vfio.",
       "seed 002; vfio-core.md section 14", check_usable_groups},
      {"usable-cdevs", "Every cdev of a device without an IOMMU can be bound.",
       "vfio-core.md section 3.5; kconfig.md section 5.4", check_usable_cdevs},
      {"named-noiommu", "The cdevs of devices without an IOMMU, and only those, are named so.",
       "vfio-core.md sections 3.2 and 3.6", check_names},
      {"tainted", "A kernel that shows such a device to programs is tainted.",
       "vfio-core.md section 3.7; seed 003", check_taint},
  };
  return kAll;
}

}  // namespace noiommu::scenarios::review
