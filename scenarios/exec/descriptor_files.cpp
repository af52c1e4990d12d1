#include "scenarios/exec/descriptor_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <set>
#include <utility>

#include "model/vfio/device_file.h"
#include "scenarios/exec/setup_error.h"

namespace noiommu::scenarios::exec {

namespace {

std::string path_of(int fd) {
  return fmt::format("/proc/self/fd/{}", fd);
}

// Whether only this descriptor has the file open or mapped: a lease is given to no other.
bool is_last(int fd) {
  if (fcntl(fd, F_SETLEASE, F_WRLCK) != 0) return false;
  fcntl(fd, F_SETLEASE, F_UNLCK);
  return true;
}

}  // namespace

DescriptorFiles::DescriptorFiles(int filesystem, const std::string& folder) {
  mkdirat(filesystem, folder.c_str(), 0700);
  folder_ = OwnedFd(openat(filesystem, folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  events_ = OwnedFd(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!folder_ || !events_) {
    throw SetupError(fmt::format("cannot watch files with inotify: {}", std::strerror(errno)));
  }
}

Result<OwnedFd> DescriptorFiles::create(const FileRef& file) {
  const std::lock_guard lock(mutex_);
  auto made = make(file);
  struct stat about {};
  if (!made || fstat(made->get(), &about) != 0) return Err(ENFILE);
  const int watch = inotify_add_watch(events_.get(), path_of(made->get()).c_str(), IN_DELETE_SELF);
  if (watch < 0) return Err(ENFILE);
  watched_[watch] = about.st_ino;
  entries_[about.st_ino].file = file;
  return made;
}

// Without a name, so that it is deleted when nobody has it open or mapped any longer.
Result<OwnedFd> DescriptorFiles::make(const FileRef& file) {
  constexpr const char* kName = "new";
  const auto type = file ? S_IFREG : S_IFIFO;
  if (mknodat(folder_.get(), kName, type | 0600, 0) != 0) return Err(ENFILE);
  if (dynamic_cast<const vfio::DeviceFile*>(file.get()) != nullptr) {
    // Some look how long a file is before they map it.
    constexpr off_t kAllRegions = off_t{9} << 40;
    const std::string path = fmt::format("{}/{}", path_of(folder_.get()), kName);
    static_cast<void>(truncate(path.c_str(), kAllRegions));
  }
  const int access = file ? file->open_flags & O_ACCMODE : O_RDWR;
  OwnedFd made(openat(folder_.get(), kName, (access == O_ACCMODE ? O_RDWR : access) | O_CLOEXEC));
  unlinkat(folder_.get(), kName, 0);
  return made ? Result<OwnedFd>(std::move(made)) : Err(ENFILE);
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

void DescriptorFiles::mirror(const File& file, const std::string& path, uint64_t offset,
                             uint64_t length, const std::shared_ptr<VmObject>& object) {
  const uint64_t whole = (length + kPageSize - 1) & kPageMask;
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find_if(
      entries_, [&](const auto& one) { return one.second.file.get() == &file; });
  if (found == entries_.end()) return;
  Entry& entry = found->second;
  const bool there = std::ranges::any_of(
      entry.mirrors, [&](const auto& one) { return one->covers(offset, whole); });
  if (there) return;
  if (!entry.ours) {
    entry.ours = OwnedFd(open(path.c_str(), O_RDWR | O_CLOEXEC));
    // Whoever opens a file with a lease sends its owner a signal: one that does no harm.
    fcntl(entry.ours.get(), F_SETSIG, SIGURG);
  }
  struct stat about {};
  if (fstat(entry.ours.get(), &about) != 0 || about.st_ino != found->first) return;
  const auto end = static_cast<off_t>(offset + whole);
  if (about.st_size < end && ftruncate(entry.ours.get(), end) != 0) return;
  entry.mirrors.push_back(std::make_unique<BarMirror>(entry.ours.get(), offset, whole, object));
  stored_ = Clock::now();
}

void DescriptorFiles::release_closed() {
  // Held until they are released: the next call of the program finds closed what it has closed.
  const std::lock_guard order(reading_);
  std::vector<Entry> closed;  // released without mutex_: a file's release may take other locks
  const std::lock_guard lock(mutex_);
  read_events(closed);
  // What we have open ourselves is never deleted.
  std::vector<ino_t> last;
  for (const auto& [inode, entry] : entries_) {
    if (entry.ours && is_last(entry.ours.get())) last.push_back(inode);
  }
  for (const ino_t inode : last) take(inode, closed);
}

void DescriptorFiles::read_events(std::vector<Entry>& closed) {
  alignas(inotify_event) std::array<char, 4096> events;
  for (ssize_t got = 0; (got = read(events_.get(), events.data(), events.size())) > 0;) {
    for (const char* at = events.data(); at < events.data() + got;) {
      inotify_event event{};
      std::memcpy(&event, at, sizeof(event));
      at += sizeof(event) + event.len;
      if ((event.mask & IN_Q_OVERFLOW) != 0) take_lost(closed);
      // The last event of a watch.
      if ((event.mask & IN_IGNORED) == 0) continue;
      const auto watch = watched_.extract(event.wd);
      if (!watch.empty()) take(watch.mapped(), closed);
    }
  }
}

void DescriptorFiles::take(ino_t inode, std::vector<Entry>& closed) {
  const auto entry = entries_.extract(inode);
  if (!entry.empty()) closed.push_back(std::move(entry.mapped()));
}

// Events were dropped: what is watched no longer is gone.
void DescriptorFiles::take_lost(std::vector<Entry>& closed) {
  std::set<int> watches;
  std::ifstream info(fmt::format("/proc/self/fdinfo/{}", events_.get()));
  for (std::string line; std::getline(info, line);) {
    constexpr std::string_view kKey = "inotify wd:";
    if (line.starts_with(kKey)) watches.insert(std::stoi(line.substr(kKey.size()), nullptr, 16));
  }
  std::erase_if(watched_, [&](const auto& one) {
    if (watches.contains(one.first)) return false;
    take(one.second, closed);
    return true;
  });
}

std::optional<std::chrono::nanoseconds> DescriptorFiles::update_mirrors() {
  using namespace std::chrono_literals;
  const std::lock_guard lock(mutex_);
  bool any = false;
  for (auto& [inode, entry] : entries_) {
    for (const auto& mirror : entry.mirrors) {
      any = true;
      if (mirror->update()) stored_ = Clock::now();
    }
  }
  if (!any) return std::nullopt;
  return Clock::now() - stored_ < 1s ? 50us : 1000us;
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
