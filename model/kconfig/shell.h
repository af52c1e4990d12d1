// Runs one shell command for `$(shell ..)`.
#pragma once

#include <map>
#include <string>

namespace noiommu::kconfig {

// What `sh -c command` prints, without the newlines at its end, others as spaces; at most 4095
// bytes. Empty when it cannot be run.
[[nodiscard]] std::string run_shell(const std::string& command,
                                    const std::map<std::string, std::string>& environment,
                                    const std::string& folder);

}  // namespace noiommu::kconfig
