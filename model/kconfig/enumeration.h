// All configurations that chosen symbols can lead to.
//
// Plain enumeration: an input vector is evaluated in about two microseconds on the revision files,
// so that a review of all of them takes a fraction of a second, and every answer is what the
// evaluator says, not what a second encoding of the language for a solver says.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "model/kconfig/configuration.h"
#include "model/kconfig/position.h"
#include "model/kconfig/tree.h"

namespace noiommu::kconfig {

// More combinations than this are refused.
inline constexpr uint64_t kMostCombinations = uint64_t{1} << 26;

// Of the names, those that a user can set in the tree. bool gives n and y, tristate n, m and y.
[[nodiscard]] std::vector<SymbolId> settable(const Tree& tree,
                                             const std::vector<std::string>& names);

// How many input vectors there are; kMostCombinations + 1 when there are more than that.
[[nodiscard]] uint64_t combinations(const Tree& tree, const std::vector<SymbolId>& inputs);

// A resulting configuration and how many input vectors lead to it.
struct Outcome {
  std::vector<Tri> values;  // by symbol; n for numbers and strings
  std::vector<SymbolId> unmet;
  uint64_t count = 0;
};

struct EnumerationWatch {
  // Called once for each distinct configuration, when it is first seen.
  std::function<void(const Configuration&)> found;
  // Called now and then with how many input vectors are done.
  std::function<void(uint64_t)> progress;
};

// Every distinct resulting configuration, in the order in which they are found: n before m before
// y, the last input fastest. Two are the same when all values are.
std::vector<Outcome> enumerate(const Tree& tree, const std::vector<SymbolId>& inputs,
                               const EnumerationWatch& watch = {});

}  // namespace noiommu::kconfig
