#include "model/design/design.h"

#include <algorithm>

namespace noiommu::design {

namespace {

constexpr Design kV70{
    .name = "v7.0", .kconfig = "v7.0", .about = "Linux 7.0, before the series: groups only"};

// Seeds 000 to 002. Section 12: null checks everywhere, no capability check of the cdev.
constexpr Design kV4{.name = "v4",
                     .kconfig = "v4",
                     .about = "the fourth posting: cdevs, and devices without a group",
                     .name_before_group = false,
                     .marked_by = MarkedBy::kVfioNoiommu,
                     .noiommu_if = NoiommuIf::kMarkOrGroup,
                     .group_may_be_absent = true,
                     .cdev_for = CdevFor::kEveryDevice,
                     .early_success = EarlySuccess::kNoBind,
                     .get_pa = GetPa::kLengthOut,
                     .says_fixed_iova_is_ignored = true};

// Section 3.2: the mark looks at the option and the parameter only.
constexpr Design kV5{.name = "v5",
                     .kconfig = "v5",
                     .about = "the author's tree of the fifth: an option each for group and cdev",
                     .name_before_group = false,
                     .marked_by = MarkedBy::kIommufdNoiommu,
                     .marks_only_without_iommu = false,
                     .marks_mediated = true,
                     .noiommu_if = NoiommuIf::kApart,
                     .cdev_for = CdevFor::kEveryDevice,
                     .early_success = EarlySuccess::kNoBind,
                     .get_pa = GetPa::kLengthOut};

// Seed 003.
constexpr Design kV6{.name = "v6",
                     .kconfig = "v6",
                     .about = "the sixth posting: one option again, and the capability at open",
                     .name_before_group = false,
                     .marked_by = MarkedBy::kVfioDeviceCdev,
                     .marks_mediated = true,
                     .noiommu_if = NoiommuIf::kApart,
                     .cdev_for = CdevFor::kEveryDevice,
                     .cdev_taint = CdevTaint::kWithTheName,
                     .cdev_capability = CdevCapability::kBeforeRegistration,
                     .get_pa = GetPa::kLengthZeroIsAll};

constexpr Design kMainline{.name = "mainline",
                           .kconfig = "mainline",
                           .about = "Linux 7.3, as merged",
                           .marked_by = MarkedBy::kIommufdNoiommu,
                           .noiommu_if = NoiommuIf::kGroupOrMark,
                           .cdev_for = CdevFor::kWhatIommufdCanBind,
                           .cdev_taint = CdevTaint::kAfterTheGroup,
                           .cdev_capability = CdevCapability::kAfterRegistration,
                           .get_pa = GetPa::kMainline};

// Seed 002: once on, the parameter stays on.
constexpr Design latch() {
  Design design = kMainline;
  design.name = "latch";
  design.about = "mainline with a parameter that cannot be cleared";
  design.parameter = Parameter::kLatches;
  return design;
}

// Seed 003: bind returns success for every device without an IOMMU, whatever path it came by.
constexpr Design early_success() {
  Design design = kV6;
  design.name = "early-success";
  design.about = "v6 whose bind succeeds at once for every device without an IOMMU";
  design.early_success = EarlySuccess::kEveryFile;
  return design;
}

// Seed 003: `!dev->iommu` as the predicate.
constexpr Design no_iommu_state() {
  Design design = kMainline;
  design.name = "no-iommu-state";
  design.about = "mainline with the lack of per-device IOMMU state as the predicate";
  design.noiommu_if = NoiommuIf::kNoIommuState;
  return design;
}

// Seed 002: no group can be missing, so one is listed that no container is there for.
constexpr Design kept_group() {
  Design design = kV4;
  design.name = "kept-group";
  design.about = "v4 with a group for every device, also where no container is built";
  design.group_may_be_absent = false;
  return design;
}

}  // namespace

const std::vector<Design>& revisions() {
  static const std::vector<Design> kAll{kV70, kV4, kV5, kV6, kMainline};
  return kAll;
}

const std::vector<Design>& variants() {
  static const std::vector<Design> kAll{kept_group(), latch(), early_success(), no_iommu_state()};
  return kAll;
}

const Design& mainline() {
  return revisions().back();
}

const Design* find(std::string_view name) {
  for (const std::vector<Design>* list : {&revisions(), &variants()}) {
    const auto found = std::find_if(list->begin(), list->end(),
                                    [&](const Design& design) { return design.name == name; });
    if (found != list->end()) return &*found;
  }
  return nullptr;
}

}  // namespace noiommu::design
