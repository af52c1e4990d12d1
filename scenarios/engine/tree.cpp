#include "scenarios/engine/tree.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <set>
#include <stdexcept>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "model/kernel/kernel.h"
#include "scenarios/engine/commands.h"
#include "scenarios/engine/model_backend.h"

namespace noiommu::scenarios {

namespace {

constexpr std::array kTypeNames = {"dir", "char", "file", "link"};

size_t depth(std::string_view path) {
  return static_cast<size_t>(std::count(path.begin(), path.end(), '/'));
}

// For a drawing: one line, and what is no text by its size alone.
std::string one_line(std::string text) {
  if (text.ends_with('\n')) text.pop_back();
  std::replace(text.begin(), text.end(), '\n', ' ');
  const bool printable = std::all_of(text.begin(), text.end(),
                                     [](unsigned char byte) { return byte >= ' ' && byte < 0x7f; });
  return printable ? text : fmt::format("{} bytes", text.size());
}

void collect(Process& process, const std::string& path, std::vector<TreeEntry>& entries) {
  auto names = process.list(path);
  if (!names) return;
  for (const std::string& name : *names) {
    TreeEntry entry{.path = fmt::format("{}/{}", path, name), .stat = {}, .text = {}};
    if (auto stat = process.kernel().nodes().lstat(entry.path)) entry.stat = *stat;
    if (auto target = process.readlink(entry.path)) entry.text = *target;
    if (entry.stat.type == NodeStat::Type::kFile) {
      entry.text = one_line(read_attribute(process, entry.path));
    }
    entries.push_back(entry);
    if (entry.stat.type == NodeStat::Type::kDirectory) {
      collect(process, entry.path, entries);
    }
  }
}

std::string label(const TreeEntry& entry) {
  const std::string name = entry.path.substr(entry.path.rfind('/') + 1);
  switch (entry.stat.type) {
    case NodeStat::Type::kDirectory:
      return name + "/";
    case NodeStat::Type::kLink:
      return fmt::format("{} -> {}", name, entry.text);
    case NodeStat::Type::kCharDevice:
      return fmt::format("{}  [char {:04o}]", name, entry.stat.mode);
    case NodeStat::Type::kFile:
      break;
  }
  if (entry.text.empty()) return fmt::format("{}  [{:04o}]", name, entry.stat.mode);
  return fmt::format("{}  [{:04o}] {}", name, entry.stat.mode, entry.text);
}

}  // namespace

std::vector<TreeEntry> collect_tree(Process& process, const std::string& root) {
  std::vector<TreeEntry> entries;
  collect(process, root, entries);
  return entries;
}

std::string read_attribute(Process& process, const std::string& path) {
  const auto buffer = process.mmap(
      {.length = kPageSize, .prot = PROT_READ | PROT_WRITE, .flags = MAP_PRIVATE | MAP_ANONYMOUS});
  const auto fd = process.open(path, O_RDONLY);
  std::string text;
  if (buffer && fd) {
    if (const auto length = process.read(*fd, *buffer, kPageSize)) text.resize(*length);
    if (!process.memory().read(*buffer, std::as_writable_bytes(std::span(text)))) text.clear();
  }
  if (fd) static_cast<void>(process.close(*fd));
  if (buffer) static_cast<void>(process.munmap(*buffer, kPageSize));
  return text;
}

std::string draw_tree(const std::string& root, const std::vector<TreeEntry>& entries) {
  // Backwards, a name is the last of its directory when none of that depth came since a shallower
  // one.
  std::vector<bool> last(entries.size());
  std::set<size_t> open_depths;
  for (size_t i = entries.size(); i-- > 0;) {
    const size_t here = depth(entries[i].path);
    open_depths.erase(open_depths.upper_bound(here), open_depths.end());
    last[i] = open_depths.insert(here).second;
  }
  std::string text = root + "\n";
  std::vector<bool> ended;  // by depth below root: whether the directory line has ended
  for (size_t i = 0; i < entries.size(); ++i) {
    const size_t below = depth(entries[i].path) - depth(root) - 1;
    for (size_t level = 0; level < below; ++level) text += ended[level] ? "    " : "│   ";
    text += last[i] ? "└── " : "├── ";
    text += label(entries[i]) + "\n";
    ended.resize(below);
    ended.push_back(last[i]);
  }
  return text;
}

std::string tree_to_json(const std::vector<TreeEntry>& entries) {
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const TreeEntry& entry : entries) {
    json.push_back({{"path", entry.path},
                    {"type", kTypeNames[static_cast<size_t>(entry.stat.type)]},
                    {"mode", fmt::format("{:04o}", entry.stat.mode)},
                    {"text", entry.text}});
  }
  return json.dump(2) + "\n";
}

int tree_command(const TreeOptions& options, std::ostream& out, std::ostream& err) {
  auto config = machine_config(options.machine);
  if (!config) {
    err << "noiommu tree: " << config.error() << '\n';
    return kBadInput;
  }
  std::unique_ptr<Machine> machine;
  try {
    machine = std::make_unique<Machine>(*config);
  } catch (const std::invalid_argument& wrong) {
    err << "noiommu tree: " << wrong.what() << '\n';
    return kBadInput;
  }
  const auto process = machine->spawn();
  std::vector<TreeEntry> all;
  for (const std::string root : {"/dev", "/sys"}) {
    const std::vector<TreeEntry> entries = collect_tree(*process, root);
    if (!options.json) out << draw_tree(root, entries);
    all.insert(all.end(), entries.begin(), entries.end());
  }
  if (options.json) out << tree_to_json(all);
  return kAllPassed;
}

}  // namespace noiommu::scenarios
