#include "scenarios/engine/yaml_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>

namespace noiommu::scenarios {
namespace {

std::string with_position(const std::string& file, const YAML::Mark& mark,
                          const std::string& message) {
  return fmt::format("{}:{}:{}: {}", file, mark.line + 1, mark.column + 1, message);
}

}  // namespace

LoadError::LoadError(const std::string& file, const YAML::Mark& mark, const std::string& message)
    : std::runtime_error(with_position(file, mark, message)) {}

Yaml::Yaml(const std::string& file, const YAML::Node& node, std::string what)
    : file_(&file), node_(node), what_(std::move(what)) {}

void Yaml::fail(const std::string& message) const {
  throw LoadError(*file_, node_.Mark(), message);
}

std::string Yaml::text() const {
  if (!node_.IsScalar()) fail(fmt::format("{} must be a single word or number", what_));
  return node_.Scalar();
}

uint64_t Yaml::integer() const {
  const Value number = value(8, false);
  if (!number.name.empty()) fail(fmt::format("{} cannot be a variable", what_));
  return number.number;
}

Value Yaml::value(unsigned width, bool is_signed) const {
  const std::string word = text();
  const auto parsed = parse_value(word);
  if (!parsed) fail(fmt::format("{}: {}", what_, parsed.error()));
  if (!parsed->fits(width, is_signed)) {
    fail(fmt::format("{}: {} does not fit {} bits{}", what_, word, 8 * width,
                     parsed->negative && !is_signed ? " without a sign" : ""));
  }
  return *parsed;
}

Bytes Yaml::hex() const {
  const std::string digits = text();
  if (digits.size() % 2 != 0) fail(fmt::format("{}: hex needs two digits per byte", what_));
  Bytes bytes;
  for (size_t i = 0; i < digits.size(); i += 2) {
    unsigned byte = 0;
    const char* end = digits.data() + i + 2;
    if (std::from_chars(digits.data() + i, end, byte, 16).ptr != end) {
      fail(fmt::format("{}: '{}' is not a hex byte", what_, digits.substr(i, 2)));
    }
    bytes.push_back(std::byte(byte));
  }
  return bytes;
}

bool Yaml::boolean() const {
  return one_of<bool>({{"true", true}, {"false", false}});
}

std::string Yaml::variable_name() const {
  std::string name = text();
  const auto ok = [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; };
  if (name.empty() || !std::ranges::all_of(name, ok)) {
    fail(fmt::format("{}: '{}' cannot name a variable; use letters, digits and _", what_, name));
  }
  return name;
}

std::vector<Yaml> Yaml::items() const {
  if (!node_.IsSequence()) fail(fmt::format("{} must be a list", what_));
  std::vector<Yaml> items;
  for (const YAML::Node& item : node_) items.emplace_back(*file_, item, what_);
  return items;
}

void Yaml::must_be_empty() const {
  const bool empty = node_.IsNull() || (node_.IsScalar() && node_.Scalar().empty());
  if (!empty) fail(fmt::format("{} takes nothing after the colon", what_));
}

YamlMap::YamlMap(const Yaml& map) : self_(map) {
  if (!map.is_map()) map.fail(fmt::format("{} must be a map of keys and values", map.what()));
  for (const auto& pair : map.node()) {
    const Yaml word(map.file(), pair.first, fmt::format("a key of {}", map.what()));
    const std::string name = word.text();
    if (find(name) != nullptr) {
      word.fail(fmt::format("key '{}' appears twice in {}", name, map.what()));
    }
    entries_.push_back({word, Yaml(map.file(), pair.second, name), name});
  }
}

void YamlMap::allow(std::span<const std::string_view> keys) const {
  for (const Entry& entry : entries_) {
    if (std::ranges::find(keys, entry.name) != keys.end()) continue;
    entry.key.fail(unknown_word("key", entry.name, keys, self_.what()));
  }
}

const Yaml* YamlMap::find(std::string_view key) const {
  const auto found = std::ranges::find(entries_, key, &Entry::name);
  return found == entries_.end() ? nullptr : &found->value;
}

const Yaml& YamlMap::require(std::string_view key) const {
  const Yaml* found = find(key);
  if (found == nullptr) self_.fail(fmt::format("{} needs '{}'", self_.what(), key));
  return *found;
}

}  // namespace noiommu::scenarios
