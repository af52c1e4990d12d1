#include "model/iommufd/hw_pagetable.h"

#include <utility>

namespace noiommu::iommufd {

HwptPaging::HwptPaging(uint32_t id, Ref<Ioas> ioas, bool noiommu, bool automatic)
    : Object(kType, id), ioas_(std::move(ioas)), automatic_(automatic), domain_(noiommu) {}

HwptPaging::~HwptPaging() {
  if (!listed_) return;
  const std::lock_guard lock(ioas_->mutex);
  std::erase(ioas_->hwpts, this);
  ioas_->iopt.remove_domain(domain_);
}

Result<std::unique_ptr<HwptPaging>> HwptPaging::create(ObjectTable& objects, Ioas& ioas,
                                                       bool noiommu, bool automatic) {
  auto id = objects.reserve();
  if (!id) return Err(id.error());
  // Private constructor, so no make_unique.
  std::unique_ptr<HwptPaging> hwpt(
      new HwptPaging(*id, Ref<Ioas>::try_acquire(ioas), noiommu, automatic));
  if (auto filled = ioas.iopt.add_domain(hwpt->domain_); !filled) {
    objects.abandon(*id);
    return Err(filled.error());
  }
  hwpt->listed_ = true;
  ioas.hwpts.push_back(hwpt.get());
  return hwpt;
}

}  // namespace noiommu::iommufd
