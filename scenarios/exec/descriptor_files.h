// The files that stand for modelled ones in the programs' descriptor tables. Each open file has an
// inode of its own, by which it is known through dup, fork, exec and sockets.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "model/kernel/file.h"
#include "model/kernel/user_memory.h"
#include "scenarios/exec/bar_mirror.h"
#include "scenarios/exec/owned_fd.h"

namespace noiommu::scenarios::exec {

// Thread-safety: all methods may be called from any thread.
class DescriptorFiles {
 public:
  // In the folder `folder` of the file system `filesystem`. Throws SetupError.
  DescriptorFiles(int filesystem, const std::string& folder);

  // A descriptor of ours to be handed out and then closed. `file` may be empty at first, as that of
  // a queue is, which can be waited for like a pipe that nobody writes to. ENFILE.
  Result<OwnedFd> create(const FileRef& file);
  // The descriptor was handed out before what it stands for was there.
  void fill(ino_t inode, const FileRef& file);
  // Empty where the inode stands for nothing.
  [[nodiscard]] FileRef find(ino_t inode) const;
  // Lets the file at `path`, which stands for `file`, show `object` where the program is about to
  // map it.
  void mirror(const File& file, const std::string& path, uint64_t offset, uint64_t length,
              const std::shared_ptr<VmObject>& object);

  // Releases the files that no program has open any more.
  void release_closed();
  // Moves stores to mapped device registers on to the devices, and back what they read as.
  // Answers when to do so again: soon where something has been stored lately, never where there are
  // none.
  std::optional<std::chrono::nanoseconds> update_mirrors();

  [[nodiscard]] int events_fd() const { return events_.get(); }
  [[nodiscard]] size_t open_files() const;
  [[nodiscard]] std::vector<FileRef> files() const;
  // What is still open at the end goes.
  void release_all();

 private:
  using Clock = std::chrono::steady_clock;

  struct Entry {
    FileRef file;
    OwnedFd ours;  // what the mirrors look through
    std::vector<std::unique_ptr<BarMirror>> mirrors;
  };

  Result<OwnedFd> make(const FileRef& file);
  void read_events(std::vector<Entry>& closed);
  void take(ino_t inode, std::vector<Entry>& closed);
  void take_lost(std::vector<Entry>& closed);

  OwnedFd folder_;
  OwnedFd events_;
  mutable std::mutex mutex_;  // guards all below; not held while a file is released
  std::map<ino_t, Entry> entries_;
  std::map<int, ino_t> watched_;  // by watch
  Clock::time_point stored_;      // to a mirrored register, or at first
  std::mutex reading_;            // one reader of events at a time: in their order
};

}  // namespace noiommu::scenarios::exec
