// A value of a scenario file before its variables are known, and the variables of a running one.
//
// Grammar (Spec: scenario-format.md, "Values"):
//   value    = "$" name [ "+" integer ] | term { "|" term } | "-" integer
//   term     = integer | constant
//   integer  = ( decimal | "0x" hex ) [ "K" | "M" | "G" | "T" ]
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

namespace noiommu::scenarios {

// Descriptors, addresses and saved fields by name. A name that no step has set is all ones.
class Variables {
 public:
  [[nodiscard]] uint64_t get(std::string_view name) const {
    const auto found = values_.find(name);
    return found == values_.end() ? UINT64_MAX : found->second;
  }
  void set(const std::string& name, uint64_t value) { values_[name] = value; }

 private:
  std::map<std::string, uint64_t, std::less<>> values_;
};

struct Value {
  std::string name = {};  // the variable, without "$"; empty for a plain number
  uint64_t number = 0;    // the plain number, or what is added to the variable
  bool negative = false;  // written with "-": `number` is its two's complement

  // Sums wrap at 64 bits.
  [[nodiscard]] uint64_t resolve(const Variables& variables) const {
    return name.empty() ? number : variables.get(name) + number;
  }
  // Whether a number that the file spells out can be stored in `width` bytes. A signed field also
  // takes the bit patterns above its maximum. Variables always fit: they are cut to the field.
  [[nodiscard]] bool fits(unsigned width, bool is_signed) const;
};

// `value` cut to `width` bytes.
[[nodiscard]] constexpr uint64_t truncate(uint64_t value, unsigned width) {
  return width >= 8 ? value : value & ((uint64_t{1} << (8 * width)) - 1);
}

// The error is a sentence for the user, without a position.
[[nodiscard]] tl::expected<uint64_t, std::string> parse_integer(std::string_view text);
[[nodiscard]] tl::expected<Value, std::string> parse_value(std::string_view text);

}  // namespace noiommu::scenarios
