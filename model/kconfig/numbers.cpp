#include "model/kconfig/numbers.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdlib>

namespace noiommu::kconfig {

namespace {

bool is_digit(char c) {
  return std::isdigit(static_cast<unsigned char>(c)) != 0;
}
bool is_hex_digit(char c) {
  return std::isxdigit(static_cast<unsigned char>(c)) != 0;
}

bool valid_int(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  if (text.empty() || (text[0] == '0' && text.size() > 1)) return false;
  return std::all_of(text.begin(), text.end(), is_digit);
}

bool valid_hex(std::string_view text) {
  if (text.starts_with("0x") || text.starts_with("0X")) text.remove_prefix(2);
  return !text.empty() && std::all_of(text.begin(), text.end(), is_hex_digit);
}

struct Number {
  enum class Kind : uint8_t { kSigned, kUnsigned, kNone } kind = Kind::kNone;
  unsigned long long bits = 0;
};

Number number_of(Type type, const std::string& text) {
  using Kind = Number::Kind;
  if (is_tri(type)) {
    const long long value = text == "n" ? 0 : text == "m" ? 1 : text == "y" ? 2 : -1;
    return {Kind::kSigned, static_cast<unsigned long long>(value)};
  }
  char* end = nullptr;
  const int saved = errno;
  errno = 0;
  Number number;
  if (type == Type::kHex) {
    number = {Kind::kUnsigned, std::strtoull(text.c_str(), &end, 16)};
  } else {
    const int base = type == Type::kInt ? 10 : 0;
    number = {Kind::kSigned,
              static_cast<unsigned long long>(std::strtoll(text.c_str(), &end, base))};
  }
  const bool whole = errno == 0 && *end == '\0' && end > text.c_str() && is_hex_digit(end[-1]);
  errno = saved;
  if (!whole) number.kind = Kind::kNone;
  return number;
}

template <class T>
int order(T a, T b) {
  return (a > b ? 1 : 0) - (a < b ? 1 : 0);
}

}  // namespace

bool valid_text(Type type, const std::string& text) {
  switch (type) {
    case Type::kInt:
      return valid_int(text);
    case Type::kHex:
      return valid_hex(text);
    case Type::kBool:
      return text == "y" || text == "n";
    case Type::kTristate:
      return text == "y" || text == "m" || text == "n";
    case Type::kString:
      return true;
    default:
      return false;
  }
}

long long leading_number(const std::string& text, int base) {
  return std::strtoll(text.c_str(), nullptr, base);
}

int compare_values(Type left_type, const std::string& left, Type right_type,
                   const std::string& right) {
  using Kind = Number::Kind;
  if (left_type == Type::kString && right_type == Type::kString)
    return order(left.compare(right), 0);
  const Number a = number_of(left_type, left);
  const Number b = number_of(right_type, right);
  if (a.kind == Kind::kNone || b.kind == Kind::kNone) return order(left.compare(right), 0);
  if (a.kind == Kind::kUnsigned || b.kind == Kind::kUnsigned) return order(a.bits, b.bits);
  return order(static_cast<long long>(a.bits), static_cast<long long>(b.bits));
}

}  // namespace noiommu::kconfig
