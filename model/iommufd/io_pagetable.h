// The mappings of one IOAS: which IOVA belongs to which memory, in every attached domain.
#pragma once

#include <absl/container/btree_map.h>
#include <absl/container/inlined_vector.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "model/iommufd/domain.h"
#include "model/iommufd/iova_range.h"
#include "model/iommufd/pages.h"
#include "model/iommufd/settled_pages.h"
#include "model/kernel/result.h"
#include "model/kernel/rw_semaphore.h"
#include "model/kernel/types.h"

namespace noiommu::iommufd {

// Without a domain nothing is pinned and any byte alignment will do; the first domain pins every
// area, the last one to go unpins it.
//
// Thread-safety: all methods may be called from any thread. Maps of different ranges run in
// parallel: an area that is being set up or torn down keeps its place in the tree and is left
// alone by everyone else. Spec: iommufd.md sections 5 to 11, 15 and 17.
class IoPagetable : Unmovable {
 public:
  // A part of some pages, in bytes.
  struct Slice {
    KrefPtr<Pages> pages;
    uint64_t first_byte = 0;
    uint64_t length = 0;
  };
  struct Target {
    uint32_t prot = 0;         // generic_pt::kRead | kWrite
    std::optional<Iova> iova;  // nothing: to be chosen. Spec: section 6.1
  };

  IoPagetable() = default;
  // No domain is left by then.
  ~IoPagetable() = default;

  // One area a slice, the first where the answer says, the others behind it. EINVAL, EOVERFLOW,
  // EEXIST, ENOSPC, EPERM and the errors of Pages::fill; then nothing has changed. Spec: section 6,
  // rows 8 to 11, and section 8, rows 8 to 11.
  Result<Iova> map(std::span<const Slice> slices, const Target& target);
  // The pages behind a range that areas cover without a gap, one slice an area. ENOENT.
  [[nodiscard]] Result<std::vector<Slice>> slices(IovaRange range) const;
  // Removes the areas that lie wholly inside the range; `unmapped` counts their bytes also when a
  // later one fails. EBUSY, ENOENT. Spec: section 9, rows 6 to 9.
  Status unmap(IovaRange range, uint64_t& unmapped);
  // Cuts the area that holds the IOVA `last`, if one does, so that a part of it ends there. EBUSY,
  // EOPNOTSUPP, EINVAL. Spec: section 16, UNMAP_DMA.
  Status cut(uint64_t last);
  // The run of adjacent frames that starts at `iova` inside its area, at most `length` bytes.
  // ENOENT, EINVAL, EOPNOTSUPP. Spec: section 15, rows 6 to 8.
  [[nodiscard]] Result<generic_pt::PhysRun> get_pa(Iova iova, uint64_t length) const;
  // Where all of `length` bytes from `iova` on lie. False when that cannot be told without waiting
  // for anybody; within a page it mostly can.
  bool try_get_pa(Iova iova, uint64_t length, PhysAddr& to) const;

  // Fills the domain with every area, pinning them when it is the first. EADDRINUSE when an area
  // does not fit the domain's page size, and the errors of Pages::fill; then nothing has changed.
  Status add_domain(Domain& domain);
  void remove_domain(Domain& domain);

  // Nothing may be mapped in `range` until the owner gives it back. EADDRINUSE where an area or an
  // allowed range is.
  Status reserve(IovaRange range, const void* owner);
  void unreserve(const void* owner);
  // Where automatic IOVAs come from, instead of anywhere when empty. The ranges do not overlap.
  // EADDRINUSE where something is reserved; then nothing has changed.
  Status allow(std::vector<IovaRange> ranges);

  // Whether adjacent pages may share a leaf. Not without: EINVAL when a domain has areas,
  // EADDRINUSE when an area is not page-aligned. Spec: section 11, HUGE_PAGES.
  Status set_huge_pages(bool on);
  [[nodiscard]] bool huge_pages() const;

  // What is not reserved, ascending. Spec: section 4.
  [[nodiscard]] std::vector<IovaRange> usable_ranges() const;
  // What reserve() and allow() were told, ascending.
  [[nodiscard]] std::vector<IovaRange> reserved_ranges() const;
  [[nodiscard]] std::vector<IovaRange> allowed_ranges() const;
  [[nodiscard]] uint64_t alignment() const;  // bytes
  // The page sizes that every domain has, one bit each; without a domain all from 4 KiB on.
  [[nodiscard]] uint64_t page_sizes() const;

  // Everything that is mapped in all `tables` is charged to `task` from now on. EBUSY, EINVAL,
  // ENOMEM; then nothing has changed. `tables` in an order that all callers use. Spec: section 12.
  static Status change_process(std::span<IoPagetable* const> tables, const KrefPtr<Task>& task);

  // An area as it is just now.
  struct AreaView {
    Extent extent;
    uint32_t prot = 0;
    bool settled = false;
    KrefPtr<Pages> pages;
    const Domain* storage = nullptr;
  };
  // Those that lie at least partly in `range`, in order of their IOVAs.
  [[nodiscard]] std::vector<AreaView> areas(IovaRange range = {}) const;

 private:
  struct Area {
    Part part;  // and the domain that GET_PA reads
    KrefPtr<Pages> pages;
    uint32_t prot = 0;
    bool settled = false;    // neither being set up nor torn down
    bool one_piece = false;  // while stored: all frames are neighbours

    [[nodiscard]] const Extent& extent() const { return part.extent; }
    [[nodiscard]] const IovaRange& iova() const { return part.extent.iova; }
  };
  static_assert(sizeof(Area) <= 56, "there may be ten millions");
  using AreaList = absl::InlinedVector<Area*, 1>;                  // mostly one
  using Areas = absl::btree_map<uint64_t, std::unique_ptr<Area>>;  // by last IOVA
  struct Reservation {
    IovaRange range;
    const void* owner;
  };

  // All with iova_mutex_ held, at least for reading.
  [[nodiscard]] Areas::const_iterator first_at_or_after(uint64_t iova) const {
    return areas_.lower_bound(iova);
  }
  [[nodiscard]] bool any_area_in(const IovaRange& range) const;
  [[nodiscard]] bool is_reserved(const IovaRange& range) const;
  [[nodiscard]] std::optional<IovaRange> first_used_at_or_after(uint64_t iova) const;
  [[nodiscard]] Result<uint64_t> choose_iova(uint64_t address, uint64_t length) const;
  [[nodiscard]] Status check_fixed(const IovaRange& range) const;
  [[nodiscard]] Status check_alignment(uint64_t alignment) const;
  Status recompute_alignment();
  // After a change of what the table in settled_ depends on: that it shows what a program may be
  // told of any page, as every area stays as it is and is stored there.
  void look_again() {
    const bool plain = revocable_ == 0 && domains_.size() == 1 && domains_[0]->noiommu;
    settled_.set_table(plain ? &domains_[0]->table : nullptr);
  }

  Result<AreaList> insert_areas(std::span<const Slice> slices, const Target& target);
  void erase_areas(std::span<Area* const> areas);

  // With domains_mutex_ held.
  Status fill_domains(Area& area);
  void unfill_domains(Area& area);
  void remove_from_domain(Area& area, Domain& domain);

  // Taken in this order, before the mutex of any Pages. Attaching and detaching hold both for
  // writing; maps hold the first for reading while they pin, and look-ups while they walk.
  mutable PercpuRwSemaphore domains_mutex_;  // guards domains_
  mutable RwSemaphore iova_mutex_;           // guards everything else and Area::settled
  std::vector<Domain*> domains_;             // slot 0 is where new areas are stored
  Areas areas_;
  SettledPages settled_;  // without the areas that are not settled
  size_t revocable_ = 0;  // areas that show a dma-buf
  std::vector<Reservation> reserved_;
  std::vector<IovaRange> allowed_;  // ascending, adjacent ones joined
  bool huge_pages_ = true;
  uint64_t alignment_ = 1;
};

}  // namespace noiommu::iommufd
