// The names of one kernel: /dev, /sys and /proc as far as VFIO and iommufd show there.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "model/kernel/file.h"

namespace noiommu {

struct Credentials;

// Permission bits and type as stat(2) and lstat(2) would tell. Owner is always root:root.
struct NodeStat {
  enum class Type { kDirectory, kCharDevice, kFile, kLink };
  Type type = Type::kFile;
  uint32_t mode = 0;
};

// A sysfs-like file. An empty function means that the direction is not implemented; the mode tells
// who may try. `store` gets the text as written and answers its errno.
struct Attribute {
  std::function<std::string()> show;
  std::function<Status(Process&, std::string_view)> store;
  // A binary attribute has the first instead of `store`: bytes that are to go to a place in it, and
  // how many of them went. The second tells how much of it whoever opens it may read.
  std::function<Result<uint64_t>(Process&, std::string_view, uint64_t)> store_at = {};
  std::function<uint64_t(Process&)> visible = {};
};

// Paths are absolute, without "." or "..", except in link targets, which may be relative.
//
// Thread-safety: all methods may be called from any thread; openers, show and store run outside
// the tree's lock, so they may change the tree.
class NodeTree : Unmovable {
 public:
  using Opener = std::function<Result<FileRef>(Process&, int flags)>;

  NodeTree();
  ~NodeTree();

  // Adding makes missing parents. The parents of a device node go away again with the last node
  // below them, as on devtmpfs; directories added by name stay.
  void add_directory(std::string_view path);
  void add_device(std::string_view path, uint32_t mode, Opener open);
  void add_attribute(std::string_view path, uint32_t mode, Attribute attribute);
  void add_link(std::string_view path, std::string_view target);
  // Removes the node and everything below it. Open files stay open.
  void remove(std::string_view path);

  // System calls by path. ENOENT, ENOTDIR, ELOOP; open also EACCES, EISDIR and what the opener
  // answers; list ENOTDIR; readlink EINVAL for what is not a link.
  Result<FileRef> open(Process& process, std::string_view path, int flags) const;
  [[nodiscard]] Result<NodeStat> stat(std::string_view path) const;
  [[nodiscard]] Result<NodeStat> lstat(std::string_view path) const;
  [[nodiscard]] Result<std::vector<std::string>> list(std::string_view path) const;  // sorted
  [[nodiscard]] Result<std::string> readlink(std::string_view path) const;

  // Grows with every change of names, not of what attributes say.
  [[nodiscard]] uint64_t generation() const { return generation_; }

 private:
  struct Node;
  using NodePtr = std::shared_ptr<Node>;

  [[nodiscard]] Result<NodePtr> walk(std::string_view path, bool follow_last, int links) const;
  NodePtr make(std::string_view path, bool transient_parents);

  mutable std::shared_mutex mutex_;
  NodePtr root_;
  std::atomic<uint64_t> generation_ = 0;
};

}  // namespace noiommu
