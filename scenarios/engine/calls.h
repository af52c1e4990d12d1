// The system calls of a running scenario: passed on to the Session, written into the trace, and
// with a book of the descriptors that are open.
//
// Thread-safety: belongs to one thread, as its Session does.
#pragma once

#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "scenarios/engine/ioctl_argument.h"
#include "scenarios/engine/session.h"

namespace noiommu::scenarios {

// Errors of all methods: what the Session answers. Lengths and offsets are bytes.
class Calls {
 public:
  explicit Calls(Session& session) : session_(session) {}

  Result<uint64_t> open(const std::string& path, int flags);
  Result<uint64_t> close(int fd);
  Result<uint64_t> dup(int fd);
  Result<uint64_t> eventfd();

  Result<uint64_t> ioctl(int fd, const IoctlCommand& command, uint64_t argument);
  Result<uint64_t> ioctl(int fd, const IoctlCommand& command, const std::string& argument);
  // `argument` holds afterwards what the process reads there.
  Result<uint64_t> ioctl(int fd, const IoctlCommand& command, IoctlArgumentMemory& argument);
  // A call has answered this new descriptor.
  void opened(int fd) { open_.insert(fd); }

  // `bytes` receives what was read.
  Result<uint64_t> read(int fd, uint64_t length, Bytes& bytes);
  Result<uint64_t> pread(int fd, uint64_t length, uint64_t offset, Bytes& bytes);
  Result<uint64_t> write(int fd, std::string_view text);
  Result<uint64_t> pwrite(int fd, std::span<const std::byte> bytes, uint64_t offset);

  // `memfd` receives the descriptor of Backing::kMemfd.
  Result<uint64_t> mmap(uint64_t length, Backing backing, bool touch, int& memfd);
  Result<uint64_t> mmap_file(int fd, uint64_t offset, uint64_t length);
  Result<uint64_t> munmap(uint64_t address, uint64_t length);
  Result<uint64_t> poke(uint64_t address, std::span<const std::byte> bytes);
  Result<uint64_t> peek(uint64_t address, uint64_t length, Bytes& bytes);

  Result<FileStat> stat(const std::string& path);
  Result<std::vector<std::string>> list(const std::string& path);  // sorted
  Result<std::string> readlink(const std::string& path);

  Result<uint64_t> set_capability(int capability, bool effective);
  Result<uint64_t> set_memlock(uint64_t bytes);
  Result<uint64_t> sleep(uint64_t milliseconds);

  // What the end of a process does: closes what is open, in the order of the numbers.
  void close_all();

  [[nodiscard]] const std::vector<std::string>& trace() const { return trace_; }

 private:
  Result<uint64_t> record(std::string_view call, const Result<uint64_t>& result,
                          std::string_view changes = {});
  Result<uint64_t> record_new_descriptor(std::string_view call, const Result<int>& result);
  // Memory of the process for a transfer. Beyond what a program would plausibly offer, `length` is
  // passed on but no memory stands behind all of it.
  uint64_t transfer_buffer(uint64_t length, Bytes& bytes);
  // What arrived in the buffer of a read that answered `result`.
  void fetch(uint64_t address, const Result<uint64_t>& result, Bytes& bytes);

  Session& session_;
  std::set<int> open_;
  std::vector<std::string> trace_;
};

}  // namespace noiommu::scenarios
