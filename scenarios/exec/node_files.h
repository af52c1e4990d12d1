// /dev and /sys of the modelled kernel as real files in the program's namespace, so that all that
// only looks at names runs at native speed.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "model/machine/machine.h"

namespace noiommu::scenarios::exec {

// A device node is a character device that nobody can open natively; its number shows as 0:0. An
// attribute is a regular file that holds what it said when it was last opened; those that do not
// say the same to everybody are not read natively.
//
// Thread-safety: all methods may be called from any thread.
class NodeFiles {
 public:
  // Below the folders of the file system `filesystem` that have the names of /dev and of folders
  // of /sys; mounts those over the real ones, with all else that is there. Throws SetupError.
  NodeFiles(Machine& machine, int filesystem);

  struct Node {
    std::string path;
    bool answered = false;  // by the model, also when it is only read
  };
  // What the inode stands for; nothing when for neither device nor attribute.
  [[nodiscard]] std::optional<Node> find(ino_t inode) const;

  // Follows the names of the kernel where they have changed.
  void update();
  // Writes what the attribute says now.
  void refresh(const std::string& attribute);

 private:
  struct Folder;

  void mount();
  void mount(const Folder& folder);
  void let_write(const std::string& path) const;
  [[nodiscard]] std::string place(const std::string& path) const;

  Machine& machine_;
  const int filesystem_;
  const std::unique_ptr<Process> viewer_;  // sees what root sees
  mutable std::mutex mutex_;               // guards all below
  bool mounted_ = false;
  uint64_t generation_ = UINT64_MAX;
  std::map<std::string, std::string> shown_;  // what there is, by path, and how it looks
  std::map<ino_t, Node> nodes_;
};

}  // namespace noiommu::scenarios::exec
