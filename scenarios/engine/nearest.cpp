#include "scenarios/engine/nearest.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <vector>

namespace noiommu::scenarios {

size_t edit_distance(std::string_view from, std::string_view to) {
  // Row by row over the prefixes of `from`: costs[j] is the distance to the first j letters of
  // `to`.
  std::vector<size_t> costs(to.size() + 1);
  std::iota(costs.begin(), costs.end(), size_t{0});
  for (size_t i = 0; i < from.size(); ++i) {
    size_t diagonal = costs[0];
    costs[0] = i + 1;
    for (size_t j = 0; j < to.size(); ++j) {
      const size_t replace = diagonal + (from[i] == to[j] ? 0 : 1);
      diagonal = costs[j + 1];
      costs[j + 1] = std::min({replace, costs[j] + 1, costs[j + 1] + 1});
    }
  }
  return costs.back();
}

std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates) {
  const auto closest = std::ranges::min_element(candidates, {}, [word](std::string_view candidate) {
    return edit_distance(word, candidate);
  });
  return closest == candidates.end() ? std::string_view{} : *closest;
}

std::string unknown_word(std::string_view what, std::string_view word,
                         std::span<const std::string_view> candidates, std::string_view where) {
  std::string message = fmt::format("unknown {} '{}'", what, word);
  if (!where.empty()) message += fmt::format(" in {}", where);
  if (!candidates.empty())
    message += fmt::format("; did you mean '{}'?", nearest(word, candidates));
  return message;
}

}  // namespace noiommu::scenarios
