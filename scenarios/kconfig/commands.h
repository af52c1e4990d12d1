// What the subcommands of `noiommu kconfig` do. Each answers the exit status: 0 well, 1 the check
// found something or the symbol cannot be had, 2 bad usage or text that cannot be read.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "scenarios/kconfig/target.h"

namespace noiommu::scenarios {

enum class KconfigFormat : uint8_t { kText, kJson, kMarkdown };

inline constexpr int kKconfigFine = 0;
inline constexpr int kKconfigFindings = 1;
inline constexpr int kKconfigBadInput = 2;

struct KconfigOptions {
  KconfigTarget target;
  KconfigFormat format = KconfigFormat::kText;
  bool progress = false;  // draw a bar on the error stream
  bool never = false;     // check: also the symbols that nobody can ever set
};

// The complete .config that follows from the values.
int kconfig_eval(const KconfigOptions& options, const KconfigValues& values, std::ostream& out,
                 std::ostream& err);

// Cycles, and selects whose target lacks its dependencies: of a revision in any configuration of
// the review's inputs, of a tree in the one configuration that the values give. The JSON is
// {"unmet_selects":[..],"cycles":[..]}, with an entry for each configuration and each cycle, and
// "never_settable":[..] when that was asked for.
int kconfig_check(const KconfigOptions& options, const KconfigValues& values, std::ostream& out,
                  std::ostream& err);

// All distinct configurations over `inputs` (empty: those of the review), or only how many.
int kconfig_list(const KconfigOptions& options, const std::vector<std::string>& inputs, bool count,
                 std::ostream& out, std::ostream& err);

// Why a symbol has the value it has, and the smallest change to the values that makes it `wanted`.
int kconfig_explain(const KconfigOptions& options, const KconfigValues& values,
                    const std::string& symbol, const std::string& wanted, std::ostream& out,
                    std::ostream& err);

// What differs between two revisions, or two trees: names that have a '/' are trees.
int kconfig_diff(const KconfigOptions& options, const std::string& before, const std::string& after,
                 std::ostream& out, std::ostream& err);

// The dependencies among and around the symbols: a graph for Graphviz, or what its `dot` draws.
// Nothing when it is not installed or fails.
[[nodiscard]] std::optional<std::string> draw_svg(const std::string& dot);
int kconfig_graph(const KconfigOptions& options, const std::vector<std::string>& symbols,
                  bool as_svg, std::ostream& out, std::ostream& err);

}  // namespace noiommu::scenarios
