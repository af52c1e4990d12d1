// What the subcommands share: which scenarios are meant, and how to say that something is wrong.
#pragma once

#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "scenarios/engine/scenario.h"

namespace noiommu::scenarios {

// The folder of all scenarios that come with the program.
inline constexpr std::string_view kEverything = "scenarios";

// Writes "noiommu: MESSAGE" and answers kBadInput.
int complain(std::ostream& err, std::string_view message);

// `code`, unless `out` has not taken everything: output that nobody received is an error too.
[[nodiscard]] int finish(std::ostream& out, std::ostream& err, int code);

// The scenarios of `paths`; without paths those of `folder`, which comes with the program. Nothing
// after a complaint.
[[nodiscard]] std::optional<std::vector<Scenario>> load_or_complain(std::vector<std::string> paths,
                                                                    std::string_view folder,
                                                                    std::ostream& err);

// One scenario by its name, looked for in `paths` or in all that come with the program; or the only
// one of a file, when `name` is the path of one: it has a "/" or ends in ".yaml". Nothing after a
// complaint.
[[nodiscard]] std::optional<Scenario> find_or_complain(const std::string& name,
                                                       const std::vector<std::string>& paths,
                                                       std::ostream& err);

}  // namespace noiommu::scenarios
