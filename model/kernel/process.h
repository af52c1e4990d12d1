// A process: credentials, limits, descriptors and an address space; its methods are system calls.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "model/kernel/credentials.h"
#include "model/kernel/file.h"
#include "model/kernel/kref.h"
#include "model/kernel/node_tree.h"
#include "model/kernel/result.h"
#include "model/kernel/rw_semaphore.h"
#include "model/kernel/types.h"
#include "model/kernel/user_memory.h"

namespace noiommu {

class Kernel;

inline constexpr uint64_t kUnlimited = UINT64_MAX;  // RLIM_INFINITY

// A user of the machine, whose locked pages count together over all processes. In pages.
struct User {
  std::atomic<uint64_t> locked_vm = 0;
};

// The part of a process that pinned memory goes on referring to after the process has exited.
struct Task : Kref {
  std::string comm = "scenario";
  int pid = 1;
  std::shared_ptr<UserMemory> memory;
  std::shared_ptr<User> user;
  std::atomic<uint64_t> memlock = kUnlimited;  // RLIMIT_MEMLOCK, in bytes
};

// Calls answer what the system call of that name answers; addresses are the process's own.
//
// Thread-safety: all methods may be called from any thread, as threads of one process would.
class Process : Unmovable {
 public:
  // Descriptors 0, 1 and 2 are open on /dev/null.
  Process(Kernel& kernel, std::shared_ptr<UserMemory> memory, Credentials credentials);
  // Exit: the mappings go first, then the descriptors in order of their numbers.
  virtual ~Process();

  Result<int> open(std::string_view path, int flags);
  Status close(int fd);
  Result<int> dup(int fd);
  Result<int> eventfd(uint64_t initial = 0);
  Result<int64_t> ioctl(int fd, uint32_t command, uint64_t argument);
  Result<uint64_t> read(int fd, UserPtr to, uint64_t length);
  Result<uint64_t> write(int fd, UserPtr from, uint64_t length);
  Result<uint64_t> pread(int fd, UserPtr to, uint64_t length, uint64_t offset);
  Result<uint64_t> pwrite(int fd, UserPtr from, uint64_t length, uint64_t offset);
  // EINVAL for a `whence` that the file does not know, and for a place before the start.
  Result<uint64_t> lseek(int fd, int64_t offset, int whence);
  // `fd` is ignored for MAP_ANONYMOUS. The kernel always chooses the address.
  Result<UserPtr> mmap(const MapRequest& request, int fd = -1);
  Status munmap(UserPtr start, uint64_t length);
  [[nodiscard]] Result<NodeStat> stat(std::string_view path) const;
  [[nodiscard]] Result<std::vector<std::string>> list(std::string_view path) const;
  [[nodiscard]] Result<std::string> readlink(std::string_view path) const;
  // The child shares every open file, and memory by the rules of its mappings. ENOMEM.
  Result<std::unique_ptr<Process>> fork();

  // RLIMIT_MEMLOCK in bytes and RLIMIT_NOFILE in descriptors.
  void set_memlock(uint64_t bytes) { task_->memlock = bytes; }
  void set_nofile(uint32_t descriptors);
  void set_capability(int capability, bool effective);

  // For the kernel's own use.
  [[nodiscard]] Kernel& kernel() const { return kernel_; }
  [[nodiscard]] UserMemory& memory() const { return *task_->memory; }
  [[nodiscard]] const KrefPtr<Task>& task() const { return task_; }
  // Virtual is what a process whose credentials and descriptors are kept elsewhere does otherwise.
  [[nodiscard]] virtual Credentials credentials() const;
  [[nodiscard]] virtual bool capable(int capability) const;
  // The file of a descriptor, or EBADF.
  [[nodiscard]] virtual Result<FileRef> file(int fd) const;
  // Whether there could be one more descriptor. EMFILE.
  [[nodiscard]] virtual Status room_for_descriptor() const;
  // All of them, by descriptor; empty where closed.
  [[nodiscard]] std::vector<FileRef> files() const;
  // A new descriptor for `file`, the lowest free one. EMFILE.
  virtual Result<int> install(FileRef file);
  // The same in two steps, for a call that tells the number before anybody may use it: a reserved
  // descriptor is taken, but not open, until it is filled or given back with nothing.
  virtual Result<int> reserve();
  virtual void fill(int fd, FileRef file);

 private:
  [[nodiscard]] size_t lowest_free() const;  // descriptor; mutex_ held
  [[nodiscard]] bool is_open(int fd) const;  // mutex_ held

  Kernel& kernel_;
  KrefPtr<Task> task_;
  const uint32_t uid_;
  std::atomic<uint64_t> effective_;  // capabilities, a bit each
  mutable PercpuRwSemaphore mutex_;  // guards everything below
  uint32_t nofile_ = 1024;
  // By descriptor: empty where closed, reserved_ where only the number is taken.
  std::vector<FileRef> files_;
  const FileRef reserved_ = std::make_shared<File>();
};

}  // namespace noiommu
