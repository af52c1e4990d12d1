// Where something stands in Kconfig text, and what is said about it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <tl/expected.hpp>

namespace noiommu::kconfig {

// A place in a file of a tree. Lines and columns count from 1; line 0 is "nowhere".
struct Position {
  uint32_t file = 0;  // index into Tree::files
  uint32_t line = 0;
  uint32_t column = 0;
};

// A place that is understood without the tree.
struct Place {
  std::string path;
  uint32_t line = 0;
  uint32_t column = 0;
};

// A message about Kconfig text. `at` holds the place itself, then the `source` line that brought
// its file in, then the one that brought that file in, up to the first file.
struct Diagnostic {
  std::string message;
  std::vector<Place> at;

  // "drivers/Kconfig:3:8: message", then one line "  included from Kconfig:1" per `source`.
  [[nodiscard]] std::string text() const;
};

template <class T>
using Loaded = tl::expected<T, Diagnostic>;

}  // namespace noiommu::kconfig
