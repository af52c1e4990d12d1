// A process of the program, as the modelled kernel sees it: credentials, limits and descriptors
// are those that the real kernel keeps for it.
#pragma once

#include <sys/types.h>

#include <memory>

#include "model/kernel/process.h"
#include "scenarios/exec/descriptor_files.h"
#include "scenarios/exec/listener.h"
#include "scenarios/exec/remote_memory.h"

namespace noiommu::scenarios::exec {

// What all processes of a program share.
struct World {
  Kernel& kernel;
  ProgramPages& pages;
  DescriptorFiles& descriptors;
  const Listener& listener;
  dev_t filesystem;      // of all files of ours
  int first_descriptor;  // of ours in any process
};

// The process of a thread.
[[nodiscard]] pid_t process_of(pid_t thread);

// The modelled file behind a descriptor of the thread's process; empty for any other.
[[nodiscard]] FileRef modelled_file(const World& world, pid_t thread, int fd);

// Thread-safety: as Process. Methods that ask for descriptors or credentials only work while a
// call of the process is under way in the calling thread.
class Client : public Process {
 public:
  Client(const World& world, pid_t process);

  // A call of a thread of this process, from here until the end of the object's life.
  class Call {
   public:
    Call(const Trap& trap, bool close_on_exec, int fd = -1, FileRef file = {});
    ~Call();
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

    const Trap& trap;
    const bool close_on_exec;  // of descriptors that the call makes
    const int fd;              // that the call is on, and
    const FileRef file;        // what is behind it
  };

  [[nodiscard]] RemoteMemory& remote() const { return *remote_; }
  [[nodiscard]] const std::shared_ptr<RemoteMemory>& shared_memory() const { return remote_; }
  [[nodiscard]] pid_t pid() const { return process_; }
  // Whether the thread belongs to this process.
  [[nodiscard]] bool has(pid_t thread) const;

  [[nodiscard]] Credentials credentials() const override;
  [[nodiscard]] bool capable(int capability) const override;
  [[nodiscard]] Result<FileRef> file(int fd) const override;
  [[nodiscard]] Status room_for_descriptor() const override;
  Result<int> install(FileRef file) override;
  // Another number for a descriptor of ours. EBADF, EMFILE.
  Result<int> duplicate(int fd);
  // The numbers of ours begin here.
  [[nodiscard]] int first_descriptor() const { return world_.first_descriptor; }
  Result<int> reserve() override;
  void fill(int fd, FileRef file) override;

 private:
  Client(const World& world, pid_t process, std::shared_ptr<RemoteMemory> memory);

  [[nodiscard]] int lowest_free() const;
  [[nodiscard]] uint64_t most_descriptors() const;
  Result<int> hand_out(const FileRef& file);
  Result<int> hand_over(const OwnedFd& ours);

  const World world_;
  const pid_t process_;
  const std::shared_ptr<RemoteMemory> remote_;
};

}  // namespace noiommu::scenarios::exec
