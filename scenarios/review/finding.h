// What a review finds out about one property of one revision.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace noiommu::scenarios::review {

enum class Verdict : uint8_t { kHolds, kViolated, kNotApplicable };

// One way in which a property is violated, at its smallest.
struct Counterexample {
  std::string what;                        // one line
  std::string config = {};                 // the smallest configuration; empty: any
  size_t configurations = 0;               // that show it
  std::vector<std::string> nodes = {};     // lines that draw /dev/vfio; empty: they do not matter
  std::string nodes_config = {};           // of the kernel with the most nodes, which is drawn
  std::string scenario = {};               // a file that replays it; empty: there is nothing to run
  std::vector<std::string> sequence = {};  // its system calls, as in a trace
};

struct Finding {
  Verdict verdict = Verdict::kHolds;
  std::string why = {};                              // it is not applicable
  std::vector<Counterexample> counterexamples = {};  // violated: at least one, the gravest first
  // Of a search: the length of the shortest sequence that was found, or the longest that was tried.
  size_t depth = 0;
  size_t states = 0;  // configurations, kernels or states of a kernel that were looked at

  static Finding not_applicable(std::string why) {
    return {.verdict = Verdict::kNotApplicable, .why = std::move(why)};
  }
};

}  // namespace noiommu::scenarios::review
