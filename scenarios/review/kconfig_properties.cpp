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
  if (!revision.cycles().empty()) {
    return Finding::not_applicable("a tree with a cycle has no configurations");
  }
  Finding finding{.states = revision.outcomes().size()};
  std::optional<Configured> smallest;
  size_t configurations = 0;
  for (const kconfig::Outcome& outcome : revision.outcomes()) {
    const Configured one(revision, outcome);
    if (!wrong(one)) continue;
    ++configurations;
    if (!smallest || one.size() < smallest->size()) smallest = one;
  }
  if (!smallest) return finding;
  finding.verdict = Verdict::kViolated;
  finding.counterexamples.push_back(
      {.what = what, .config = smallest->text(), .configurations = configurations});
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

Finding check_acyclic(const Subject& subject) {
  const Revision& revision = subject.revision;
  Finding finding{.states = 1};
  for (const auto& chain : revision.cycles()) {
    finding.verdict = Verdict::kViolated;
    finding.counterexamples.push_back({.what = chain_text(revision.tree(), chain)});
  }
  return finding;
}

Finding check_unmet_select(const Subject& subject) {
  const Revision& revision = subject.revision;
  const auto wrong = [](const Configured& one) { return !one.unmet().empty(); };
  Finding finding = none_may_be(revision, wrong, "");
  if (finding.verdict != Verdict::kViolated) return finding;
  std::set<std::string> targets;
  for (const kconfig::Outcome& outcome : revision.outcomes()) {
    for (const kconfig::SymbolId id : outcome.unmet) {
      targets.insert(revision.tree().symbols[id].name);
    }
  }
  finding.counterexamples.front().what =
      fmt::format("{} selected without what it depends on", fmt::join(targets, ", "));
  return finding;
}

Finding check_dead_weight(const Subject& subject) {
  return none_may_be(
      subject.revision,
      [](const Configured& one) { return one.on("IOMMU_PT_AMDV1") && !one.noiommu_cdev(); },
      "page tables are built, and no cdev of a device without an IOMMU can be had");
}

Finding check_module_linkage(const Subject& subject) {
  return none_may_be(
      subject.revision,
      [](const Configured& one) {
        return one.value("IOMMUFD") == Tri::kY && one.page_table() &&
               one.value("IOMMU_PT_AMDV1") != Tri::kY;
      },
      "built-in iommufd wants the page tables, which are a module");
}

// Seed 002: where all containers are off, groups should be as well.
Finding check_groups_need_containers(const Subject& subject) {
  return none_may_be(
      subject.revision,
      [](const Configured& one) { return one.on("VFIO_GROUP") && !one.container(); },
      "groups are built, and no container to put them in");
}

Finding lost_configurations(const Revision& before, const Revision& revision) {
  std::set<std::string> kept;
  for (const kconfig::Outcome& outcome : revision.outcomes()) {
    const Configured one(revision, outcome);
    if (one.noiommu_group()) kept.insert(choices(one));
  }
  return none_may_be(
      before,
      [&](const Configured& one) {
        return one.noiommu_group() && one.container() && !kept.contains(choices(one));
      },
      "worked in v7.0, and no-IOMMU mode cannot be had");
}

Finding check_support_matrix(const Subject& subject) {
  const Revision& revision = subject.revision;
  if (revision.design() != nullptr &&
      revision.design()->cdev_for == design::CdevFor::kRealDevices) {
    return Finding::not_applicable("there are no cdevs for such devices");
  }
  if (!revision.cycles().empty()) {
    return Finding::not_applicable("a tree with a cycle has no configurations");
  }
  Finding finding{.states = revision.outcomes().size()};
  for (const Case& row : kMatrix) {
    std::optional<Configured> smallest;
    for (const kconfig::Outcome& outcome : revision.outcomes()) {
      const Configured one(revision, outcome);
      if (!is_case(one, row) || !(one.noiommu_group() || one.noiommu_cdev())) continue;
      if (!smallest || one.size() < smallest->size()) smallest = one;
    }
    const bool selectable = smallest.has_value();
    if (selectable == row.selectable) continue;
    finding.verdict = Verdict::kViolated;
    finding.counterexamples.push_back(
        {.what = fmt::format("no-IOMMU mode {} be had with VFIO_GROUP={}, {} container, "
                             "VFIO_DEVICE_CDEV={}",
                             selectable ? "can" : "cannot", row.group ? "y" : "n",
                             row.container ? "a" : "no", row.cdev ? "y" : "n"),
         .config = selectable ? smallest->text() : "",
         .configurations = 1});
  }
  return finding;
}

}  // namespace noiommu::scenarios::review
