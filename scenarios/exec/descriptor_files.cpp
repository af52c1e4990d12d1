#include "scenarios/exec/descriptor_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "scenarios/exec/setup_error.h"

namespace noiommu::scenarios::exec {

DescriptorFiles::DescriptorFiles(int filesystem, const std::string& folder) {
  mkdirat(filesystem, folder.c_str(), 0700);
  folder_ = OwnedFd(openat(filesystem, folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  events_ = OwnedFd(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  const std::string path = fmt::format("/proc/self/fd/{}", folder_.get());
  if (!folder_ || !events_ ||
      inotify_add_watch(events_.get(), path.c_str(), IN_OPEN | IN_CLOSE) < 0) {
    throw SetupError(fmt::format("cannot watch files with inotify: {}", std::strerror(errno)));
  }
}

// The file's name is its inode number, so that an event tells which one it is about.
Result<OwnedFd> DescriptorFiles::create(const FileRef& file) {
  const int access = file ? file->open_flags & O_ACCMODE : O_RDWR;
  constexpr const char* kNew = "new";
  const std::lock_guard lock(mutex_);
  struct stat about {};
  if (mknodat(folder_.get(), kNew, S_IFREG | 0600, 0) != 0 ||
      fstatat(folder_.get(), kNew, &about, 0) != 0) {
    return Err(ENFILE);
  }
  const std::string name = std::to_string(about.st_ino);
  renameat(folder_.get(), kNew, folder_.get(), name.c_str());
  OwnedFd made(
      openat(folder_.get(), name.c_str(), (access == O_ACCMODE ? O_RDWR : access) | O_CLOEXEC));
  if (!made) return Err(ENFILE);
  entries_[about.st_ino].file = file;
  return made;
}

void DescriptorFiles::fill(ino_t inode, const FileRef& file) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(inode);
  if (found != entries_.end()) found->second.file = file;
}

FileRef DescriptorFiles::find(ino_t inode) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(inode);
  return found == entries_.end() ? nullptr : found->second.file;
}

void DescriptorFiles::mirror(const File& file, uint64_t offset, uint64_t length,
                             const std::shared_ptr<VmObject>& object) {
  const uint64_t whole = (length + kPageSize - 1) & kPageMask;
  const std::lock_guard lock(mutex_);
  for (auto& [inode, entry] : entries_) {
    if (entry.file.get() != &file) continue;
    const bool there = std::ranges::any_of(
        entry.mirrors, [&](const auto& one) { return one->covers(offset, whole); });
    if (there) return;
    const std::string name = std::to_string(inode);
    const OwnedFd ours(openat(folder_.get(), name.c_str(), O_RDWR | O_CLOEXEC));
    struct stat about {};
    if (!ours || fstat(ours.get(), &about) != 0) return;
    const auto end = static_cast<off_t>(offset + whole);
    if (about.st_size < end && ftruncate(ours.get(), end) != 0) return;
    entry.mirrors.push_back(std::make_unique<BarMirror>(ours.get(), offset, whole, object));
    ++entry.ours;
    return;
  }
}

void DescriptorFiles::release_closed() {
  alignas(inotify_event) std::array<char, 4096> events;
  // Held until they are released: the next call of the program finds closed what it has closed.
  const std::lock_guard order(reading_);
  std::vector<Entry> closed;  // released without mutex_: a file's release may take other locks
  for (ssize_t got = 0; (got = read(events_.get(), events.data(), events.size())) > 0;) {
    const std::lock_guard lock(mutex_);
    for (const char* at = events.data(); at < events.data() + got;) {
      inotify_event event{};
      std::memcpy(&event, at, sizeof(event));
      const char* name = at + sizeof(event);
      at = name + event.len;
      ino_t inode = 0;
      if (std::from_chars(name, name + event.len, inode).ec != std::errc()) continue;
      const auto found = entries_.find(inode);
      if (found == entries_.end()) continue;
      Entry& entry = found->second;
      if ((event.mask & IN_OPEN) != 0) ++entry.opened;
      if ((event.mask & IN_CLOSE) == 0) continue;
      if (--entry.opened > entry.ours) continue;
      unlinkat(folder_.get(), std::to_string(inode).c_str(), 0);
      closed.push_back(std::move(entry));
      entries_.erase(found);
    }
  }
}

bool DescriptorFiles::update_mirrors() {
  const std::lock_guard lock(mutex_);
  bool any = false;
  for (auto& [inode, entry] : entries_) {
    for (const auto& mirror : entry.mirrors) {
      any = true;
      mirror->update();
    }
  }
  return any;
}

size_t DescriptorFiles::open_files() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

std::vector<FileRef> DescriptorFiles::files() const {
  const std::lock_guard lock(mutex_);
  std::vector<FileRef> all;
  for (const auto& [inode, entry] : entries_) all.push_back(entry.file);
  return all;
}

void DescriptorFiles::release_all() {
  std::map<ino_t, Entry> gone;
  const std::lock_guard lock(mutex_);
  gone.swap(entries_);
}

}  // namespace noiommu::scenarios::exec
