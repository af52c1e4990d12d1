// What follows from the Kconfig text alone.
#include <fmt/format.h>

#include <array>
#include <functional>
#include <optional>
#include <set>
#include <string>

#include "scenarios/review/property.h"

namespace noiommu::scenarios::review {

namespace {

using kconfig::Tri;

// Violated by each configuration for which `wrong` holds; the smallest is shown.
Finding none_may_be(const Revision& revision, const std::function<bool(const Configured&)>& wrong,
                    const std::string& what) {
  Finding finding;
  if (!revision.cycles().empty()) {
    return {Verdict::kNotApplicable, "a tree with a cycle has no configurations", {}, 0};
  }
  std::optional<Configured> smallest;
  for (const kconfig::Outcome& outcome : revision.outcomes()) {
    const Configured one(revision, outcome);
    if (!wrong(one)) continue;
    ++finding.configurations;
    if (!smallest || one.size() < smallest->size()) smallest = one;
  }
  if (!smallest) return finding;
  finding.verdict = Verdict::kViolated;
  finding.what = what;
  finding.config = smallest->text();
  return finding;
}

// What a user of groups has chosen, apart from no-IOMMU mode itself.
std::string choices(const Configured& one) {
  std::string key;
  for (const char* symbol :
       {"GENERIC_ATOMIC64", "PPC_PSERIES", "IOMMU_SUPPORT", "SPAPR_TCE_IOMMU", "IOMMUFD", "VFIO",
        "VFIO_GROUP", "VFIO_DEVICE_CDEV", "VFIO_CONTAINER", "IOMMUFD_VFIO_CONTAINER"}) {
    key += tri_name(one.value(symbol));
  }
  return key;
}

// A row of the documented matrix.
struct Case {
  bool group;
  bool container;
  bool cdev;
  bool selectable;
};
constexpr std::array<Case, 5> kMatrix = {{{true, true, false, true},
                                          {true, false, false, false},
                                          {true, true, true, true},
                                          {true, false, true, false},
                                          {false, false, true, true}}};

bool is_case(const Configured& one, const Case& row) {
  return one.on("VFIO") && one.on("IOMMUFD") && !one.on("GENERIC_ATOMIC64") &&
         !one.on("SPAPR_TCE_IOMMU") && one.on("VFIO_GROUP") == row.group &&
         one.container() == row.container && one.on("VFIO_DEVICE_CDEV") == row.cdev;
}

}  // namespace

Finding check_acyclic(const Revision& revision) {
  if (revision.cycles().empty()) return {};
  return {Verdict::kViolated, chain_text(revision.tree(), revision.cycles().front()), {}, 0};
}

Finding check_unmet_select(const Revision& revision) {
  const auto wrong = [](const Configured& one) { return !one.unmet().empty(); };
  Finding finding = none_may_be(revision, wrong, "");
  if (finding.verdict != Verdict::kViolated) return finding;
  std::set<std::string> targets;
  for (const kconfig::Outcome& outcome : revision.outcomes()) {
    for (const kconfig::SymbolId id : outcome.unmet) {
      targets.insert(revision.tree().symbols[id].name);
    }
  }
  finding.what = fmt::format("{} selected without what it depends on", fmt::join(targets, ", "));
  return finding;
}

Finding check_dead_weight(const Revision& revision) {
  return none_may_be(
      revision,
      [](const Configured& one) { return one.on("IOMMU_PT_AMDV1") && !one.noiommu_cdev(); },
      "page tables are built, and no cdev of a device without an IOMMU can be had");
}

Finding check_module_linkage(const Revision& revision) {
  return none_may_be(
      revision,
      [](const Configured& one) {
        return one.value("IOMMUFD") == Tri::kY && one.page_table() &&
               one.value("IOMMU_PT_AMDV1") != Tri::kY;
      },
      "built-in iommufd wants the page tables, which are a module");
}

Finding check_regression(const Revision& revision) {
  if (!revision.cycles().empty()) {
    return {Verdict::kNotApplicable, "a tree with a cycle has no configurations", {}, 0};
  }
  const auto before = Revision::load("v7.0");
  std::set<std::string> kept;
  for (const kconfig::Outcome& outcome : revision.outcomes()) {
    const Configured one(revision, outcome);
    if (one.noiommu_group()) kept.insert(choices(one));
  }
  return none_may_be(
      *before,
      [&](const Configured& one) {
        return one.noiommu_group() && one.container() && !kept.contains(choices(one));
      },
      "worked in v7.0, and no-IOMMU mode cannot be had");
}

Finding check_support_matrix(const Revision& revision) {
  if (revision.design() != nullptr &&
      revision.design()->cdev_for == design::CdevFor::kRealDevices) {
    return {Verdict::kNotApplicable, "there are no cdevs for such devices", {}, 0};
  }
  for (const Case& row : kMatrix) {
    bool selectable = false;
    for (const kconfig::Outcome& outcome : revision.outcomes()) {
      const Configured one(revision, outcome);
      if (!is_case(one, row)) continue;
      selectable = selectable || one.noiommu_group() || one.noiommu_cdev();
    }
    if (selectable == row.selectable) continue;
    return {Verdict::kViolated,
            fmt::format("no-IOMMU mode {} be had with VFIO_GROUP={}, {} container, "
                        "VFIO_DEVICE_CDEV={}",
                        selectable ? "can" : "cannot", row.group ? "y" : "n",
                        row.container ? "a" : "no", row.cdev ? "y" : "n"),
            {},
            1};
  }
  return revision.cycles().empty()
             ? Finding{}
             : Finding{Verdict::kNotApplicable, "a tree with a cycle has no configurations", {}, 0};
}

}  // namespace noiommu::scenarios::review
