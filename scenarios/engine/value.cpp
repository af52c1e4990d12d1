#include "scenarios/engine/value.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <vector>

#include "scenarios/engine/constants.h"
#include "scenarios/engine/nearest.h"

namespace noiommu::scenarios {
namespace {

using Error = tl::unexpected<std::string>;

Error not_a_number(std::string_view text) {
  return Error(fmt::format(
      "'{}' is not a number; write decimal or 0x hex, with K, M, G or T if need be", text));
}

Error too_large(std::string_view text) {
  return Error(fmt::format("{} does not fit 64 bits", text));
}

unsigned suffix_shift(char letter) {
  switch (letter) {
    case 'K':
      return 10;
    case 'M':
      return 20;
    case 'G':
      return 30;
    case 'T':
      return 40;
    default:
      return 0;
  }
}

bool is_digit(char letter) {
  return letter >= '0' && letter <= '9';
}

bool is_name(std::string_view text) {
  const auto ok = [](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '.';
  };
  return !text.empty() && std::ranges::all_of(text, ok);
}

std::string_view trim(std::string_view text) {
  const size_t first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

tl::expected<Value, std::string> parse_variable(std::string_view text) {
  const size_t plus = text.find('+');
  Value value{.name = std::string(text.substr(1, plus - 1))};
  if (!is_name(value.name)) {
    return Error(fmt::format("'{}' names no variable; write $name or $name+number", text));
  }
  if (plus == std::string_view::npos) return value;
  const auto offset = parse_integer(text.substr(plus + 1));
  if (!offset) return Error(offset.error());
  value.number = *offset;
  return value;
}

tl::expected<uint64_t, std::string> parse_term(std::string_view text) {
  if (text.empty() || is_digit(text[0])) return parse_integer(text);
  if (const auto constant = find_constant(text)) return *constant;
  std::vector<std::string_view> names;
  for (const Constant& constant : constants()) names.push_back(constant.name);
  return Error(unknown_word("constant", text, names));
}

}  // namespace

bool Value::fits(unsigned width, bool is_signed) const {
  if (!name.empty()) return true;
  if (!negative) return truncate(number, width) == number;
  const uint64_t magnitude = ~number + 1;
  return is_signed && magnitude <= uint64_t{1} << (8 * width - 1);
}

tl::expected<uint64_t, std::string> parse_integer(std::string_view text) {
  std::string_view digits = text;
  const unsigned shift = digits.empty() ? 0 : suffix_shift(digits.back());
  if (shift != 0) digits.remove_suffix(1);
  const bool hex = digits.starts_with("0x");
  if (hex) digits.remove_prefix(2);
  if (!hex && digits.size() > 1 && digits[0] == '0') return not_a_number(text);  // octal, or not?

  uint64_t number = 0;
  const char* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, number, hex ? 16 : 10);
  if (error == std::errc::result_out_of_range && stop == end) return too_large(text);
  if (error != std::errc{} || stop != end) return not_a_number(text);
  if (number << shift >> shift != number) return too_large(text);
  return number << shift;
}

tl::expected<Value, std::string> parse_value(std::string_view text) {
  if (text.starts_with('$')) return parse_variable(text);
  if (text.starts_with('-')) {
    const auto magnitude = parse_integer(text.substr(1));
    if (!magnitude) return not_a_number(text);
    if (*magnitude > uint64_t{1} << 63) return too_large(text);
    return Value{.number = ~*magnitude + 1, .negative = *magnitude != 0};
  }
  Value value;
  for (size_t start = 0; start <= text.size();) {
    const size_t bar = std::min(text.find('|', start), text.size());
    const auto term = parse_term(trim(text.substr(start, bar - start)));
    if (!term) return Error(term.error());
    value.number |= *term;
    start = bar + 1;
  }
  return value;
}

}  // namespace noiommu::scenarios
