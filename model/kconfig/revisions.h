// The Kconfig text of each revision of the series, which is part of the program.
// Spec: kconfig.md sections 1 to 4.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "model/kconfig/load.h"

namespace noiommu::kconfig {

// The files of model/kconfig/revisions, by path below it.
[[nodiscard]] std::map<std::string, std::string> revision_texts();

// v7.0, v4, v5, v6 and mainline, then variants of these and rejected ideas.
[[nodiscard]] std::vector<std::string> revision_names();

// The tree of a revision; an error for a name that is none.
[[nodiscard]] Loaded<Tree> load_revision(const std::string& name);

// The symbols that a review tries in all combinations. Spec: kconfig.md section 5.1.
[[nodiscard]] std::vector<std::string> review_inputs();

}  // namespace noiommu::kconfig
