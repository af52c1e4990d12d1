#include "model/kconfig/revisions.h"

#include <fmt/format.h>

#include <algorithm>

namespace noiommu::kconfig {

std::vector<std::string> revision_names() {
  return {"v7.0",
          "v4",
          "v5",
          "v6",
          "mainline",
          "v5-mail",
          "v4-without-iommu-support",
          "v4-without-depends",
          "rejected-group-unless-noiommu",
          "rejected-group-needs-container",
          "rejected-noiommu-selects-container"};
}

Loaded<Tree> load_revision(const std::string& name) {
  const std::vector<std::string> names = revision_names();
  if (std::find(names.begin(), names.end(), name) == names.end()) {
    Diagnostic unknown;
    unknown.message = fmt::format("no revision '{}'; there are {}", name, fmt::join(names, ", "));
    return tl::unexpected<Diagnostic>(std::move(unknown));
  }
  return load(MemoryFiles(revision_texts()), name + "/Kconfig");
}

std::vector<std::string> review_inputs() {
  return {"GENERIC_ATOMIC64",  "PPC_PSERIES",
          "IOMMU_SUPPORT",     "SPAPR_TCE_IOMMU",
          "IOMMUFD",           "VFIO",
          "VFIO_GROUP",        "VFIO_DEVICE_CDEV",
          "VFIO_CONTAINER",    "IOMMUFD_VFIO_CONTAINER",
          "VFIO_NOIOMMU",      "VFIO_GROUP_NOIOMMU",
          "VFIO_CDEV_NOIOMMU", "IOMMUFD_NOIOMMU"};
}

}  // namespace noiommu::kconfig
