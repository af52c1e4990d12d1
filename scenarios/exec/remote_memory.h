// The memory of another process.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>

#include "model/kernel/user_memory.h"
#include "scenarios/exec/owned_fd.h"
#include "scenarios/exec/program_pages.h"

namespace noiommu::scenarios::exec {

// Of the thread's process. A text ends with a zero byte. EFAULT, ENAMETOOLONG.
Status read_remote(pid_t thread, UserPtr from, std::span<std::byte> to);
Result<std::string> read_remote_text(pid_t thread, UserPtr from);

// The memory that a process has had since it started or last executed a program.
class RemoteMemory : public UserMemory, public std::enable_shared_from_this<RemoteMemory> {
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

  // The frame of the page at `start`, which need not be pinned. EFAULT, ENOMEM.
  Result<Pfn> frame_of(UserPtr start);
  // Whether the process has another memory by now, or none.
  [[nodiscard]] bool gone() const;
  // The heap shrinks to end at `address`.
  void cut_heap(UserPtr address);

 private:
  class Source;
  struct Region;

  [[nodiscard]] std::vector<Region> regions() const;
  [[nodiscard]] PageKey key_of(const Region& region, uint64_t address) const;

  const pid_t process_;
  const uint64_t number_;
  ProgramPages& pages_;
  const dev_t device_of_ours_;
  const OnMapping on_mapping_;
  const std::shared_ptr<Source> source_;
};

}  // namespace noiommu::scenarios::exec
