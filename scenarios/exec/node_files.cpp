#include "scenarios/exec/node_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <vector>

#include "scenarios/engine/tree.h"
#include "scenarios/exec/owned_fd.h"
#include "scenarios/exec/sandbox.h"
#include "scenarios/exec/setup_error.h"

namespace noiommu::scenarios::exec {

namespace {

namespace fs = std::filesystem;

// Folders that the modelled kernel shares with the real one. What else the model has replaces what
// the real kernel has of the same name.
constexpr std::array kShared = {"/dev",        "/sys/bus",    "/sys/class",
                                "/sys/module", "/sys/kernel", "/sys/devices"};

bool shared(const std::string& path) {
  return std::ranges::find(kShared, path) != kShared.end();
}

// A terminal of one's own comes from the `pts` beside this one in the same mount, so that it cannot
// be mounted alone: it leads to a folder that has both.
constexpr const char* kTerminals = "ptmx";
constexpr const char* kReal = ".real";

// Every machine has this one.
bool left_alone(const std::string& path) {
  return path == "/dev/null";
}

// Only its header is for everybody.
bool is_config_space(const std::string& path) {
  return path.starts_with("/sys/devices/pci") && path.ends_with("/config");
}

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    names.push_back(entry.path().filename());
  }
  return names;
}

}  // namespace

// A folder that is shared with the real kernel.
struct NodeFiles::Folder {
  std::string path;
  OwnedFd real;
  std::vector<std::string> names;
};

NodeFiles::NodeFiles(Machine& machine, int filesystem)
    : machine_(machine), filesystem_(filesystem), viewer_(machine.spawn()) {
  for (const char* folder : kShared) {
    std::error_code error;
    fs::create_directories(place(folder), error);
  }
  update();
  mount();
}

std::string NodeFiles::place(const std::string& path) const {
  return fmt::format("/proc/self/fd/{}{}", filesystem_, path);
}

void NodeFiles::mount() {
  std::vector<Folder> folders;
  for (const std::string path : kShared) {
    // What is below the path now, also once something else lies over it.
    OwnedFd real(open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!real) {
      throw SetupError(fmt::format("there is no {} to show the modelled kernel in", path));
    }
    folders.push_back({path, std::move(real), names_in(path)});
  }
  // Where it does not show: one of its folders will lie over it.
  attach(filesystem_, folders.back().path);
  for (const Folder& folder : folders) mount(folder);
  mounted_ = true;
}

void NodeFiles::mount(const Folder& folder) {
  std::vector<std::string> beside;
  std::error_code error;
  for (const std::string& name : folder.names) {
    const fs::path real = fmt::format("/proc/self/fd/{}/{}", folder.real.get(), name);
    const std::string target = place(fmt::format("{}/{}", folder.path, name));
    if (fs::exists(fs::symlink_status(target))) continue;
    if (fs::is_symlink(real)) {
      fs::copy_symlink(real, target, error);
      continue;
    }
    if (folder.path == "/dev" && name == kTerminals) {
      const std::string whole = place(fmt::format("{}/{}", folder.path, kReal));
      fs::create_symlink(fmt::format("{}/{}", kReal, name), target, error);
      fs::create_directory(whole, error);
      mount_over(folder.real.get(), "", whole);
      continue;
    }
    if (fs::is_directory(real)) {
      fs::create_directory(target, error);
    } else {
      std::ofstream{target};
    }
    beside.push_back(name);
  }
  mount_over(filesystem_, folder.path.substr(1), folder.path);
  for (const std::string& name : beside) {
    mount_over(folder.real.get(), name, fmt::format("{}/{}", folder.path, name));
  }
  if (folder.path == "/dev") return;
  // Nobody makes or removes names in sysfs.
  make_read_only(folder.path);
  for (const auto& [inode, node] : nodes_) {
    if (node.path.starts_with(folder.path + "/")) let_write(node.path);
  }
}

// access(2) is to say that what can be written can be written.
void NodeFiles::let_write(const std::string& path) const {
  struct stat about {};
  const std::string file = place(path);
  if (lstat(file.c_str(), &about) != 0 || (about.st_mode & 0222) == 0) return;
  static_cast<void>(::mount(file.c_str(), path.c_str(), nullptr, MS_BIND, nullptr));
}

std::optional<NodeFiles::Node> NodeFiles::find(ino_t inode) const {
  const std::lock_guard lock(mutex_);
  const auto found = nodes_.find(inode);
  return found == nodes_.end() ? std::nullopt : std::optional(found->second);
}

void NodeFiles::update() {
  const std::lock_guard lock(mutex_);
  const uint64_t generation = machine_.kernel().nodes().generation();
  if (generation == generation_) return;
  generation_ = generation;
  std::map<std::string, std::string> now;
  std::vector<TreeEntry> entries = collect_tree(*viewer_, "/dev");
  std::ranges::move(collect_tree(*viewer_, "/sys"), std::back_inserter(entries));
  for (const TreeEntry& entry : entries) {
    if (left_alone(entry.path) || shared(entry.path)) continue;
    const bool link = entry.stat.type == NodeStat::Type::kLink;
    now[entry.path] = fmt::format("{} {:o} {}", static_cast<int>(entry.stat.type), entry.stat.mode,
                                  link ? entry.text : "");
  }
  // Folders come before what is in them, and go after it.
  for (auto old = shown_.rbegin(); old != shown_.rend(); ++old) {
    const auto kept = now.find(old->first);
    if (kept != now.end() && kept->second == old->second) continue;
    struct stat about {};
    const std::string target = place(old->first);
    if (lstat(target.c_str(), &about) == 0) nodes_.erase(about.st_ino);
    std::error_code error;
    if (mounted_) umount2(old->first.c_str(), MNT_DETACH);  // what let_write() has mounted
    fs::remove_all(target, error);
  }
  for (const TreeEntry& entry : entries) {
    if (!now.contains(entry.path)) continue;
    const std::string target = place(entry.path);
    std::error_code error;
    if (fs::exists(fs::symlink_status(target, error))) continue;
    switch (entry.stat.type) {
      case NodeStat::Type::kDirectory:
        fs::create_directories(target, error);
        continue;
      case NodeStat::Type::kLink:
        fs::create_directories(fs::path(target).parent_path(), error);
        fs::create_symlink(entry.text, target, error);
        continue;
      case NodeStat::Type::kCharDevice:
        // The one device number that needs no privilege.
        mknod(target.c_str(), S_IFCHR | entry.stat.mode, 0);
        break;
      case NodeStat::Type::kFile:
        std::ofstream(target, std::ios::binary) << read_attribute(*viewer_, entry.path);
        break;
    }
    chmod(target.c_str(), entry.stat.mode);
    struct stat about {};
    if (lstat(target.c_str(), &about) == 0) {
      const bool device = entry.stat.type == NodeStat::Type::kCharDevice;
      nodes_[about.st_ino] = {entry.path, device || is_config_space(entry.path)};
      if (mounted_ && !device) let_write(entry.path);
    }
  }
  shown_ = std::move(now);
}

void NodeFiles::refresh(const std::string& attribute) {
  const std::string text = read_attribute(*viewer_, attribute);
  const std::lock_guard lock(mutex_);
  // In place: whoever has the file open goes on reading the same one.
  const OwnedFd file(open(place(attribute).c_str(), O_WRONLY | O_CLOEXEC));
  if (!file || pwrite(file.get(), text.data(), text.size(), 0) < 0) return;
  static_cast<void>(ftruncate(file.get(), static_cast<off_t>(text.size())));
}

}  // namespace noiommu::scenarios::exec
