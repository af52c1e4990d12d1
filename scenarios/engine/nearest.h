// "Did you mean ...?" for the words of a scenario file.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace noiommu::scenarios {

// Letters to insert, remove or replace to turn one word into the other.
[[nodiscard]] size_t edit_distance(std::string_view from, std::string_view to);

// The candidate that takes the fewest edits, the first of equals. Empty without candidates.
[[nodiscard]] std::string_view nearest(std::string_view word,
                                       std::span<const std::string_view> candidates);

// "unknown WHAT 'WORD'; did you mean 'CANDIDATE'?", with " in WHERE" if that is not empty.
[[nodiscard]] std::string unknown_word(std::string_view what, std::string_view word,
                                       std::span<const std::string_view> candidates,
                                       std::string_view where = {});

}  // namespace noiommu::scenarios
