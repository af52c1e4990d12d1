// All configurations that chosen symbols can lead to.
//
// Few input vectors are all tried: one takes about two microseconds on the revision files. Where
// there are too many, a SAT solver proposes results that have not been seen, and the evaluator
// confirms each.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "model/kconfig/configuration.h"
#include "model/kconfig/position.h"
#include "model/kconfig/tree.h"

namespace noiommu::kconfig {

// More combinations than this are not all tried.
inline constexpr uint64_t kMostTried = uint64_t{1} << 18;

// Of the names, those that a user can set in the tree. bool gives n and y, tristate n, m and y.
[[nodiscard]] std::vector<SymbolId> settable(const Tree& tree,
                                             const std::vector<std::string>& names);

// How many input vectors there are, UINT64_MAX when there are more than that.
[[nodiscard]] uint64_t combinations(const Tree& tree, const std::vector<SymbolId>& inputs);

// Whether one of them is the value of a choice. Then there may be at most kMostTried combinations.
[[nodiscard]] bool has_choice_value(const Tree& tree, const std::vector<SymbolId>& inputs);

// A resulting configuration and how many input vectors lead to it.
struct Outcome {
  std::vector<Tri> values;  // by symbol; n for numbers and strings
  std::vector<SymbolId> unmet;
  uint64_t count = 0;  // UINT64_MAX for more
};

struct EnumerationWatch {
  // Called once for each distinct configuration, when it is first seen.
  std::function<void(const Configuration&)> found;
  // Called now and then with how many input vectors are accounted for.
  std::function<void(uint64_t)> progress;
};

// Every distinct resulting configuration, by either of the two below. Two are the same when all
// values are.
std::vector<Outcome> enumerate(const Tree& tree, const std::vector<SymbolId>& inputs,
                               const EnumerationWatch& watch = {});

// In the order in which they are found: n before m before y, the last input fastest.
std::vector<Outcome> enumerate_by_trial(const Tree& tree, const std::vector<SymbolId>& inputs,
                                        const EnumerationWatch& watch = {});

// In any order. No input may be the value of a choice.
std::vector<Outcome> enumerate_by_solver(const Tree& tree, const std::vector<SymbolId>& inputs,
                                         const EnumerationWatch& watch = {});

// For those who enumerate.
[[nodiscard]] Outcome outcome_of(const Configuration& configuration);
[[nodiscard]] uint64_t saturating_product(uint64_t a, uint64_t b);

}  // namespace noiommu::kconfig
