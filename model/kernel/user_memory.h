// A process's address space as system calls see it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <type_traits>
#include <vector>

#include "model/kernel/result.h"
#include "model/kernel/types.h"

namespace noiommu {

class File;

// User addresses lie below.
inline constexpr uint64_t kTaskSize = 0x7ffffffff000;

// Appends `run` to `runs`, or to the last of them where it follows on that one.
inline void append_run(std::vector<PfnRun>& runs, const PfnRun& run) {
  if (!runs.empty() && runs.back().first + runs.back().count == run.first) {
    runs.back().count += run.count;
  } else {
    runs.push_back(run);
  }
}

// A place whose loads and stores a device notices.
struct DeviceRegister {
  uint64_t offset = 0;  // bytes
  unsigned width = 4;   // bytes, of the widest access
};

// What stands behind a mapping: pages of memory, or a device region.
//
// Offsets and indexes count from the start of the object. Thread-safety: all methods may be called
// from any thread.
class VmObject {
 public:
  virtual ~VmObject() = default;

  // A load or store through the mapping. EFAULT where the program would get a signal.
  virtual Status load(uint64_t offset, std::span<std::byte> to) = 0;
  virtual Status store(uint64_t offset, std::span<const std::byte> from) = 0;

  // Long-term pins of `pages` pages from page `first` on, faulting them in; appends their frames
  // in order, adjacent ones merged. All pages or none. EFAULT where pages cannot be pinned at all
  // (a device region), ENOMEM where there are no more frames.
  virtual Status pin(uint64_t first, uint64_t pages, std::vector<PfnRun>& runs) = 0;

  // Of a device region. All the rest is as plain memory.
  [[nodiscard]] virtual std::vector<DeviceRegister> registers() const { return {}; }

  // The copy that a forked child maps where the parent's mapping is private.
  virtual Result<std::shared_ptr<VmObject>> fork() = 0;
  // Pages that no mapping can reach any more may go, unless they are pinned. Nobody is on the way
  // to them by then.
  virtual void discard(uint64_t first, uint64_t pages) = 0;
};

struct MapRequest {
  uint64_t length = 0;  // bytes; rounded up to the page size of the mapping
  int prot = 0;         // PROT_READ | PROT_WRITE
  int flags = 0;        // MAP_SHARED or MAP_PRIVATE, MAP_ANONYMOUS, MAP_HUGETLB with a size
  uint64_t offset = 0;  // bytes into the file, page aligned
};

// Thread-safety: all methods may be called from any thread. Addresses are checked here: no pointer
// of the program, however wrong, does more than EFAULT.
class UserMemory {
 public:
  virtual ~UserMemory() = default;

  // copy_from_user and copy_to_user. EFAULT; bytes before the bad one may have been written.
  virtual Status read(UserPtr from, std::span<std::byte> to) = 0;
  virtual Status write(UserPtr to, std::span<const std::byte> from) = 0;

  // Long-term pins of whole pages from the page-aligned `start`, appended to `runs` as VmObject
  // does. `write` asks for pages that may be written. Spec: iommufd.md section 10, table "Pin
  // condition". EFAULT, ENOMEM; then nothing is pinned.
  virtual Status pin(UserPtr start, uint64_t pages, bool write, std::vector<PfnRun>& runs) = 0;

  // mmap(2) without and with a file, munmap(2). EINVAL, ENOMEM.
  virtual Result<UserPtr> map_anonymous(const MapRequest& request) = 0;
  virtual Result<UserPtr> map_object(const MapRequest& request, std::shared_ptr<VmObject> object,
                                     std::shared_ptr<File> file) = 0;
  virtual Status unmap(UserPtr start, uint64_t length) = 0;

  // The files that mappings keep open, in the order of their addresses.
  [[nodiscard]] virtual std::vector<std::shared_ptr<File>> files() const { return {}; }

  // The address space of a forked child. ENOMEM.
  virtual Result<std::shared_ptr<UserMemory>> fork() = 0;
  // The process has exited: every mapping goes, pinned pages stay.
  virtual void exit() = 0;

  // In pages. Spec: iommufd.md section 10, "Accounting mode".
  std::atomic<uint64_t> locked_vm = 0;
  std::atomic<uint64_t> pinned_vm = 0;
};

// copy_from_user and copy_to_user for one plain value.
template <class T>
Status read_user(UserMemory& memory, UserPtr from, T& to) {
  static_assert(std::is_trivially_copyable_v<T>);
  return memory.read(from, std::as_writable_bytes(std::span(&to, 1)));
}
template <class T>
Status write_user(UserMemory& memory, UserPtr to, const T& from) {
  static_assert(std::is_trivially_copyable_v<T>);
  return memory.write(to, std::as_bytes(std::span(&from, 1)));
}

// A program's struct of `user_size` bytes, which may be older or newer than ours: what it lacks is
// zero in `to`, and what it has beyond must be zero. EFAULT; E2BIG for a byte beyond that is not
// zero, also when a page behind that byte cannot be read.
Status read_user_struct(UserMemory& memory, UserPtr from, uint32_t user_size,
                        std::span<std::byte> to);

}  // namespace noiommu
