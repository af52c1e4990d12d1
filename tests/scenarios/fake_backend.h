// A process without a kernel behind it, for tests of the engine: memory of its own, descriptors
// with the lowest free number, a few files, and ioctls that a test supplies.
#pragma once

#include <algorithm>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "scenarios/engine/scenario.h"
#include "scenarios/engine/session.h"

namespace noiommu::scenarios {

class FakeSession : public Session {
 public:
  using Ioctl = std::function<Result<int64_t>(FakeSession& session, int fd, uint64_t argument)>;

  // What the test sets up.
  std::map<std::string, std::string> files{{"/dev/iommu", ""}, {"/dev/vfio/vfio", ""}};
  std::map<std::string, std::vector<std::string>> folders;
  std::map<std::string, std::string> links;
  std::map<std::string, FileStat> stats;
  std::map<uint32_t, Ioctl> ioctls;  // by command number
  std::vector<std::string> log;
  uint64_t event_count = 0;
  bool close_blocks = false;

  // What the test looks at.
  std::vector<int> closed;
  std::map<int, bool> capabilities;
  uint64_t memlock = 0;
  uint64_t slept = 0;

  Result<int> open(const std::string& path, int /*flags*/) override {
    if (!files.contains(path)) return Err(ENOENT);
    return new_descriptor(path);
  }
  Status close(int fd) override {
    if (close_blocks) throw Blocked("close");
    if (open_.erase(fd) == 0) return Err(EBADF);
    closed.push_back(fd);
    return {};
  }
  Result<int> dup(int fd) override {
    if (!open_.contains(fd)) return Err(EBADF);
    return new_descriptor(open_.at(fd).path);
  }
  Result<int> eventfd() override { return new_descriptor("eventfd"); }

  Result<int64_t> ioctl(int fd, uint32_t command, uint64_t argument) override {
    if (!open_.contains(fd)) return Err(EBADF);
    if (!ioctls.contains(command)) return Err(ENOTTY);
    return ioctls.at(command)(*this, fd, argument);
  }

  Result<uint64_t> read(int fd, uint64_t address, uint64_t length) override {
    if (!open_.contains(fd)) return Err(EBADF);
    Descriptor& file = open_.at(fd);
    if (file.path == "eventfd") {
      if (event_count == 0) return Err(EAGAIN);
      store(address, std::exchange(event_count, 0));
      return sizeof(uint64_t);
    }
    const std::string rest = files[file.path].substr(file.position).substr(0, length);
    file.position += rest.size();
    if (!poke(address, std::as_bytes(std::span(rest)))) return Err(EFAULT);
    return rest.size();
  }
  Result<uint64_t> write(int fd, uint64_t address, uint64_t length) override {
    if (!open_.contains(fd)) return Err(EBADF);
    std::string text(length, '\0');
    if (!peek(address, std::as_writable_bytes(std::span(text)))) return Err(EFAULT);
    if (text == "refused") return Err(EINVAL);
    files[open_.at(fd).path] = text;
    return length;
  }
  // A device of 8 bytes: 00 01 02 ... 07.
  Result<uint64_t> pread(int fd, uint64_t address, uint64_t length, uint64_t offset) override {
    if (!open_.contains(fd)) return Err(EBADF);
    if (offset >= registers_.size()) return Err(EINVAL);
    const uint64_t count = std::min<uint64_t>(length, registers_.size() - offset);
    if (!poke(address, std::span(registers_).subspan(offset, count))) return Err(EFAULT);
    return count;
  }
  Result<uint64_t> pwrite(int fd, uint64_t address, uint64_t length, uint64_t offset) override {
    if (!open_.contains(fd)) return Err(EBADF);
    if (offset + length > registers_.size()) return Err(EINVAL);
    if (!peek(address, std::span(registers_).subspan(offset, length))) return Err(EFAULT);
    return length;
  }

  Result<NewMemory> mmap(uint64_t length, Backing backing, bool /*touch*/) override {
    if (length == 0) return Err(EINVAL);
    const int fd = backing == Backing::kMemfd ? new_descriptor("memfd") : -1;
    return NewMemory{new_memory(length), fd};
  }
  Result<uint64_t> mmap_file(int fd, uint64_t /*offset*/, uint64_t length) override {
    if (!open_.contains(fd)) return Err(EBADF);
    return new_memory(length);
  }
  Status munmap(uint64_t address, uint64_t /*length*/) override {
    if (memory_.erase(address) == 0) return Err(EINVAL);
    return {};
  }
  uint64_t scratch(uint64_t length) override {
    memory_.erase(scratch_);
    scratch_ = new_memory(length);
    return scratch_;
  }
  Status poke(uint64_t address, std::span<const std::byte> bytes) override {
    const auto target = range(address, bytes.size());
    if (!target) return Err(EFAULT);
    std::ranges::copy(bytes, target->begin());
    return {};
  }
  Status peek(uint64_t address, std::span<std::byte> bytes) override {
    const auto source = range(address, bytes.size());
    if (!source) return Err(EFAULT);
    std::ranges::copy(*source, bytes.begin());
    return {};
  }

  Result<FileStat> stat(const std::string& path) override {
    if (!stats.contains(path)) return Err(ENOENT);
    return stats.at(path);
  }
  Result<std::vector<std::string>> list(const std::string& path) override {
    if (!folders.contains(path)) return Err(ENOENT);
    return folders.at(path);
  }
  Result<std::string> readlink(const std::string& path) override {
    if (!links.contains(path)) return Err(EINVAL);
    return links.at(path);
  }

  Status set_capability(int capability, bool effective) override {
    capabilities[capability] = effective;
    return {};
  }
  Status set_memlock(uint64_t bytes) override {
    memlock = bytes;
    return {};
  }
  void sleep(uint64_t milliseconds) override { slept += milliseconds; }
  std::vector<std::string> log_tail(size_t /*lines*/) override { return log; }

  // For the ioctls of a test: loads and stores of whole objects, which must succeed.
  template <class T>
  T load(uint64_t address) {
    T object{};
    if (!peek(address, std::as_writable_bytes(std::span(&object, 1)))) std::abort();
    return object;
  }
  template <class T>
  void store(uint64_t address, const T& object) {
    if (!poke(address, std::as_bytes(std::span(&object, 1)))) std::abort();
  }
  int new_descriptor(const std::string& path) {
    int fd = 3;  // 0 to 2 are the terminal
    while (open_.contains(fd)) ++fd;
    open_[fd] = {path, 0};
    return fd;
  }

 private:
  struct Descriptor {
    std::string path;
    size_t position = 0;
  };

  uint64_t new_memory(uint64_t length) {
    const uint64_t address = next_address_;
    next_address_ += (length + 0xfff) / 0x1000 * 0x1000 + 0x1000;  // and a hole
    memory_[address].resize(length);
    return address;
  }
  std::optional<std::span<std::byte>> range(uint64_t address, uint64_t length) {
    const auto above = memory_.upper_bound(address);
    if (above == memory_.begin()) return std::nullopt;
    auto& [start, bytes] = *std::prev(above);
    const uint64_t offset = address - start;
    if (offset > bytes.size() || length > bytes.size() - offset) return std::nullopt;
    return std::span(bytes).subspan(offset, length);
  }

  std::map<int, Descriptor> open_;
  std::map<uint64_t, std::vector<std::byte>> memory_;
  uint64_t next_address_ = 0x7f0000000000;
  uint64_t scratch_ = 0;
  std::vector<std::byte> registers_{std::byte{0}, std::byte{1}, std::byte{2}, std::byte{3},
                                    std::byte{4}, std::byte{5}, std::byte{6}, std::byte{7}};
};

class FakeBackend : public Backend {
 public:
  std::function<void(FakeSession&)> prepare;                                // each new process
  std::function<std::optional<std::string>(const Scenario&)> why_not = {};  // answers unmet()

  [[nodiscard]] std::string name() const override { return "fake"; }
  [[nodiscard]] std::optional<std::string> unmet(const Scenario& scenario) const override {
    return why_not ? why_not(scenario) : std::nullopt;
  }
  [[nodiscard]] std::unique_ptr<Session> start(const Scenario& /*scenario*/) const override {
    auto session = std::make_unique<FakeSession>();
    if (prepare) prepare(*session);
    return session;
  }
};

}  // namespace noiommu::scenarios
