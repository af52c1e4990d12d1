#include "model/kernel/node_tree.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <mutex>
#include <variant>

#include "model/kernel/process.h"

namespace noiommu {

struct NodeTree::Node {
  struct Directory {
    std::map<std::string, NodePtr, std::less<>> children;
    bool transient;  // goes with its last child
  };
  struct Device {
    Opener open;
  };
  struct Link {
    std::string target;
  };
  std::variant<Directory, Device, Attribute, Link> what =
      Directory{.children = {}, .transient = false};
  uint32_t mode = 0755;

  Directory* directory() { return std::get_if<Directory>(&what); }
};

namespace {

constexpr int kMaxLinks = 40;  // the kernel's limit before ELOOP

std::vector<std::string> split(std::string_view path) {
  std::vector<std::string> parts;
  while (!path.empty()) {
    const size_t slash = std::min(path.find('/'), path.size());
    if (slash > 0) parts.emplace_back(path.substr(0, slash));
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
  return parts;
}

// `target` of a link that lies in the directory `parts`, as an absolute path.
std::string join(std::vector<std::string> parts, std::string_view target) {
  if (target.starts_with('/')) return std::string(target);
  for (std::string& part : split(target)) {
    if (part == ".." && !parts.empty()) {
      parts.pop_back();
    } else if (part != "." && part != "..") {
      parts.push_back(std::move(part));
    }
  }
  std::string path;
  for (const std::string& part : parts) path += "/" + part;
  return path.empty() ? "/" : path;
}

bool permitted(const Credentials& who, uint32_t mode, int flags) {
  static constexpr std::array<uint32_t, 4> kWanted = {4, 2, 6, 6};  // by access mode
  const uint32_t wanted = kWanted[static_cast<size_t>(flags & O_ACCMODE)];
  const uint32_t granted = who.uid == 0 ? mode >> 6 : mode;  // everything belongs to root:root
  return (wanted & ~granted) == 0 || who.effective[CAP_DAC_OVERRIDE] ||
         (wanted == 4 && who.effective[CAP_DAC_READ_SEARCH]);
}

class AttributeFile : public File {
 public:
  AttributeFile(Process& opener, Attribute attribute)
      : attribute_(std::move(attribute)),
        visible_(attribute_.visible ? attribute_.visible(opener) : UINT64_MAX) {}

  [[nodiscard]] bool has_position() const override { return true; }
  // A text is as long as a page, for who asks.
  Result<uint64_t> lseek(int64_t offset, int whence) override {
    if (whence != SEEK_END) return File::lseek(offset, whence);
    const bool binary = attribute_.store_at && attribute_.show;
    const auto end = static_cast<int64_t>(binary ? attribute_.show().size() : kPageSize);
    int64_t place = 0;
    if (__builtin_add_overflow(end, offset, &place)) return Err(EINVAL);
    return File::lseek(place, SEEK_SET);
  }

  Result<uint64_t> read(Process& process, UserPtr to, uint64_t length, uint64_t position) override {
    if (!attribute_.show) return Err(EIO);
    std::string text = attribute_.show();
    text.resize(std::min<uint64_t>(text.size(), visible_));
    if (position >= text.size()) return 0;
    const auto part = std::string_view(text).substr(position, length);
    if (auto copied = process.memory().write(to, std::as_bytes(std::span(part))); !copied) {
      return Err(copied.error());
    }
    return part.size();
  }

  Result<uint64_t> write(Process& process, UserPtr from, uint64_t length,
                         uint64_t position) override {
    if (!attribute_.store && !attribute_.store_at) return Err(EIO);
    if (length == 0) return 0;  // nothing reaches the attribute
    std::string text(std::min<uint64_t>(length, kPageSize), '\0');
    if (auto copied = process.memory().read(from, std::as_writable_bytes(std::span(text)));
        !copied) {
      return Err(copied.error());
    }
    if (attribute_.store_at) return attribute_.store_at(process, text, position);
    if (auto stored = attribute_.store(process, text); !stored) return Err(stored.error());
    return text.size();
  }

 private:
  const Attribute attribute_;
  const uint64_t visible_;  // bytes
};

class DirectoryFile : public File {
 public:
  Result<uint64_t> read(Process& /*process*/, UserPtr /*to*/, uint64_t /*length*/,
                        uint64_t /*position*/) override {
    return Err(EISDIR);
  }
};

}  // namespace

NodeTree::NodeTree() : root_(std::make_shared<Node>()) {}
NodeTree::~NodeTree() = default;

NodeTree::NodePtr NodeTree::make(std::string_view path, bool transient_parents) {
  NodePtr node = root_;
  for (std::string& part : split(path)) {
    auto [child, added] = node->directory()->children.try_emplace(std::move(part));
    if (added) {
      child->second = std::make_shared<Node>();
      child->second->directory()->transient = transient_parents;
    }
    node = child->second;
  }
  return node;
}

void NodeTree::add_directory(std::string_view path) {
  const std::unique_lock lock(mutex_);
  ++generation_;
  make(path, false)->directory()->transient = false;
}

void NodeTree::add_device(std::string_view path, uint32_t mode, Opener open) {
  const std::unique_lock lock(mutex_);
  ++generation_;
  const NodePtr node = make(path, true);
  node->mode = mode;
  node->what = Node::Device{std::move(open)};
}

void NodeTree::add_attribute(std::string_view path, uint32_t mode, Attribute attribute) {
  const std::unique_lock lock(mutex_);
  ++generation_;
  const NodePtr node = make(path, false);
  node->mode = mode;
  node->what = std::move(attribute);
}

void NodeTree::add_link(std::string_view path, std::string_view target) {
  const std::unique_lock lock(mutex_);
  ++generation_;
  const NodePtr node = make(path, false);
  node->mode = 0777;
  node->what = Node::Link{std::string(target)};
}

void NodeTree::remove(std::string_view path) {
  const std::vector<std::string> parts = split(path);
  std::vector<NodePtr> parents = {root_};  // destroyed after the lock: what nodes hold may use us
  const std::unique_lock lock(mutex_);
  ++generation_;
  for (const std::string& part : parts) {
    auto* directory = parents.back()->directory();
    if (directory == nullptr) return;
    auto child = directory->children.find(part);
    if (child == directory->children.end()) return;
    parents.push_back(child->second);
  }
  for (size_t depth = parts.size(); depth > 0; --depth) {
    auto* parent = parents[depth - 1]->directory();
    parent->children.erase(parts[depth - 1]);
    if (!parent->transient || !parent->children.empty()) return;
  }
}

Result<NodeTree::NodePtr> NodeTree::walk(std::string_view path, bool follow_last, int links) const {
  if (path.empty()) return Err(ENOENT);
  NodePtr node = root_;
  std::vector<std::string> above;
  const std::vector<std::string> parts = split(path);
  for (size_t i = 0; i < parts.size(); ++i) {
    auto* directory = node->directory();
    if (directory == nullptr) return Err(ENOTDIR);
    auto child = directory->children.find(parts[i]);
    if (child == directory->children.end()) return Err(ENOENT);
    node = child->second;
    const bool last = i + 1 == parts.size();
    if (const auto* link = std::get_if<Node::Link>(&node->what); link && (!last || follow_last)) {
      if (links == 0) return Err(ELOOP);
      std::string rest = join(above, link->target);
      for (size_t k = i + 1; k < parts.size(); ++k) rest += "/" + parts[k];
      return walk(rest, follow_last, links - 1);
    }
    above.push_back(parts[i]);
  }
  return node;
}

Result<FileRef> NodeTree::open(Process& process, std::string_view path, int flags) const {
  std::shared_lock lock(mutex_);
  auto found = walk(path, true, kMaxLinks);
  if (!found) return Err(found.error());
  Node& node = **found;
  const bool writes = (flags & O_ACCMODE) != O_RDONLY;
  if (node.directory() != nullptr) {
    if (writes) return Err(EISDIR);
    return std::make_shared<DirectoryFile>();
  }
  if (!permitted(process.credentials(), node.mode, flags)) return Err(EACCES);
  if (const auto* attribute = std::get_if<Attribute>(&node.what)) {
    // Even root gets no descriptor for a direction that the attribute does not have.
    const bool takes = attribute->store || attribute->store_at;
    if (writes && ((node.mode & 0222) == 0 || !takes)) return Err(EACCES);
    if ((flags & O_ACCMODE) != O_WRONLY && ((node.mode & 0444) == 0 || !attribute->show)) {
      return Err(EACCES);
    }
    return std::make_shared<AttributeFile>(process, *attribute);
  }
  const Opener opener = std::get<Node::Device>(node.what).open;
  lock.unlock();
  return opener(process, flags);
}

Result<NodeStat> NodeTree::stat(std::string_view path) const {
  const std::shared_lock lock(mutex_);
  auto node = walk(path, true, kMaxLinks);
  if (!node) return Err(node.error());
  static constexpr NodeStat::Type kTypes[] = {NodeStat::Type::kDirectory,
                                              NodeStat::Type::kCharDevice, NodeStat::Type::kFile};
  return NodeStat{kTypes[(*node)->what.index()], (*node)->mode};
}

Result<NodeStat> NodeTree::lstat(std::string_view path) const {
  if (readlink(path)) return NodeStat{NodeStat::Type::kLink, 0777};
  return stat(path);
}

Result<std::vector<std::string>> NodeTree::list(std::string_view path) const {
  const std::shared_lock lock(mutex_);
  auto node = walk(path, true, kMaxLinks);
  if (!node) return Err(node.error());
  const auto* directory = (*node)->directory();
  if (directory == nullptr) return Err(ENOTDIR);
  std::vector<std::string> names;
  for (const auto& [name, child] : directory->children) names.push_back(name);
  return names;
}

Result<std::string> NodeTree::readlink(std::string_view path) const {
  const std::shared_lock lock(mutex_);
  auto node = walk(path, false, kMaxLinks);
  if (!node) return Err(node.error());
  const auto* link = std::get_if<Node::Link>(&(*node)->what);
  if (link == nullptr) return Err(EINVAL);
  return link->target;
}

}  // namespace noiommu
