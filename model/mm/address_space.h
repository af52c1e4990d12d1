// The address space of a process of the model: mappings of page objects and device regions.
#pragma once

#include <absl/container/btree_map.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "model/kernel/file.h"
#include "model/kernel/rw_semaphore.h"
#include "model/kernel/user_memory.h"
#include "model/mm/phys_mem.h"

namespace noiommu::mm {

// Mappings are placed from the top of the address space down, huge ones at their own alignment.
// MAP_HUGETLB maps 2 MiB pages, with MAP_HUGE_1GB 1 GiB pages.
class AddressSpace : public UserMemory {
 public:
  explicit AddressSpace(PhysMem& memory) : memory_(memory) {}

  Status read(UserPtr from, std::span<std::byte> to) override;
  Status write(UserPtr to, std::span<const std::byte> from) override;
  Status pin(UserPtr start, uint64_t pages, bool write, std::vector<PfnRun>& runs) override;
  Result<UserPtr> map_anonymous(const MapRequest& request) override;
  Result<UserPtr> map_object(const MapRequest& request, std::shared_ptr<VmObject> object,
                             std::shared_ptr<File> file) override;
  Status unmap(UserPtr start, uint64_t length) override;
  [[nodiscard]] std::vector<std::shared_ptr<File>> files() const override;
  Result<std::shared_ptr<UserMemory>> fork() override;
  void exit() override;

 private:
  struct Vma {
    uint64_t end = 0;
    int prot = 0;
    bool shared = false;
    uint64_t page_size = kPageSize;  // unit of munmap
    std::shared_ptr<VmObject> object;
    uint64_t object_offset = 0;  // bytes, of the mapping's first byte
    std::shared_ptr<File> file;  // kept open by the mapping
  };
  using Vmas = absl::btree_map<uint64_t, Vma>;  // by first address

  [[nodiscard]] Vmas::const_iterator find(uint64_t address) const;
  Result<UserPtr> place(uint64_t length, uint64_t alignment, Vma vma);

  PhysMem& memory_;
  mutable PercpuRwSemaphore mutex_;  // the kernel's mmap_lock
  Vmas vmas_;
};

}  // namespace noiommu::mm
