#include "scenarios/exec/remote_memory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/vfs.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <charconv>
#include <climits>
#include <cstddef>
#include <string_view>
#include <utility>

namespace noiommu::scenarios::exec {

// Stays with the memory that the process had when it was opened, whatever becomes of the process.
class RemoteMemory::Source : public PageSource {
 public:
  explicit Source(pid_t process)
      : memory_(open(fmt::format("/proc/{}/mem", process).c_str(), O_RDWR | O_CLOEXEC)) {}

  bool load(uint64_t offset, std::span<std::byte> to) override {
    return pread(memory_.get(), to.data(), to.size(), static_cast<off_t>(offset)) ==
           static_cast<ssize_t>(to.size());
  }
  bool store(uint64_t offset, std::span<const std::byte> from) override {
    return pwrite(memory_.get(), from.data(), from.size(), static_cast<off_t>(offset)) ==
           static_cast<ssize_t>(from.size());
  }
  // Reads of a memory that nobody uses any more end at once; others fail where nothing is mapped.
  [[nodiscard]] bool gone() const {
    std::byte byte;
    return pread(memory_.get(), &byte, 1, 0) == 0;
  }

 private:
  const OwnedFd memory_;
};

// A line of /proc/PID/maps.
struct RemoteMemory::Region {
  uint64_t start = 0;
  uint64_t end = 0;
  bool readable = false;
  bool writable = false;
  bool shared = false;
  uint64_t offset = 0;
  dev_t device = 0;
  ino_t inode = 0;
  std::string path;
};

namespace {

std::atomic<uint64_t> next_number = 1;

// The bytes up to the end of the page.
size_t left_in_page(UserPtr at) {
  return kPageSize - at.value % kPageSize;
}

// What /proc says at one moment.
std::string read_whole(const std::string& path) {
  const OwnedFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  constexpr size_t kStep = 1 << 16;
  std::string text;
  ssize_t got = 0;
  do {
    const size_t had = text.size();
    text.resize(had + kStep);
    got = ::read(file.get(), text.data() + had, kStep);
    text.resize(had + (got > 0 ? static_cast<size_t>(got) : 0));
  } while (got > 0);
  return text;
}

// As a power of two of 4 KiB; 0 for what is not made of huge pages.
unsigned huge_order(const std::string& path) {
  constexpr long kAnonymousHugePage = 2 << 20;
  struct statfs about {};
  long size = 0;
  if (path.starts_with("/anon_hugepage")) {
    size = kAnonymousHugePage;
  } else if (path.starts_with('/') && statfs(path.c_str(), &about) == 0 &&
             about.f_type == HUGETLBFS_MAGIC) {
    size = about.f_bsize;
  }
  return size == 0 ? 0 : static_cast<unsigned>(std::countr_zero(static_cast<uint64_t>(size))) - 12;
}

}  // namespace

RemoteMemory::RemoteMemory(pid_t process, ProgramPages& pages, dev_t device_of_ours,
                           OnMapping on_mapping)
    : process_(process),
      number_(next_number++),
      pages_(pages),
      device_of_ours_(device_of_ours),
      on_mapping_(std::move(on_mapping)),
      source_(std::make_shared<Source>(process)) {}

RemoteMemory::~RemoteMemory() {
  pages_.give_up(*source_, 0, UINT64_MAX);
}

Status RemoteMemory::read(UserPtr from, std::span<std::byte> to) {
  auto done = read_remote(process_, from, to);
  // The first thread may have exited before the others.
  if (!done && done.error() == Errno{ESRCH} && source_->load(from.value, to)) return {};
  return done ? Status() : Status(Err(EFAULT));
}

Status RemoteMemory::write(UserPtr to, std::span<const std::byte> from) {
  const iovec local{const_cast<std::byte*>(from.data()), from.size()};
  const iovec remote{std::bit_cast<void*>(to.value), from.size()};
  const ssize_t moved = process_vm_writev(process_, &local, 1, &remote, 1, 0);
  if (moved < 0 && errno == ESRCH)
    return source_->store(to.value, from) ? Status() : Status(Err(EFAULT));
  return moved == static_cast<ssize_t>(from.size()) ? Status() : Status(Err(EFAULT));
}

Status read_remote(pid_t thread, UserPtr from, std::span<std::byte> to) {
  const iovec local{to.data(), to.size()};
  const iovec remote{std::bit_cast<void*>(from.value), to.size()};
  const ssize_t moved = process_vm_readv(thread, &local, 1, &remote, 1, 0);
  if (moved < 0) return Err(errno);
  return moved == static_cast<ssize_t>(to.size()) ? Status() : Status(Err(EFAULT));
}

Result<std::string> read_remote_text(pid_t thread, UserPtr from) {
  std::string text;
  std::array<char, kPageSize> page;
  while (text.size() < PATH_MAX) {
    const auto part = std::span(page).first(left_in_page(from));
    if (auto got = read_remote(thread, from, std::as_writable_bytes(part)); !got) {
      return Err(got.error());
    }
    const auto end = std::ranges::find(part, '\0');
    text.append(part.begin(), end);
    if (end != part.end()) return text;
    from += part.size();
  }
  return Err(ENAMETOOLONG);
}

std::vector<RemoteMemory::Region> RemoteMemory::regions() const {
  const std::string text = read_whole(fmt::format("/proc/{}/maps", process_));
  std::vector<Region> all;
  const char* at = text.data();
  const char* const end = at + text.size();
  // A number and the character behind it.
  const auto number = [&](auto& value, int base = 16) {
    at = std::from_chars(at, end, value, base).ptr;
    if (at != end) ++at;
  };
  // "55d0c8a00000-55d0c8a21000 rw-p 00001000 fe:00 1234    /path"
  constexpr std::ptrdiff_t kRights = 5;
  while (end - at > kRights) {
    Region region;
    unsigned major = 0;
    unsigned minor = 0;
    number(region.start);
    number(region.end);
    if (end - at < kRights) break;
    region.readable = at[0] == 'r';
    region.writable = at[1] == 'w';
    region.shared = at[3] == 's';
    at += kRights;
    number(region.offset);
    number(major);
    number(minor);
    at = std::from_chars(at, end, region.inode).ptr;
    region.device = makedev(major, minor);
    const char* line_end = std::find(at, end, '\n');
    const char* path = std::find_if(at, line_end, [](char c) { return c != ' '; });
    region.path = std::string_view(path, static_cast<size_t>(line_end - path));
    at = line_end == end ? end : line_end + 1;
    all.push_back(std::move(region));
  }
  return all;
}

PageKey RemoteMemory::key_of(const Region& region, uint64_t address) const {
  if (!region.shared || region.inode == 0) return {0, number_, address / kPageSize};
  return {region.device, region.inode, (region.offset + (address - region.start)) / kPageSize};
}

Result<Pfn> RemoteMemory::frame_of(UserPtr start) {
  for (const Region& region : regions()) {
    if (start.value < region.start || start.value >= region.end) continue;
    if (region.device == device_of_ours_) return Err(EFAULT);
    return pages_.frame_of(key_of(region, start.value), huge_order(region.path), source_,
                           start.value);
  }
  return Err(EFAULT);
}

// Spec: iommufd.md section 10, table "Pin condition".
Status RemoteMemory::pin(UserPtr start, uint64_t pages, bool write, std::vector<PfnRun>& runs) {
  if (gone()) return Err(EFAULT);
  const std::vector<Region> all = regions();
  std::vector<PfnRun> pinned;
  const auto pin_all = [&]() -> Status {
    auto region = std::ranges::upper_bound(all, start.value, {}, &Region::end);
    unsigned order = 0;
    bool entered = false;
    for (uint64_t page = 0; page < pages; ++page) {
      const uint64_t at = start.value + page * kPageSize;
      while (region != all.end() && at >= region->end) {
        ++region;
        entered = false;
      }
      if (region == all.end() || at < region->start) return Err(EFAULT);
      if (write ? !region->writable : !region->readable) return Err(EFAULT);
      if (region->device == device_of_ours_) return Err(EFAULT);
      if (!entered) order = huge_order(region->path);
      entered = true;
      const auto pfn = pages_.pin(key_of(*region, at), order, source_, at);
      if (!pfn) return Err(pfn.error());
      append_run(pinned, {*pfn, 1});
    }
    return {};
  };
  if (auto done = pin_all(); !done) {
    pages_.unpin(pinned);
    return done;
  }
  for (const PfnRun& run : pinned) append_run(runs, run);
  return {};
}

Result<UserPtr> RemoteMemory::map_anonymous(const MapRequest& /*request*/) {
  return UserPtr{0};
}

Result<UserPtr> RemoteMemory::map_object(const MapRequest& request,
                                         std::shared_ptr<VmObject> object,
                                         std::shared_ptr<File> file) {
  on_mapping_(request, object, *file);
  return UserPtr{0};
}

Status RemoteMemory::unmap(UserPtr start, uint64_t length) {
  const uint64_t end = (start.value + length + kPageSize - 1) & kPageMask;
  pages_.give_up(*source_, start.value & kPageMask, end);
  return {};
}

Result<std::shared_ptr<UserMemory>> RemoteMemory::fork() {
  return Err(ENOSYS);  // a forked process is met by its own first call
}

void RemoteMemory::exit() {
  pages_.give_up(*source_, 0, UINT64_MAX);
}

bool RemoteMemory::gone() const {
  return source_->gone();
}

void RemoteMemory::cut_heap(UserPtr address) {
  for (const Region& region : regions()) {
    if (region.path == "[heap]" && address.value < region.end) {
      pages_.give_up(*source_, (address.value + kPageSize - 1) & kPageMask, region.end);
    }
  }
}

}  // namespace noiommu::scenarios::exec
