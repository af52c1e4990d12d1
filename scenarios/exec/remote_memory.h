// The memory of another process.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "model/kernel/user_memory.h"
#include "scenarios/exec/memory_map.h"
#include "scenarios/exec/owned_fd.h"
#include "scenarios/exec/program_pages.h"

namespace noiommu::scenarios::exec {

// Of the thread's process. A text ends with a zero byte. EFAULT, ENAMETOOLONG.
Status read_remote(pid_t thread, UserPtr from, std::span<std::byte> to);
Result<std::string> read_remote_text(pid_t thread, UserPtr from);

// A thread of the process, or of the thread's, that has memory and descriptors: the first thread
// may exit before the others do.
pid_t living_thread(pid_t process);

// The memory that a process has had since it started or last executed a program.
// Processes that share it, as after vfork, share its pages.
class RemoteMemory : public UserMemory {
 public:
  // What to do when the process is about to map part of `file`.
  using OnMapping = std::function<void(const MapRequest& request,
                                       const std::shared_ptr<VmObject>& object, const File& file)>;

  // `device_of_ours` is the file system whose mappings are device regions.
  RemoteMemory(pid_t process, ProgramPages& pages, dev_t device_of_ours, OnMapping on_mapping);
  ~RemoteMemory() override;

  Status read(UserPtr from, std::span<std::byte> to) override;
  Status write(UserPtr to, std::span<const std::byte> from) override;
  Status pin(UserPtr start, uint64_t pages, bool write, std::vector<PfnRun>& runs) override;

  // The process maps and unmaps by itself; this only hears of it.
  Result<UserPtr> map_anonymous(const MapRequest& request) override;
  Result<UserPtr> map_object(const MapRequest& request, std::shared_ptr<VmObject> object,
                             std::shared_ptr<File> file) override;
  Status unmap(UserPtr start, uint64_t length) override;
  Result<std::shared_ptr<UserMemory>> fork() override;
  void exit() override;

  // mremap and madvise are about to be done as asked. What they would refuse changes nothing.
  void remap(UserPtr start, uint64_t length, uint64_t new_length, int flags, UserPtr new_start);
  void discard(UserPtr start, uint64_t length, int advice);

  // The frames of pages in the order of their addresses, which need not be pinned; 0 for what has
  // none.
  std::vector<Pfn> frames_of(const std::vector<UserPtr>& pages);
  // Whether the process has another memory by now, or none.
  [[nodiscard]] bool gone() const;

 private:
  class Source;
  class Space;

  static std::shared_ptr<Space> space_of(pid_t process, ProgramPages& pages);
  [[nodiscard]] std::vector<Mapping> regions(uint64_t start, uint64_t end) const;
  [[nodiscard]] PageRange range_of(const Mapping& region, uint64_t start, uint64_t end) const;
  [[nodiscard]] std::shared_ptr<PageSource> file_of(const Mapping& region) const;
  [[nodiscard]] bool can_pin(const Mapping& region, uint64_t start, uint64_t end, bool write) const;
  [[nodiscard]] bool locked(const Mapping& region) const;

  const pid_t process_;
  ProgramPages& pages_;
  const dev_t device_of_ours_;
  const OnMapping on_mapping_;
  const std::shared_ptr<Space> space_;
};

}  // namespace noiommu::scenarios::exec
