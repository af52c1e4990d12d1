// Where the scenario files are that come with the program.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace noiommu::scenarios {

// `folder` below the current folder, else below the nearest folder above the running program that
// has it: a build tree stands inside the source tree. Nothing when there is none.
[[nodiscard]] std::optional<std::string> find_own_folder(std::string_view folder);

}  // namespace noiommu::scenarios
