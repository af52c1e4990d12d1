// What the subcommands of the command line do. Spec: scenario-format.md.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "scenarios/engine/report.h"

namespace noiommu::scenarios {

// Exit codes of the program.
inline constexpr int kAllPassed = 0;
inline constexpr int kSomeFailed = 1;
inline constexpr int kBadInput = 2;  // or bad usage; nothing has run

struct RunOptions {
  std::vector<std::string> paths;  // empty: the self-tests that come with the program
  Format format = Format::kText;
  std::string filter;  // a shell pattern for names; empty: all
  unsigned jobs = 1;
  bool trace = false;
  bool require = false;   // a scenario that is skipped counts as failed
  bool brief = false;     // say nothing of a scenario that passed
  bool colour = false;    // `out` is a terminal that wants colours
  bool progress = false;  // `err` is a terminal
};

// Each answers the exit code. Results go to `out`; what is wrong with the input to `err`, every
// bad file of it before anything runs.
[[nodiscard]] int run_command(const RunOne& run, const RunOptions& options, std::ostream& out,
                              std::ostream& err);
// Without paths these two look at all scenarios that come with the program.
[[nodiscard]] int list_command(const std::vector<std::string>& paths, std::ostream& out,
                               std::ostream& err);
[[nodiscard]] int show_command(const std::string& name, const std::vector<std::string>& paths,
                               std::ostream& out, std::ostream& err);

}  // namespace noiommu::scenarios
