#include "scenarios/backends/host/host_session.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/mman.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <ctime>
#include <utility>

#include "scenarios/backends/host/guarded_memory.h"
#include "scenarios/backends/host/mappings.h"
#include "scenarios/backends/host/process_state.h"
#include "uapi/vfio.h"

namespace noiommu::scenarios::host {
namespace {

constexpr uint64_t kPage = 4096;
constexpr uint64_t kHuge = uint64_t{2} << 20;
constexpr int kReadAll = 3;      // syslog(2), SYSLOG_ACTION_READ_ALL
constexpr int kBufferSize = 10;  // SYSLOG_ACTION_SIZE_BUFFER

// Addresses are numbers to scenarios. The kernel, not this program, looks at what lies there.
void* pointer(uint64_t address) {
  return reinterpret_cast<void*>(address);  // NOLINT(performance-no-int-to-ptr)
}

// "0, or -1 and errno" and its kin.
template <class Number>
Result<Number> answer(Number result) {
  if (result < 0) return Err(errno);
  return result;
}

Result<uint64_t> count(ssize_t result) {
  if (result < 0) return Err(errno);
  return static_cast<uint64_t>(result);
}

Status done(int result) {
  if (result < 0) return Err(errno);
  return {};
}

std::vector<std::string> kernel_log() {
  const int size = klogctl(kBufferSize, nullptr, 0);
  if (size <= 0) return {};
  std::string text(static_cast<size_t>(size), '\0');
  const int got = klogctl(kReadAll, text.data(), size);
  if (got <= 0) return {};
  text.resize(static_cast<size_t>(got));
  std::vector<std::string> lines;
  for (size_t start = 0; start < text.size();) {
    const size_t end = std::min(text.find('\n', start), text.size());
    lines.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return lines;
}

class HostSession : public Session {
 public:
  HostSession(Files files, DeviceMap map)
      : files_(std::move(files)), map_(std::move(map)), translates_(!map_.identity()) {
    const auto log = kernel_log();
    if (!log.empty()) last_line_before_ = log.back();
  }
  ~HostSession() override {
    if (scratch_ != 0) ::munmap(pointer(scratch_), scratch_size_ + kPage);
  }
  HostSession(const HostSession&) = delete;
  HostSession& operator=(const HostSession&) = delete;

  Result<int> open(const std::string& path, int flags) override {
    return answer(::open(real(path).c_str(), flags));
  }
  Status close(int fd) override { return done(::close(fd)); }
  Result<int> dup(int fd) override { return answer(::dup(fd)); }
  Result<int> eventfd() override { return answer(::eventfd(0, EFD_NONBLOCK)); }

  Result<int64_t> ioctl(int fd, uint32_t command, uint64_t argument) override;
  Result<uint64_t> read(int fd, uint64_t address, uint64_t length) override;
  Result<uint64_t> write(int fd, uint64_t address, uint64_t length) override;
  Result<uint64_t> pread(int fd, uint64_t address, uint64_t length, uint64_t offset) override {
    return count(::pread(fd, pointer(address), length, static_cast<off_t>(offset)));
  }
  Result<uint64_t> pwrite(int fd, uint64_t address, uint64_t length, uint64_t offset) override {
    return count(::pwrite(fd, pointer(address), length, static_cast<off_t>(offset)));
  }

  Result<NewMemory> mmap(uint64_t length, Backing backing, bool touch) override;
  Result<uint64_t> mmap_file(int fd, uint64_t offset, uint64_t length) override {
    return mappings_.map(length, kPage, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
  }
  Status munmap(uint64_t address, uint64_t length) override {
    return mappings_.unmap(address, length);
  }

  uint64_t scratch(uint64_t length) override;
  Status poke(uint64_t address, std::span<const std::byte> bytes) override {
    return memory_.store(address, bytes);
  }
  Status peek(uint64_t address, std::span<std::byte> bytes) override {
    return memory_.load(address, bytes);
  }

  Result<FileStat> stat(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& path) override;
  Result<std::string> readlink(const std::string& path) override;

  Status set_capability(int capability, bool effective) override {
    return set_effective(capability, effective);
  }
  Status set_memlock(uint64_t bytes) override { return host::set_memlock(bytes); }
  void sleep(uint64_t milliseconds) override;
  std::vector<std::string> log_tail(size_t lines) override;

 private:
  [[nodiscard]] std::string real(const std::string& path) const {
    return files_.real(translates_ ? map_.real_path(path) : path);
  }
  // The text at an address, up to `length` bytes. Nothing when not all of it can be read.
  [[nodiscard]] std::optional<std::string> text_at(uint64_t address, uint64_t length) const;

  Files files_;
  DeviceMap map_;
  bool translates_;
  GuardedMemory memory_;
  Mappings mappings_;
  uint64_t scratch_ = 0;
  uint64_t scratch_size_ = 0;
  std::string last_line_before_;  // of the kernel log, when this session began
};

std::optional<std::string> HostSession::text_at(uint64_t address, uint64_t length) const {
  std::string text(length, '\0');
  if (!memory_.load(address, std::as_writable_bytes(std::span(text)))) return std::nullopt;
  return text;
}

Result<int64_t> HostSession::ioctl(int fd, uint32_t command, uint64_t argument) {
  std::string name;
  if (translates_ && command == VFIO_GROUP_GET_DEVICE_FD) {
    // A name is in scratch memory, or the scenario passes something that is none.
    for (char c = 0; name.size() < kPage; name += c) {
      const auto at = std::as_writable_bytes(std::span(&c, 1));
      if (!memory_.load(argument + name.size(), at) || c == '\0') break;
    }
    const std::string here = map_.real_text(name);
    if (here != name) {
      name = here;
      argument = reinterpret_cast<uint64_t>(name.c_str());
    }
  }
  return answer<int64_t>(::ioctl(fd, command, argument));
}

Result<uint64_t> HostSession::read(int fd, uint64_t address, uint64_t length) {
  const auto got = count(::read(fd, pointer(address), length));
  if (!got || !translates_) return got;
  const auto text = text_at(address, *got);
  if (!text) return got;
  const std::string translated = map_.scenario_text(*text);  // as long as before
  if (translated != *text) {
    static_cast<void>(memory_.store(address, std::as_bytes(std::span(translated))));
  }
  return got;
}

Result<uint64_t> HostSession::write(int fd, uint64_t address, uint64_t length) {
  const auto text = translates_ ? text_at(address, length) : std::nullopt;
  if (!text) return count(::write(fd, pointer(address), length));
  const std::string here = map_.real_text(*text);
  return count(::write(fd, here.data(), here.size()));
}

Result<NewMemory> HostSession::mmap(uint64_t length, Backing backing, bool touch) {
  int protection = PROT_READ | PROT_WRITE;
  int flags = MAP_PRIVATE | MAP_ANONYMOUS;
  // Where a mapping could hold huge pages the kernel aligns it to them.
  uint64_t alignment = length >= kHuge ? kHuge : kPage;
  NewMemory memory;
  switch (backing) {
    case Backing::kAnon:
      break;
    case Backing::kShared:
      flags = MAP_SHARED | MAP_ANONYMOUS;
      break;
    case Backing::kHuge:
      flags |= MAP_HUGETLB | MAP_HUGE_2MB;
      alignment = kHuge;
      break;
    case Backing::kReadOnly:
      protection = PROT_READ;
      break;
    case Backing::kNone:
      protection = PROT_NONE;
      break;
    case Backing::kMemfd:
      flags = MAP_SHARED;
      alignment = kPage;
      memory.fd = memfd_create("scenario", 0);
      if (memory.fd < 0) return Err(errno);
      static_cast<void>(ftruncate(memory.fd, static_cast<off_t>(length)));
      break;
  }
  const auto mapped = mappings_.map(length, alignment, protection, flags, memory.fd, 0);
  if (!mapped) {
    if (memory.fd >= 0) ::close(memory.fd);
    if (backing == Backing::kHuge && mapped.error() == Errno{ENOMEM}) {
      throw Unmet("not enough free huge pages of 2 MiB");
    }
    return Err(mapped.error());
  }
  memory.address = *mapped;
  constexpr std::byte kOne{1};
  for (uint64_t at = 0; touch && at < length; at += kPage) {
    if (auto stored = poke(memory.address + at, std::span(&kOne, 1)); !stored) {
      return Err(stored.error());
    }
  }
  return memory;
}

// A page without access follows: a call that is passed more than there is ends there.
uint64_t HostSession::scratch(uint64_t length) {
  if (length > scratch_size_) {
    if (scratch_ != 0) ::munmap(pointer(scratch_), scratch_size_ + kPage);
    scratch_size_ = std::max(64 * kPage, (length + kPage - 1) & ~(kPage - 1));
    void* const mapped = ::mmap(nullptr, scratch_size_ + kPage, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) throw std::runtime_error("no memory left for arguments");
    scratch_ = reinterpret_cast<uint64_t>(mapped);
    ::mprotect(pointer(scratch_ + scratch_size_), kPage, PROT_NONE);
  }
  const std::vector<std::byte> zeros(length);
  static_cast<void>(poke(scratch_, zeros));
  return scratch_;
}

Result<FileStat> HostSession::stat(const std::string& path) {
  struct stat found {};
  if (::lstat(real(path).c_str(), &found) != 0) return Err(errno);
  FileStat stat{FileStat::Type::kFile, found.st_mode & 07777};
  if (S_ISCHR(found.st_mode)) stat.type = FileStat::Type::kChar;
  if (S_ISDIR(found.st_mode)) stat.type = FileStat::Type::kDir;
  if (S_ISLNK(found.st_mode)) stat.type = FileStat::Type::kLink;
  return stat;
}

Result<std::vector<std::string>> HostSession::list(const std::string& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(opendir(real(path).c_str()), closedir);
  if (!folder) return Err(errno);
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(folder.get())) {
    const std::string name = static_cast<const char*>(entry->d_name);
    if (name != "." && name != "..") names.push_back(name);
  }
  return translates_ ? map_.scenario_names(path, names) : names;
}

Result<std::string> HostSession::readlink(const std::string& path) {
  std::array<char, PATH_MAX> target{};
  const ssize_t length = ::readlink(real(path).c_str(), target.data(), target.size());
  if (length < 0) return Err(errno);
  std::string text(target.data(), static_cast<size_t>(length));
  return translates_ ? map_.scenario_path(text) : text;
}

void HostSession::sleep(uint64_t milliseconds) {
  timespec rest{static_cast<time_t>(milliseconds / 1000),
                static_cast<long>(milliseconds % 1000 * 1'000'000)};
  while (nanosleep(&rest, &rest) != 0 && errno == EINTR) {
  }
}

std::vector<std::string> HostSession::log_tail(size_t lines) {
  std::vector<std::string> log = kernel_log();
  const auto before = std::find(log.rbegin(), log.rend(), last_line_before_);
  log.erase(log.begin(), before.base());
  if (log.size() > lines) log.erase(log.begin(), log.end() - static_cast<std::ptrdiff_t>(lines));
  return log;
}

}  // namespace

std::unique_ptr<Session> make_host_session(Files files, DeviceMap map) {
  return std::make_unique<HostSession>(std::move(files), std::move(map));
}

}  // namespace noiommu::scenarios::host
