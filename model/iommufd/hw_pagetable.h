// A page table over one IOAS that devices are attached to.
#pragma once

#include <memory>

#include "model/iommufd/domain.h"
#include "model/iommufd/ioas.h"
#include "model/iommufd/object.h"

namespace noiommu::iommufd {

// Holds its IOAS for as long as it lives. Leaving the IOAS is part of destruction, which therefore
// takes Ioas::mutex.
class HwptPaging : public Object {
 public:
  static constexpr Type kType = Type::kHwptPaging;

  // A page table filled with the mappings of `ioas`, pinning them when it is the first one, and
  // published under a new id. The caller holds ioas.mutex. `automatic`: made by an attach to the
  // IOAS, and gone with its last device. Errors: EBUSY for ids, and those of
  // IoPagetable::add_domain.
  static Result<Ref<HwptPaging>> create(ObjectTable& objects, Ioas& ioas, bool noiommu,
                                        bool automatic);
  ~HwptPaging() override;

  [[nodiscard]] Ioas& ioas() const { return *ioas_; }
  [[nodiscard]] bool automatic() const { return automatic_; }
  [[nodiscard]] bool noiommu() const { return domain_.noiommu; }

 private:
  HwptPaging(uint32_t id, Ref<Ioas> ioas, bool noiommu, bool automatic);

  Ref<Ioas> ioas_;
  const bool automatic_;
  Domain domain_;
  bool listed_ = false;  // in ioas_->hwpts and filled
};

}  // namespace noiommu::iommufd
