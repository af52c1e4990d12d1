// Reading YAML nodes as the things that scenarios are made of, with errors that say where.
#pragma once

#include <yaml-cpp/yaml.h>

#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "scenarios/engine/nearest.h"
#include "scenarios/engine/step.h"
#include "scenarios/engine/value.h"

namespace noiommu::scenarios {

// "file:line:column: message", with the line and column from 1.
class LoadError : public std::runtime_error {
 public:
  LoadError(const std::string& file, const YAML::Mark& mark, const std::string& message);
};

// A node and the file it is in. Cheap to copy. Every method that reads throws LoadError.
class Yaml {
 public:
  // `what` names the thing in messages: "errno", "an ioctl step".
  Yaml(const std::string& file, const YAML::Node& node, std::string what);

  [[nodiscard]] bool is_map() const { return node_.IsMap(); }
  [[nodiscard]] bool is_scalar() const { return node_.IsScalar(); }
  [[nodiscard]] int line() const { return node_.Mark().line + 1; }
  [[nodiscard]] int column() const { return node_.Mark().column + 1; }

  [[nodiscard]] std::string text() const;
  [[nodiscard]] uint64_t integer() const;  // a number that the file spells out
  [[nodiscard]] Value value(unsigned width, bool is_signed) const;
  [[nodiscard]] Value address() const { return value(8, false); }  // or a length, or an offset
  [[nodiscard]] Value descriptor() const { return value(4, true); }
  [[nodiscard]] Bytes hex() const;
  [[nodiscard]] bool boolean() const;
  [[nodiscard]] std::string variable_name() const;  // for `as` and `save`
  [[nodiscard]] std::vector<Yaml> items() const;
  void must_be_empty() const;  // nothing, or ''

  // The value that belongs to the word in `words`.
  template <class T, size_t N>
  [[nodiscard]] T one_of(const std::pair<std::string_view, T> (&words)[N]) const {
    const std::string word = text();
    std::vector<std::string_view> known;
    for (const auto& [name, meaning] : words) {
      if (name == word) return meaning;
      known.push_back(name);
    }
    fail(unknown_word(what_, word, known));
  }

  [[noreturn]] void fail(const std::string& message) const;

  [[nodiscard]] const YAML::Node& node() const { return node_; }
  [[nodiscard]] const std::string& file() const { return *file_; }
  [[nodiscard]] const std::string& what() const { return what_; }

 private:
  const std::string* file_;
  YAML::Node node_;
  std::string what_;
};

// A map: its keys are plain words, each at most once.
class YamlMap {
 public:
  struct Entry {
    Yaml key;
    Yaml value;
    std::string name;
  };

  explicit YamlMap(const Yaml& map);

  // Every key must be one of these.
  void allow(std::span<const std::string_view> keys) const;
  void allow(std::initializer_list<std::string_view> keys) const {
    allow(std::span(keys.begin(), keys.size()));
  }

  [[nodiscard]] const std::vector<Entry>& entries() const& { return entries_; }
  void entries() const&& = delete;  // would dangle in a range-based for
  [[nodiscard]] const Yaml* find(std::string_view key) const;
  [[nodiscard]] const Yaml& require(std::string_view key) const;
  [[nodiscard]] const Yaml& self() const { return self_; }

 private:
  Yaml self_;
  std::vector<Entry> entries_;
};

}  // namespace noiommu::scenarios
