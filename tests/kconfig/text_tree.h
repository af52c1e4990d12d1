// Trees from text in a test.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "model/kconfig/configuration.h"
#include "model/kconfig/load.h"

namespace noiommu::kconfig {

using Texts = std::map<std::string, std::string>;

inline Loaded<Tree> try_load(const Texts& texts, const LoadOptions& options = {}) {
  return load(MemoryFiles(texts), "Kconfig", options);
}

inline Tree tree_of(const Texts& texts, const LoadOptions& options = {}) {
  auto tree = try_load(texts, options);
  if (!tree) ADD_FAILURE() << tree.error().text();
  return tree ? std::move(*tree) : Tree();
}
inline Tree tree_of(const std::string& text) {
  return tree_of(Texts{{"Kconfig", text}});
}

inline std::string error_of(const Texts& texts, const LoadOptions& options = {}) {
  const auto tree = try_load(texts, options);
  return tree ? "no error" : tree.error().text();
}
inline std::string error_of(const std::string& text) {
  return error_of(Texts{{"Kconfig", text}});
}

// The .config without its four lines of heading.
inline std::string config_of(const Tree& tree, const std::string& given = {}) {
  Configuration configuration(tree);
  configuration.read(given);
  std::string text = configuration.config();
  for (int line = 0; line < 4; ++line) text.erase(0, text.find('\n') + 1);
  return text;
}
inline std::string config_of(const std::string& text, const std::string& given = {}) {
  return config_of(tree_of(text), given);
}

}  // namespace noiommu::kconfig
