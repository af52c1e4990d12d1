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

std::string read_attribute(Process& process, UserPtr buffer, const std::string& path) {
  auto fd = process.open(path, O_RDONLY);
  if (!fd) return {};
  auto length = process.read(*fd, buffer, kPageSize);
  static_cast<void>(process.close(*fd));
  if (!length) return {};
  std::string text(*length, '\0');
  if (!process.memory().read(buffer, std::as_writable_bytes(std::span(text)))) return {};
  if (text.ends_with('\n')) text.pop_back();
  std::replace(text.begin(), text.end(), '\n', ' ');  // one line in the drawing
  return text;
}

void collect(Process& process, UserPtr buffer, const std::string& path,
             std::vector<TreeEntry>& entries) {
  auto names = process.list(path);
  if (!names) return;
  for (const std::string& name : *names) {
    TreeEntry entry{.path = fmt::format("{}/{}", path, name), .stat = {}, .text = {}};
    if (auto stat = process.kernel().nodes().lstat(entry.path)) entry.stat = *stat;
    if (auto target = process.readlink(entry.path)) entry.text = *target;
    if (entry.stat.type == NodeStat::Type::kFile) {
      entry.text = read_attribute(process, buffer, entry.path);
    }
    entries.push_back(entry);
    if (entry.stat.type == NodeStat::Type::kDirectory) {
      collect(process, buffer, entry.path, entries);
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

// "NAME=VALUE" in two; nothing when there is no "=".
std::optional<std::pair<std::string, std::string>> split_pair(const std::string& text) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos) return std::nullopt;
  return std::pair(text.substr(0, equals), text.substr(equals + 1));
}

// What is wrong with the options, or nothing.
std::string parse_options(const TreeOptions& options, KernelNeeds& kernel,
                          std::vector<DeviceNeeds>& devices) {
  static const std::map<std::string, Tristate> kValues = {
      {"y", Tristate::kYes}, {"m", Tristate::kModule}, {"n", Tristate::kNo}};
  for (const std::string& text : options.config) {
    const auto pair = split_pair(text);
    if (!pair || !kValues.contains(pair->second)) {
      return fmt::format("--config {}: write SYMBOL=y, m or n", text);
    }
    kernel.config[pair->first] = kValues.at(pair->second);
  }
  for (const std::string& text : options.params) {
    const auto pair = split_pair(text);
    if (!pair) return fmt::format("--param {}: write module.parameter=VALUE", text);
    kernel.params[pair->first] = pair->second;
  }
  static const std::vector<std::string> kTwo = {"0000:00:04.0", "0000:00:05.0"};
  for (const std::string& text : options.devices.empty() ? kTwo : options.devices) {
    DeviceNeeds device;
    device.bdf = text.substr(0, text.find(','));
    const std::string rest = text.substr(device.bdf.size());
    device.behind_iommu = rest == ",iommu=present";
    if (!rest.empty() && !device.behind_iommu && rest != ",iommu=none") {
      return fmt::format("--device {}: write BDF or BDF,iommu=present", text);
    }
    devices.push_back(device);
  }
  return {};
}

}  // namespace

std::vector<TreeEntry> collect_tree(Process& process, const std::string& root) {
  std::vector<TreeEntry> entries;
  auto buffer = process.mmap(
      {.length = kPageSize, .prot = PROT_READ | PROT_WRITE, .flags = MAP_PRIVATE | MAP_ANONYMOUS});
  if (buffer) collect(process, *buffer, root, entries);
  return entries;
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
  KernelNeeds kernel;
  std::vector<DeviceNeeds> devices;
  if (auto wrong = parse_options(options, kernel, devices); !wrong.empty()) {
    err << "noiommu tree: " << wrong << '\n';
    return kBadInput;
  }
  auto config = machine_config(kernel, devices);
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
