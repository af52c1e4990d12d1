#include "scenarios/exec/remote_memory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/kcmp.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <charconv>
#include <climits>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <sstream>
#include <string_view>
#include <utility>

#include "scenarios/exec/file_pages.h"

namespace noiommu::scenarios::exec {

// Stays with the memory that the process had when it was opened, whatever becomes of the process.
class RemoteMemory::Source : public PageSource {
 public:
  explicit Source(pid_t process)
      : memory_(open(fmt::format("/proc/{}/mem", living_thread(process)).c_str(),
                     O_RDWR | O_CLOEXEC)) {}

  bool load(uint64_t offset, std::span<std::byte> to) override {
    return pread(memory_.get(), to.data(), to.size(), static_cast<off_t>(offset)) ==
           static_cast<ssize_t>(to.size());
  }
  bool store(uint64_t offset, std::span<const std::byte> from) override {
    return pwrite(memory_.get(), from.data(), from.size(), static_cast<off_t>(offset)) ==
           static_cast<ssize_t>(from.size());
  }
  // Reads of a memory that nobody uses any more end at once; others fail where nothing is mapped.
  [[nodiscard]] bool gone() const override {
    std::byte byte;
    return pread(memory_.get(), &byte, 1, 0) == 0;
  }

 private:
  const OwnedFd memory_;
};

// What owns the pages, until no process has it.
class RemoteMemory::Space {
 public:
  Space(pid_t process, uint64_t number, ProgramPages& pages)
      : process_(process),
        number_(number),
        pages_(pages),
        source_(std::make_shared<Source>(process)) {}
  ~Space() { pages_.give_up(this, 0, UINT64_MAX); }
  Space(const Space&) = delete;
  Space& operator=(const Space&) = delete;

  // Whether it is what the process has now.
  [[nodiscard]] bool is_of(pid_t process, const ProgramPages& pages) const {
    return &pages == &pages_ && !source_->gone() &&
           (process == process_ || syscall(SYS_kcmp, process, process_, KCMP_VM, 0, 0) == 0);
  }
  [[nodiscard]] bool gone(pid_t process) const {
    return source_->gone() || (process != process_ && !is_of(process, pages_));
  }
  [[nodiscard]] uint64_t number() const { return number_; }
  [[nodiscard]] const std::shared_ptr<Source>& source() const { return source_; }

 private:
  const pid_t process_;  // that was met first
  const uint64_t number_;
  ProgramPages& pages_;
  const std::shared_ptr<Source> source_;
};

namespace {

// The bytes up to the end of the page.
size_t left_in_page(UserPtr at) {
  return kPageSize - at.value % kPageSize;
}

uint64_t to_page_end(uint64_t address) {
  return (address + kPageSize - 1) & kPageMask;
}

// The first number behind `key` in a file of lines; 0 where there is none.
uint64_t number_in(const std::string& path, std::string_view key) {
  std::ifstream lines(path);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(key)) return std::strtoull(line.c_str() + key.size(), nullptr, 10);
  }
  return 0;
}

// Whether a file system writes pages back to somewhere, which it must know of beforehand. Mounts of
// the kernel's own, as for shared anonymous memory, are in memory and not listed.
bool writes_back(dev_t device) {
  const std::string number = fmt::format("{}:{}", major(device), minor(device));
  std::ifstream mounts("/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream words(line);
    std::string word;
    words >> word >> word >> word;
    if (word != number) continue;
    while (words >> word && word != "-") {
    }
    words >> word;
    return word != "tmpfs" && word != "devtmpfs" && word != "ramfs" && word != "hugetlbfs";
  }
  return false;
}

// Whether each page can be faulted in: none beyond the end of a file, of a device or of the kernel.
bool can_fault_in(pid_t process, uint64_t start, uint64_t end) {
  const pid_t thread = living_thread(process);
  std::array<std::byte, IOV_MAX> bytes{};
  std::array<iovec, IOV_MAX> pages{};
  while (start < end) {
    const size_t count = std::min<uint64_t>((end - start) / kPageSize, pages.size());
    for (size_t i = 0; i < count; ++i) {
      pages[i] = {std::bit_cast<void*>(start + i * kPageSize), 1};
    }
    const iovec local{bytes.data(), count};
    if (process_vm_readv(thread, &local, 1, pages.data(), count, 0) !=
        static_cast<ssize_t>(count)) {
      return false;
    }
    start += count * kPageSize;
  }
  return true;
}

// More than the kernel would promise to a program.
bool too_much(uint64_t bytes) {
  struct sysinfo about {};
  sysinfo(&about);
  const uint64_t there = (about.totalram + about.totalswap) * about.mem_unit;
  char policy = 0;
  std::ifstream("/proc/sys/vm/overcommit_memory") >> policy;
  return bytes >= kTaskSize || (bytes > there && policy != '1');
}

}  // namespace

pid_t living_thread(pid_t process) {
  const auto lives = [](pid_t thread) {
    char byte = 0;
    return readlink(fmt::format("/proc/{}/exe", thread).c_str(), &byte, 1) >= 0;
  };
  if (lives(process)) return process;
  std::error_code none;
  for (const auto& entry :
       std::filesystem::directory_iterator(fmt::format("/proc/{}/task", process), none)) {
    const pid_t thread = std::stoi(entry.path().filename());
    if (lives(thread)) return thread;
  }
  return process;
}

std::shared_ptr<RemoteMemory::Space> RemoteMemory::space_of(pid_t process, ProgramPages& pages) {
  static std::mutex mutex;
  static std::vector<std::weak_ptr<Space>> known;
  static uint64_t last_number = 0;
  std::vector<std::shared_ptr<Space>> others;  // released without the lock
  const std::lock_guard lock(mutex);
  std::erase_if(known, [](const auto& one) { return one.expired(); });
  for (const auto& one : known) {
    auto space = one.lock();
    if (space && space->is_of(process, pages)) return space;
    others.push_back(std::move(space));
  }
  auto space = std::make_shared<Space>(process, ++last_number, pages);
  known.push_back(space);
  return space;
}

RemoteMemory::RemoteMemory(pid_t process, ProgramPages& pages, dev_t device_of_ours,
                           OnMapping on_mapping)
    : process_(process),
      pages_(pages),
      device_of_ours_(device_of_ours),
      on_mapping_(std::move(on_mapping)),
      space_(space_of(process, pages)) {}

RemoteMemory::~RemoteMemory() = default;

Status RemoteMemory::read(UserPtr from, std::span<std::byte> to) {
  auto done = read_remote(process_, from, to);
  if (!done && done.error() == Errno{ESRCH}) done = read_remote(living_thread(process_), from, to);
  return done ? Status() : Status(Err(EFAULT));
}

Status RemoteMemory::write(UserPtr to, std::span<const std::byte> from) {
  const iovec local{const_cast<std::byte*>(from.data()), from.size()};
  const iovec remote{std::bit_cast<void*>(to.value), from.size()};
  ssize_t moved = process_vm_writev(process_, &local, 1, &remote, 1, 0);
  if (moved < 0 && errno == ESRCH) {
    moved = process_vm_writev(living_thread(process_), &local, 1, &remote, 1, 0);
  }
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

std::vector<Mapping> RemoteMemory::regions(uint64_t start, uint64_t end) const {
  return mappings_of(living_thread(process_), start, end);
}

// The file that shared memory is, if it can be had: found among the descriptors of the process, or
// by its name, or as a System V segment.
std::shared_ptr<PageSource> RemoteMemory::file_of(const Mapping& region) const {
  if (!region.shared || region.inode == 0) return nullptr;
  const auto is_it = [&region](const std::string& path) {
    struct stat about {};
    return stat(path.c_str(), &about) == 0 && about.st_dev == region.device &&
           about.st_ino == region.inode;
  };
  return pages_.file(region.device, region.inode, [&]() -> std::shared_ptr<PageSource> {
    const pid_t thread = living_thread(process_);
    if (region.path.starts_with("/SYSV")) {
      return attach_segment(thread, static_cast<int>(region.inode));
    }
    const std::string named = fmt::format("/proc/{}/root{}", thread, region.path);
    if (is_it(named)) return open_file_pages(named, O_RDWR);
    std::error_code none;
    for (const auto& entry :
         std::filesystem::directory_iterator(fmt::format("/proc/{}/fd", thread), none)) {
      if (is_it(entry.path())) return open_file_pages(entry.path(), O_RDWR);
    }
    return nullptr;
  });
}

PageRange RemoteMemory::range_of(const Mapping& region, uint64_t start, uint64_t end) const {
  PageRange range{.first = {0, space_->number(), start / kPageSize},
                  .count = (end - start) / kPageSize,
                  .order = huge_order(region),
                  .owner = space_.get(),
                  .at = start,
                  .source = space_->source(),
                  .offset = start};
  if (!region.shared || region.inode == 0) return range;
  const uint64_t in_file = region.offset + (start - region.start);
  range.first = {region.device, region.inode, in_file / kPageSize};
  if (auto file = file_of(region)) {
    range.order = std::max(range.order, file->order());
    range.source = std::move(file);
    range.offset = in_file;
  }
  return range;
}

std::vector<Pfn> RemoteMemory::frames_of(const std::vector<UserPtr>& pages) {
  std::vector<Pfn> frames(pages.size());
  if (pages.empty()) return frames;
  const std::vector<Mapping> all = regions(pages.front().value, pages.back().value + kPageSize);
  auto region = all.begin();
  for (size_t i = 0; i < pages.size(); ++i) {
    const uint64_t at = pages[i].value;
    region = std::find_if(region, all.end(), [at](const Mapping& one) { return at < one.end; });
    if (region == all.end()) break;
    if (at < region->start || region->device == device_of_ours_) continue;
    const auto frame = pages_.frame_of(range_of(*region, at, at + kPageSize));
    if (frame) frames[i] = *frame;
  }
  return frames;
}

bool RemoteMemory::can_pin(const Mapping& region, uint64_t start, uint64_t end, bool write) const {
  if (write ? !region.writable : !region.readable) return false;
  if (region.device == device_of_ours_) return false;
  const bool anonymous = region.inode == 0 && (region.path.empty() || region.path == "[heap]" ||
                                               region.path == "[stack]");
  if (anonymous) return true;
  if (write && region.shared && writes_back(region.device)) return false;
  return can_fault_in(process_, start, end);
}

// Spec: iommufd.md section 10, table "Pin condition".
Status RemoteMemory::pin(UserPtr start, uint64_t pages, bool write, std::vector<PfnRun>& runs) {
  if (gone()) return Err(EFAULT);
  pages_.forget_saved(space_.get());
  const uint64_t end = start.value + pages * kPageSize;
  const std::vector<Mapping> all = regions(start.value, end);
  std::vector<PfnRun> pinned;
  const auto pin_all = [&]() -> Status {
    uint64_t at = start.value;
    for (auto region = all.begin(); at < end; ++region) {
      if (region == all.end() || at < region->start) return Err(EFAULT);
      const uint64_t here = std::min(end, region->end);
      if (!can_pin(*region, at, here, write)) return Err(EFAULT);
      if (auto done = pages_.pin(range_of(*region, at, here), pinned); !done) return done;
      at = here;
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
  if (start.value % kPageSize != 0 || length == 0 || start.value > kTaskSize ||
      length > kTaskSize - start.value) {
    return Err(EINVAL);
  }
  pages_.give_up(space_.get(), start.value, start.value + to_page_end(length));
  return {};
}

// What is moved leaves its old pages to the device.
void RemoteMemory::remap(UserPtr start, uint64_t length, uint64_t new_length, int flags,
                         UserPtr new_start) {
  const bool fixed = (flags & MREMAP_FIXED) != 0;
  const bool may_move = (flags & MREMAP_MAYMOVE) != 0;
  const bool stays_mapped = (flags & MREMAP_DONTUNMAP) != 0;
  length = to_page_end(length);
  new_length = to_page_end(new_length);
  const uint64_t end = start.value + length;
  const uint64_t grown = new_length - std::min(length, new_length);
  if (start.value % kPageSize != 0 || new_length == 0 || length > kTaskSize || too_much(grown) ||
      (flags & ~(MREMAP_FIXED | MREMAP_MAYMOVE | MREMAP_DONTUNMAP)) != 0 ||
      ((fixed || stays_mapped) && !may_move) || (stays_mapped && length != new_length)) {
    return;
  }
  const uint64_t new_end = new_start.value + new_length;
  if (fixed && (new_start.value % kPageSize != 0 || new_end > kTaskSize ||
                (new_start.value < end && start.value < new_end))) {
    return;
  }
  if (!pages_.owns(space_.get(), start.value, end) &&
      !(fixed && pages_.owns(space_.get(), new_start.value, new_end))) {
    return;
  }
  const std::vector<Mapping> all = regions(start.value, end);
  const auto region = all.begin();
  if (region == all.end() || start.value < region->start) return;
  if (fixed) pages_.give_up(space_.get(), new_start.value, new_end);
  if (fixed || stays_mapped) {
    pages_.give_up(space_.get(), start.value, end);
  } else if (new_length <= length) {
    pages_.give_up(space_.get(), start.value + new_length, end);
  } else {
    const auto next = std::next(region);
    const bool in_place = end == region->end && (next == all.end() || next->start - end >= grown);
    if (may_move && !in_place && end <= region->end) {
      pages_.give_up(space_.get(), start.value, end);
    }
  }
}

bool RemoteMemory::locked(const Mapping& region) const {
  const pid_t thread = living_thread(process_);
  if (number_in(fmt::format("/proc/{}/status", thread), "VmLck:") == 0) return false;
  std::ifstream lines(fmt::format("/proc/{}/smaps", thread));
  const std::string head = fmt::format("{:x}-{:x} ", region.start, region.end);
  bool found = false;
  for (std::string line; std::getline(lines, line);) {
    found |= line.starts_with(head);
    if (found && line.starts_with("VmFlags:")) return line.find(" lo") != std::string::npos;
  }
  return false;
}

// MADV_FREE does nothing to a pinned page, nor does MADV_DONTNEED to one that is shared.
void RemoteMemory::discard(UserPtr start, uint64_t length, int advice) {
  const uint64_t end = start.value + to_page_end(length);
  if (start.value % kPageSize != 0 || end < start.value) return;
  if (advice != MADV_DONTNEED && advice != MADV_REMOVE) return;
  if (!pages_.owns(space_.get(), start.value, end)) return;
  const bool removes = advice == MADV_REMOVE;
  for (const Mapping& region : regions(start.value, end)) {
    const uint64_t from = std::max(start.value, region.start);
    const uint64_t to = std::min(end, region.end);
    if (from >= to) continue;
    const uint64_t huge = (kPageSize << huge_order(region)) - 1;
    if ((from & huge) != 0 || locked(region)) return;
    if (removes && (!region.shared || !region.writable || region.inode == 0)) return;
    if (removes || !region.shared) pages_.give_up(space_.get(), from, to, removes);
  }
}

Result<std::shared_ptr<UserMemory>> RemoteMemory::fork() {
  return Err(ENOSYS);  // a forked process is met by its own first call
}

// Whether it does go shows when it is gone.
void RemoteMemory::exit() {
  if (!space_->source()->gone()) pages_.save(space_.get());
}

bool RemoteMemory::gone() const {
  return space_->gone(process_);
}

}  // namespace noiommu::scenarios::exec
