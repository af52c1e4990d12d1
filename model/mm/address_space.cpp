#include "model/mm/address_space.h"

#include <linux/mman.h>
#include <sys/mman.h>

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "model/mm/page_object.h"

namespace noiommu::mm {

namespace {

constexpr uint64_t kTop = 0x7ffff7fff000;  // the kernel places mappings below
constexpr uint64_t kBottom = 0x10000;      // vm.mmap_min_addr
constexpr uint64_t kHuge2M = 2ULL << 20;
constexpr uint64_t kHuge1G = 1ULL << 30;

// Zero for a length that cannot be rounded.
uint64_t round_up(uint64_t length, uint64_t unit) {
  return (length + unit - 1) & ~(unit - 1);
}

// What MAP_HUGETLB asks for, 2 MiB when no size is given. Zero for a size that x86-64 has not.
uint64_t huge_page_size(int flags) {
  switch ((flags >> MAP_HUGE_SHIFT) & MAP_HUGE_MASK) {
    case 0:
    case 21:
      return kHuge2M;
    case 30:
      return kHuge1G;
    default:
      return 0;
  }
}

bool can_read(int prot) {
  return (prot & (PROT_READ | PROT_WRITE | PROT_EXEC)) != 0;
}

}  // namespace

AddressSpace::Vmas::const_iterator AddressSpace::find(uint64_t address) const {
  auto above = vmas_.upper_bound(address);
  if (above == vmas_.begin()) return vmas_.end();
  --above;
  return address < above->second.end ? above : vmas_.end();
}

Status AddressSpace::read(UserPtr from, std::span<std::byte> to) {
  const std::shared_lock lock(mutex_);
  while (!to.empty()) {
    const auto vma = find(from.value);
    if (vma == vmas_.end() || !can_read(vma->second.prot)) return Err(EFAULT);
    const auto part = to.first(std::min(to.size(), vma->second.end - from.value));
    const uint64_t offset = vma->second.object_offset + (from.value - vma->first);
    if (auto done = vma->second.object->load(offset, part); !done) return done;
    from += part.size();
    to = to.subspan(part.size());
  }
  return {};
}

Status AddressSpace::write(UserPtr to, std::span<const std::byte> from) {
  const std::shared_lock lock(mutex_);
  while (!from.empty()) {
    const auto vma = find(to.value);
    if (vma == vmas_.end() || (vma->second.prot & PROT_WRITE) == 0) return Err(EFAULT);
    const auto part = from.first(std::min(from.size(), vma->second.end - to.value));
    const uint64_t offset = vma->second.object_offset + (to.value - vma->first);
    if (auto done = vma->second.object->store(offset, part); !done) return done;
    to += part.size();
    from = from.subspan(part.size());
  }
  return {};
}

Status AddressSpace::pin(UserPtr start, uint64_t pages, bool write, std::vector<PfnRun>& runs) {
  const std::shared_lock lock(mutex_);
  std::vector<PfnRun> pinned;
  const auto pin_all = [&]() -> Status {
    for (uint64_t left = pages; left > 0;) {
      const auto vma = find(start.value);
      if (vma == vmas_.end()) return Err(EFAULT);
      const bool allowed =
          write ? (vma->second.prot & PROT_WRITE) != 0 : (vma->second.prot & PROT_READ) != 0;
      if (!allowed) return Err(EFAULT);
      const uint64_t here = std::min(left, (vma->second.end - start.value) / kPageSize);
      const uint64_t offset = vma->second.object_offset + (start.value - vma->first);
      auto done = vma->second.object->pin(offset / kPageSize, here, pinned);
      if (!done) return done;
      start += here * kPageSize;
      left -= here;
    }
    return {};
  };
  if (auto done = pin_all(); !done) {
    for (const PfnRun& run : pinned) memory_.unpin(run);
    return done;
  }
  if (runs.empty()) {
    runs = std::move(pinned);
    return {};
  }
  auto rest = pinned.begin();
  if (rest != pinned.end() && runs.back().first + runs.back().count == rest->first) {
    runs.back().count += rest->count;
    ++rest;
  }
  runs.insert(runs.end(), rest, pinned.end());
  return {};
}

Result<UserPtr> AddressSpace::place(uint64_t length, uint64_t alignment, Vma vma) {
  const std::unique_lock lock(mutex_);
  uint64_t ceiling = kTop;
  for (auto above = vmas_.rbegin();; ++above) {
    const uint64_t floor = above == vmas_.rend() ? kBottom : above->second.end;
    if (ceiling >= length) {
      const uint64_t start = (ceiling - length) & ~(alignment - 1);
      if (start >= floor) {
        vma.end = start + length;
        vmas_.emplace(start, std::move(vma));
        return UserPtr{start};
      }
    }
    if (above == vmas_.rend()) return Err(ENOMEM);
    ceiling = above->first;
  }
}

Result<UserPtr> AddressSpace::map_anonymous(const MapRequest& request) {
  const bool hugetlb = (request.flags & MAP_HUGETLB) != 0;
  const bool thp = !hugetlb && memory_.config().transparent_huge_pages && request.length >= kHuge2M;
  const uint64_t page_size = hugetlb ? huge_page_size(request.flags) : kPageSize;
  unsigned order = PhysMem::kOrder4K;
  if (hugetlb || thp) order = page_size == kHuge1G ? PhysMem::kOrder1G : PhysMem::kOrder2M;

  if (page_size == 0 || request.length == 0) return Err(EINVAL);
  const uint64_t length = round_up(request.length, page_size);
  if (length == 0 || length > kTop) return Err(ENOMEM);
  const int type = request.flags & MAP_TYPE;
  if (type != MAP_SHARED && type != MAP_PRIVATE) return Err(EINVAL);
  const bool shared = type == MAP_SHARED;
  Vma vma{.prot = request.prot, .shared = shared, .page_size = page_size, .object = {}, .file = {}};
  vma.object = std::make_shared<PageObject>(
      memory_, length / kPageSize,
      shared ? PageObject::Sharing::kShared : PageObject::Sharing::kPrivate, order);
  return place(length, thp ? kHuge2M : page_size, std::move(vma));
}

Result<UserPtr> AddressSpace::map_object(const MapRequest& request,
                                         std::shared_ptr<VmObject> object,
                                         std::shared_ptr<File> file) {
  const uint64_t length = round_up(request.length, kPageSize);
  if (length == 0 || length > kTop) return Err(ENOMEM);
  return place(length, kPageSize,
               {.prot = request.prot,
                .shared = true,
                .object = std::move(object),
                .object_offset = request.offset,
                .file = std::move(file)});
}

Status AddressSpace::unmap(UserPtr start, uint64_t length) {
  if (start.value % kPageSize != 0 || length == 0 || start.value > kTaskSize) return Err(EINVAL);
  if (length > kTaskSize - start.value) return Err(EINVAL);
  length = round_up(length, kPageSize);
  const uint64_t end = start.value + length;

  std::vector<Vma> gone;  // released after the lock: a last reference runs a file's release
  const std::unique_lock lock(mutex_);
  auto first = find(start.value);
  if (first == vmas_.end()) first = vmas_.lower_bound(start.value);
  for (auto vma = first; vma != vmas_.end() && vma->first < end; ++vma) {
    const uint64_t from = std::max(start.value, vma->first);
    const uint64_t to = std::min(end, vma->second.end);
    if (from % vma->second.page_size != 0 || to % vma->second.page_size != 0) return Err(EINVAL);
  }
  for (auto vma = vmas_.lower_bound(first == vmas_.end() ? end : first->first);
       vma != vmas_.end() && vma->first < end;) {
    const uint64_t vma_start = vma->first;
    Vma old = std::move(vma->second);
    vma = vmas_.erase(vma);
    const uint64_t from = std::max(start.value, vma_start);
    const uint64_t to = std::min(end, old.end);
    if (vma_start < from) {
      Vma below = old;
      below.end = from;
      vmas_.emplace(vma_start, std::move(below));
    }
    if (to < old.end) {
      Vma above = old;
      above.object_offset += to - vma_start;
      vmas_.emplace(to, std::move(above));
    }
    old.object->discard((old.object_offset + (from - vma_start)) / kPageSize,
                        (to - from) / kPageSize);
    gone.push_back(std::move(old));
    vma = vmas_.lower_bound(to);
  }
  return {};
}

std::vector<std::shared_ptr<File>> AddressSpace::files() const {
  const std::shared_lock lock(mutex_);
  std::vector<std::shared_ptr<File>> files;
  for (const auto& [start, vma] : vmas_) {
    if (vma.file) files.push_back(vma.file);
  }
  return files;
}

Result<std::shared_ptr<UserMemory>> AddressSpace::fork() {
  auto child = std::make_shared<AddressSpace>(memory_);
  std::map<const VmObject*, std::shared_ptr<VmObject>> copies;  // pieces of one mapping share it
  const std::unique_lock lock(mutex_);                          // nobody stores meanwhile
  for (const auto& [start, vma] : vmas_) {
    Vma copy = vma;
    if (!vma.shared) {
      auto& object = copies[vma.object.get()];
      if (!object) {
        auto forked = vma.object->fork();
        if (!forked) return Err(forked.error());
        object = std::move(*forked);
      }
      copy.object = object;
    }
    child->vmas_.emplace(start, std::move(copy));
  }
  return child;
}

void AddressSpace::exit() {
  Vmas gone;  // released after the lock
  const std::unique_lock lock(mutex_);
  gone.swap(vmas_);
}

}  // namespace noiommu::mm
