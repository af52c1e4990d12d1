// An open file description: what descriptors refer to.
#pragma once

#include <fcntl.h>

#include <atomic>
#include <cstdint>
#include <memory>

#include "model/kernel/result.h"
#include "model/kernel/types.h"

namespace noiommu {

class Process;
class StateText;
class VmObject;
struct MapRequest;

// Descriptors, mappings and other kernel objects share a File by FileRef. The destructor is the
// file's release: it runs when the last reference goes, in whichever thread dropped it.
//
// Every method answers what the kernel answers for a file that lacks the operation. Thread-safety:
// the methods may be called from any thread, several at once.
class File : Unmovable {
 public:
  virtual ~File() = default;

  // `argument` is the third argument of ioctl(2): a number or a pointer, as the command has it.
  virtual Result<int64_t> ioctl(Process& process, uint32_t command, uint64_t argument);
  // `position` is the offset of pread(2), or the file position for read(2).
  virtual Result<uint64_t> read(Process& process, UserPtr to, uint64_t length, uint64_t position);
  virtual Result<uint64_t> write(Process& process, UserPtr from, uint64_t length,
                                 uint64_t position);
  // What stands behind a mapping of this file, whose first byte is at request.offset.
  virtual Result<std::shared_ptr<VmObject>> mmap(const MapRequest& request);
  // Whether pread(2) and pwrite(2) exist, which otherwise answer ESPIPE.
  [[nodiscard]] virtual bool seekable() const { return true; }

  // Whether lseek(2) moves the position, which otherwise answers ESPIPE.
  [[nodiscard]] virtual bool has_position() const { return false; }
  // Knows SEEK_SET and SEEK_CUR.
  virtual Result<uint64_t> lseek(int64_t offset, int whence);

  // Everything that later answers depend on. Nobody else may use the file meanwhile.
  virtual void describe(StateText& /*to*/) const {}

  // Set once by open(2), before any other thread can see the file.
  int open_flags = O_RDWR;
  // Where read(2) and write(2) go on, shared by all descriptors of this file.
  std::atomic<uint64_t> position = 0;
};

using FileRef = std::shared_ptr<File>;

}  // namespace noiommu
