// What a reviewer demands of a revision.
#pragma once

#include <vector>

#include "scenarios/review/finding.h"
#include "scenarios/review/revision.h"
#include "scenarios/review/search.h"

namespace noiommu::scenarios::review {

// A revision and what is known of it already.
struct Subject {
  const Revision& revision;
  const std::vector<KernelBuild>& kernels;  // of the revision
  const Explorations& explorations;
};

struct Property {
  const char* name;
  const char* demand;  // one sentence
  const char* source;  // who asked for it, or where it is written down
  Finding (*check)(const Subject& subject);
  bool searches = false;  // it needs the explorations
};

// In the order of a report.
[[nodiscard]] const std::vector<Property>& properties();

// Properties of the Kconfig text.
[[nodiscard]] Finding check_acyclic(const Subject& subject);
[[nodiscard]] Finding check_unmet_select(const Subject& subject);
[[nodiscard]] Finding check_dead_weight(const Subject& subject);
[[nodiscard]] Finding check_module_linkage(const Subject& subject);
[[nodiscard]] Finding check_support_matrix(const Subject& subject);
[[nodiscard]] Finding check_groups_need_containers(const Subject& subject);

// The configurations that gave groups no-IOMMU mode in `before`, and do no more.
[[nodiscard]] Finding lost_configurations(const Revision& before, const Revision& revision);

// Properties of a booted kernel.
[[nodiscard]] Finding check_regression(const Subject& subject);
[[nodiscard]] Finding check_usable_nodes(const Subject& subject);
[[nodiscard]] Finding check_cdev_as_configured(const Subject& subject);
[[nodiscard]] Finding check_feature_table(const Subject& subject);
[[nodiscard]] Finding check_names(const Subject& subject);
[[nodiscard]] Finding check_taint(const Subject& subject);
[[nodiscard]] Finding check_emulated(const Subject& subject);

// Properties of all sequences of calls.
[[nodiscard]] Finding check_rawio_everywhere(const Subject& subject);
[[nodiscard]] Finding check_rawio_at_bind(const Subject& subject);
[[nodiscard]] Finding check_no_warn(const Subject& subject);
[[nodiscard]] Finding check_toggle_safe(const Subject& subject);

}  // namespace noiommu::scenarios::review
