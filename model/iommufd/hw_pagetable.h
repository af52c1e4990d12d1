// A page table over one IOAS that devices are attached to.
#pragma once

#include <memory>
#include <utility>

#include "model/iommufd/domain.h"
#include "model/iommufd/fault.h"
#include "model/iommufd/ioas.h"
#include "model/iommufd/object.h"

namespace noiommu::iommufd {

// Holds its IOAS for as long as it lives. Leaving the IOAS is part of destruction, which therefore
// takes Ioas::mutex.
class HwptPaging : public Object {
 public:
  static constexpr Type kType = Type::kHwptPaging;

  // A page table filled with the mappings of `ioas`, pinning them when it is the first one; its id
  // is reserved. The caller holds ioas.mutex. `automatic`: made by an attach to the IOAS, and gone
  // with its last device. Errors: EBUSY for ids, and those of IoPagetable::add_domain.
  static Result<std::unique_ptr<HwptPaging>> create(ObjectTable& objects, Ioas& ioas, bool noiommu,
                                                    bool automatic);
  ~HwptPaging() override;

  [[nodiscard]] Ioas& ioas() const { return *ioas_; }
  [[nodiscard]] bool automatic() const { return automatic_; }
  [[nodiscard]] bool noiommu() const { return domain_.noiommu; }
  [[nodiscard]] const Domain& domain() const { return domain_; }

  // Where page faults would be told; used for as long as the page table lives. Set before it is
  // published.
  void set_fault(Ref<Fault> fault) { fault_ = std::move(fault); }
  [[nodiscard]] const Fault* fault() const { return fault_.get(); }  // nullptr without one

 private:
  HwptPaging(uint32_t id, Ref<Ioas> ioas, bool noiommu, bool automatic);

  Ref<Ioas> ioas_;
  Ref<Fault> fault_;
  const bool automatic_;
  Domain domain_;
  bool listed_ = false;  // in ioas_->hwpts and filled
};

}  // namespace noiommu::iommufd
