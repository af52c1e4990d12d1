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
      {"support-matrix", "The six documented cases are as documented.", "kconfig.md section 8",
       check_support_matrix},
      {"groups-need-containers", "Groups are built only where there is a container for them.",
       "seed 002; kconfig.md section 5.4", check_groups_need_containers},
      {"no-regression", "What worked for users of groups before the series still works.",
       "seed 002; kconfig.md section 5.3; vfio-core.md section 5.5", check_regression},
      {"usable-nodes",
       "Every node of a device without an IOMMU leads a privileged program to it, and there is "
       "one.",
       "seed 002; vfio-core.md sections 3.5 and 14; kconfig.md section 5.4", check_usable_nodes},
      {"cdev-as-configured",
       "With cdevs and no-IOMMU mode there is a cdev, and it works only if its option is on.",
       "kconfig.md sections 5.2 and 5.4", check_cdev_as_configured},
      {"feature-table", "Each path gives what its documentation says.",
       "seed 000; vfio-core.md section 13", check_feature_table},
      {"named-noiommu", "The cdevs of devices without an IOMMU, and only those, are named so.",
       "seed 001; vfio-core.md sections 3.2 and 3.6", check_names},
      {"tainted", "A kernel that shows such a device to programs is tainted.",
       "seed 003; vfio-core.md section 3.7", check_taint},
      {"emulated-untouched", "A mediated device is not taken for one without an IOMMU.",
       "seed 003; vfio-core.md sections 3.2 and 3.3", check_emulated},
      {"rawio-everywhere",
       "A program that never has CAP_SYS_RAWIO gets hold of no such device, nor of an address.",
       "seed 001; vfio-core.md section 7", check_rawio_everywhere, true},
      {"rawio-at-bind", "Nor does a program that has lost it, with what it opened before.",
       "seed 001; vfio-core.md sections 7 and 12", check_rawio_at_bind, true},
      {"no-warn", "No sequence of calls makes the kernel warn or oops.",
       "seed 003; vfio-core.md section 8", check_no_warn, true},
      {"toggle-safe",
       "Writing the module parameter takes nothing from those who are there already.",
       "seeds 001 and 002; vfio-core.md section 1", check_toggle_safe, true},
  };
  return kAll;
}

}  // namespace noiommu::scenarios::review
