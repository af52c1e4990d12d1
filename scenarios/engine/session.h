// The small interface between the scenario engine and whatever answers its system calls.
//
// A Session is one process on one kernel: every method is one system call (or one access to the
// process's own memory), and answers what that call answers. The model implements it today; real
// device nodes fit behind it because nothing here is richer than a system call. Addresses are the
// process's: the engine marshals an argument by asking for scratch memory, poking bytes into it
// and passing its address, so that marshalling exists once for every back end.
//
// Thread-safety: a Session belongs to one thread. Sessions of one Backend may run concurrently.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "model/kernel/result.h"

namespace noiommu::scenarios {

struct Scenario;

// What memory `mmap` asks for. Spec: scenario-format.md, step `mmap`.
enum class Backing { kAnon, kShared, kHuge, kMemfd, kReadOnly, kNone };

struct FileStat {
  enum class Type { kChar, kDir, kFile, kLink };
  Type type = Type::kFile;
  uint32_t mode = 0;  // permission bits only
};

// A call that can never return, because it waits for something that only this process could do.
// Thrown by any method of Session, which is of no use from then on.
struct Blocked : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// What only a try can show: this machine lacks what the scenario needs, e.g. a free huge page. The
// scenario is skipped with this reason. Thrown by Backend::start() and any method of Session.
struct Unmet : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct NewMemory {
  uint64_t address = 0;
  int fd = -1;  // the memfd for Backing::kMemfd, otherwise -1
};

class Session {
 public:
  virtual ~Session() = default;

  virtual Result<int> open(const std::string& path, int flags) = 0;  // flags: O_RDWR, ...
  virtual Status close(int fd) = 0;
  virtual Result<int> dup(int fd) = 0;
  virtual Result<int> eventfd() = 0;  // non-blocking, counter 0
  // The value is the call's own return value, which is 0 or positive.
  virtual Result<int64_t> ioctl(int fd, uint32_t command, uint64_t argument) = 0;
  virtual Result<uint64_t> read(int fd, uint64_t address, uint64_t length) = 0;
  virtual Result<uint64_t> write(int fd, uint64_t address, uint64_t length) = 0;
  virtual Result<uint64_t> pread(int fd, uint64_t address, uint64_t length, uint64_t offset) = 0;
  virtual Result<uint64_t> pwrite(int fd, uint64_t address, uint64_t length, uint64_t offset) = 0;

  virtual Result<NewMemory> mmap(uint64_t length, Backing backing, bool touch) = 0;
  virtual Result<uint64_t> mmap_file(int fd, uint64_t offset, uint64_t length) = 0;  // MAP_SHARED
  virtual Status munmap(uint64_t address, uint64_t length) = 0;

  // `length` zeroed bytes of the process's memory, valid until the next call of scratch().
  virtual uint64_t scratch(uint64_t length) = 0;
  // The process's own loads and stores. EFAULT where the process would get a signal.
  virtual Status poke(uint64_t address, std::span<const std::byte> bytes) = 0;
  virtual Status peek(uint64_t address, std::span<std::byte> bytes) = 0;

  virtual Result<FileStat> stat(const std::string& path) = 0;
  virtual Result<std::vector<std::string>> list(const std::string& path) = 0;  // unsorted
  virtual Result<std::string> readlink(const std::string& path) = 0;           // whole target

  virtual Status set_capability(int capability, bool effective) = 0;  // number, e.g. 17
  virtual Status set_memlock(uint64_t bytes) = 0;  // RLIMIT_MEMLOCK; all ones: unlimited
  virtual void sleep(uint64_t milliseconds) = 0;   // device time passes

  // The newest lines of the kernel log, oldest first. Empty where it cannot be read.
  virtual std::vector<std::string> log_tail(size_t lines) = 0;
};

class Backend {
 public:
  virtual ~Backend() = default;
  [[nodiscard]] virtual std::string name() const = 0;
  // Why this scenario cannot run here, or nothing when it can. Such a scenario is skipped.
  [[nodiscard]] virtual std::optional<std::string> unmet(const Scenario& scenario) const = 0;
  // A fresh process in the state that the scenario's `kernel`, `devices` and `process` keys
  // describe. Only for scenarios for which unmet() answered nothing.
  [[nodiscard]] virtual std::unique_ptr<Session> start(const Scenario& scenario) const = 0;
};

}  // namespace noiommu::scenarios
