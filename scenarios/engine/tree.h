// The names that a kernel shows below /dev and /sys, for people and for programs.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "model/kernel/process.h"
#include "scenarios/engine/machine_options.h"

namespace noiommu::scenarios {

// One name. `text` is the value of an attribute that the process may read, without the newline at
// its end, or the target of a link.
struct TreeEntry {
  std::string path;
  NodeStat stat;
  std::string text;
};

// Everything below `root`, which need not exist, in depth-first order, names sorted.
std::vector<TreeEntry> collect_tree(Process& process, const std::string& root);

// All that the attribute says, up to a page; nothing when the process may not read it.
std::string read_attribute(Process& process, const std::string& path);

// `root` and what is below it, drawn with lines.
std::string draw_tree(const std::string& root, const std::vector<TreeEntry>& entries);
// An array of {"path", "type", "mode", "text"}.
std::string tree_to_json(const std::vector<TreeEntry>& entries);

struct TreeOptions {
  MachineOptions machine;
  bool json = false;
};

// The `tree` subcommand: /dev and /sys of a kernel that was just booted. Answers the exit code;
// what is wrong with the options goes to `err`.
[[nodiscard]] int tree_command(const TreeOptions& options, std::ostream& out, std::ostream& err);

}  // namespace noiommu::scenarios
