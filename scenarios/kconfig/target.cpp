#include "scenarios/kconfig/target.h"

#include <fmt/format.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <map>
#include <utility>

#include "model/kconfig/files.h"
#include "model/kconfig/load.h"
#include "model/kconfig/revisions.h"

namespace noiommu::scenarios {

namespace {

using kconfig::Diagnostic;
using kconfig::Loaded;
using kconfig::Tree;

tl::unexpected<Diagnostic> failure(std::string message) {
  Diagnostic diagnostic;
  diagnostic.message = std::move(message);
  return tl::unexpected<Diagnostic>(std::move(diagnostic));
}

// "6.1.0-rc1" from the first lines of a kernel's Makefile, empty without one.
std::string kernel_version(const std::string& folder) {
  std::ifstream in(folder + "/Makefile");
  std::map<std::string, std::string> parts;
  std::string line;
  for (int i = 0; i < 10 && std::getline(in, line); ++i) {
    const size_t equals = line.find(" =");
    if (equals == std::string::npos) continue;
    const size_t value = line.find_first_not_of(' ', equals + 2);
    parts[line.substr(0, equals)] = value == std::string::npos ? "" : line.substr(value);
  }
  if (parts["VERSION"].empty()) return {};
  return parts["VERSION"] + "." + parts["PATCHLEVEL"] + "." + parts["SUBLEVEL"] +
         parts["EXTRAVERSION"];
}

// What a kernel's Makefile hands to `conf`; the process's own environment comes first.
std::map<std::string, std::string> environment_for(const KconfigTarget& target) {
  const bool x86 = target.arch == "x86_64" || target.arch == "i386";
  std::map<std::string, std::string> environment = {
      {"ARCH", target.arch}, {"SRCARCH", x86 ? "x86" : target.arch},
      {"srctree", "."},      {"KERNELVERSION", kernel_version(target.tree)},
      {"CC", "gcc"},         {"HOSTCC", "gcc"},
      {"LD", "ld"},          {"AR", "ar"},
      {"NM", "nm"},          {"OBJCOPY", "objcopy"},
      {"RUSTC", "rustc"},    {"BINDGEN", "bindgen"},
      {"PAHOLE", "pahole"},  {"CLANG_FLAGS", ""}};
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const size_t equals = text.find('=');
    const std::string name = text.substr(0, equals);
    if (name == "ARCH" || name == "SRCARCH" || name == "srctree") continue;
    environment[name] = text.substr(equals + 1);
  }
  return environment;
}

Loaded<std::string> config_text(const Tree& tree, const KconfigValues& values) {
  std::string text;
  if (!values.config_file.empty()) {
    std::ifstream in(values.config_file);
    if (!in) return failure(fmt::format("cannot read '{}'", values.config_file));
    text.assign(std::istreambuf_iterator<char>(in), {});
    if (!text.empty() && text.back() != '\n') text += '\n';
  }
  for (const std::string& word : values.assignments) {
    const size_t equals = word.find('=');
    if (equals == std::string::npos) return failure(fmt::format("'{}' is not SYMBOL=VALUE", word));
    std::string name = word.substr(0, equals);
    if (name.starts_with("CONFIG_")) name.erase(0, 7);
    const kconfig::SymbolId id = tree.find(name);
    if (id == kconfig::kNoSymbol || !tree.defined(id)) {
      return failure(fmt::format("no symbol '{}'", name));
    }
    std::string value = word.substr(equals + 1);
    const bool string = tree.symbols[id].type == kconfig::Type::kString;
    if (string && !value.starts_with('"')) value = fmt::format("\"{}\"", value);
    text += fmt::format("CONFIG_{}={}\n", name, value);
  }
  return text;
}

}  // namespace

Loaded<Tree> load_target(const KconfigTarget& target) {
  if (target.tree.empty()) return kconfig::load_revision(target.revision);
  if (const std::string first = target.tree + "/Kconfig"; access(first.c_str(), R_OK) != 0) {
    return failure(fmt::format("cannot read '{}'", first));
  }
  kconfig::LoadOptions options;
  options.environment = environment_for(target);
  options.allow_shell = target.allow_shell;
  options.shell_folder = target.tree;
  return kconfig::load(kconfig::DiskFiles(target.tree), "Kconfig", options);
}

Loaded<KconfigSubject> load_subject(const KconfigTarget& target, const KconfigValues& values) {
  auto tree = load_target(target);
  if (!tree) return tl::unexpected(tree.error());
  auto text = config_text(*tree, values);
  if (!text) return tl::unexpected(text.error());
  return KconfigSubject{std::move(*tree), std::move(*text)};
}

}  // namespace noiommu::scenarios
