// The mappings of one IOAS: which IOVA belongs to which user memory, in every attached domain.
#pragma once

#include <absl/container/btree_map.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "model/iommufd/domain.h"
#include "model/iommufd/iova_range.h"
#include "model/iommufd/pages.h"
#include "model/iommufd/rw_semaphore.h"
#include "model/kernel/process.h"
#include "model/kernel/result.h"
#include "model/kernel/types.h"
#include "model/mm/phys_mem.h"

namespace noiommu::iommufd {

// Without a domain nothing is pinned and any byte alignment will do; the first domain pins every
// area, the last one to go unpins it.
//
// Thread-safety: all methods may be called from any thread. Maps of different ranges run in
// parallel: an area that is being set up or torn down keeps its place in the tree and is left
// alone by everyone else. Spec: iommufd.md sections 6, 9, 10, 15 and 17.
class IoPagetable : Unmovable {
 public:
  struct MapRequest {
    UserPtr user_va;
    uint64_t length = 0;  // bytes
    uint32_t prot = 0;    // generic_pt::kRead | kWrite
    bool fixed = false;   // `iova` is where to map; otherwise it is chosen
    Iova iova;
  };

  explicit IoPagetable(mm::PhysMem& memory) : memory_(memory) {}
  // No domain is left by then.
  ~IoPagetable() = default;

  // Answers where the mapping lies. Errors: iommufd.md section 6, rows 5 to 11.
  Result<Iova> map(Process& process, const MapRequest& request);
  // Removes the areas that lie wholly inside the range; `unmapped` counts their bytes also when a
  // later one fails. EBUSY, ENOENT. Spec: section 9, rows 6 to 10.
  Status unmap(IovaRange range, uint64_t& unmapped);
  // Removes everything and answers the bytes removed. EBUSY.
  Result<uint64_t> unmap_all();
  // The run of adjacent frames that starts at `iova` inside its area, at most `length` bytes.
  // ENOENT, EOPNOTSUPP. Spec: section 15, rows 6 to 8.
  Result<generic_pt::PhysRun> get_pa(Iova iova, uint64_t length) const;

  // Fills the domain with every area, pinning them when it is the first. EADDRINUSE when an area
  // does not fit the domain's page size; EFAULT, ENOMEM from pinning; then nothing has changed.
  Status add_domain(Domain& domain);
  void remove_domain(Domain& domain);

  // What may be mapped, reserved ranges left out, ascending. Spec: section 4.
  [[nodiscard]] std::vector<IovaRange> usable_ranges() const;
  [[nodiscard]] uint64_t alignment() const;  // bytes

 private:
  struct Area {
    IovaRange range;
    uint64_t page_offset = 0;  // of the first byte in its user page
    uint32_t prot = 0;
    bool settled = false;  // neither being set up nor torn down
    std::unique_ptr<Pages> pages;
    Domain* storage = nullptr;  // which domain the frames can be read back from
  };
  using Areas = absl::btree_map<uint64_t, std::unique_ptr<Area>>;  // by last IOVA

  [[nodiscard]] Areas::const_iterator first_at_or_after(uint64_t iova) const {
    return areas_.lower_bound(iova);
  }
  Result<uint64_t> choose_iova(uint64_t address, uint64_t length) const;
  [[nodiscard]] Status check_fixed(const IovaRange& range) const;
  Result<Area*> insert_area(Process& process, const MapRequest& request);
  void erase_area(Area& area);

  static Status fill(Area& area, Domain& domain, const std::vector<PfnRun>& runs);
  Status fill_domains(Area& area);
  static std::vector<PfnRun> unfill(const Area& area, Domain& domain);
  void unfill_domains(Area& area);
  static std::vector<PfnRun> stored_frames(const Area& area);
  Status add_to_domain(Area& area, Domain& domain);
  void remove_from_domain(Area& area, Domain& domain);

  mm::PhysMem& memory_;
  // Taken in this order. Attaching and detaching hold both for writing; maps hold the first for
  // reading while they pin.
  mutable RwSemaphore domains_mutex_;  // guards domains_
  mutable RwSemaphore iova_mutex_;     // guards areas_, alignment_ and Area::settled
  std::vector<Domain*> domains_;       // slot 0 is where new areas are stored
  Areas areas_;
  uint64_t alignment_ = 1;
};

}  // namespace noiommu::iommufd
