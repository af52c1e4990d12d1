#include "model/iommufd/device.h"

#include <utility>

#include "model/iommufd/context.h"

namespace noiommu::iommufd {

// A device without an IOMMU can use any page table: nothing walks it. One behind an IOMMU cannot
// use a table that no hardware knows.
bool Device::suits(const HwptPaging& hwpt) const {
  return noiommu_ || !hwpt.noiommu();
}

Result<Ref<HwptPaging>> Device::find_or_create(Ioas& ioas) {
  const std::lock_guard lock(ioas.mutex);
  for (HwptPaging* hwpt : ioas.hwpts) {
    if (!hwpt->automatic()) continue;
    auto ref = Ref<HwptPaging>::try_acquire(*hwpt);
    if (!ref) continue;
    if (suits(*hwpt)) return ref;
    // The next one is only tried by a device that has no page table yet.
    if (hwpt_) return Err(ENODEV);
  }
  auto hwpt = HwptPaging::create(objects_, ioas, noiommu_, true);
  if (!hwpt) return Err(hwpt.error());
  auto ref = Ref<HwptPaging>::try_acquire(**hwpt);
  objects_.publish(std::move(*hwpt));
  return ref;
}

// Leaves the old page table after taking the new one, so that an IOAS attached to itself keeps its
// pages.
void Device::settle_on(Ref<HwptPaging> hwpt) {
  Ref<HwptPaging> old = std::exchange(hwpt_, std::move(hwpt));
  if (old && old->automatic()) objects_.put_and_try_destroy(std::move(old));
}

Result<uint32_t> Device::attach(uint32_t pt_id) {
  const std::lock_guard lock(mutex_);
  auto pt = objects_.get_any(pt_id);
  if (!pt) return Err(pt.error());
  Result<Ref<HwptPaging>> hwpt = Err(EINVAL);
  switch ((*pt)->type()) {
    case Type::kHwptPaging:
      if (suits(static_cast<HwptPaging&>(**pt))) {
        hwpt = Ref<HwptPaging>::try_acquire(static_cast<HwptPaging&>(**pt));
      } else if (hwpt_) {
        hwpt = Err(ENODEV);  // from the driver of the IOMMU, when it is to replace
      }
      break;
    case Type::kIoas:
      hwpt = find_or_create(static_cast<Ioas&>(**pt));
      break;
    default:
      break;
  }
  if (!hwpt) return Err(hwpt.error());
  pt->reset();
  if (!self_) self_ = Ref<Device>::try_acquire(*this);
  const uint32_t id = (*hwpt)->id();
  settle_on(std::move(*hwpt));
  return id;
}

void Device::detach() {
  const std::lock_guard lock(mutex_);
  settle_on({});
  self_.reset();
}

std::optional<uint32_t> Device::hwpt_id() const {
  const std::lock_guard lock(mutex_);
  return hwpt_ ? std::optional(hwpt_->id()) : std::nullopt;
}

Binding::Binding(std::shared_ptr<Context> context, Ref<Device> device)
    : context_(std::move(context)), device_(std::move(device)) {}

Result<std::unique_ptr<Binding>> Binding::create(std::shared_ptr<Context> context, bool noiommu) {
  ObjectTable& objects = context->objects();
  auto id = objects.reserve();
  if (!id) return Err(id.error());
  auto device = std::make_unique<Device>(*id, objects, noiommu);
  auto ref = Ref<Device>::try_acquire(*device);
  objects.publish(std::move(device));
  return std::unique_ptr<Binding>(new Binding(std::move(context), std::move(ref)));
}

Binding::~Binding() {
  device_->detach();
  context_->objects().remove(std::move(device_));
}

}  // namespace noiommu::iommufd
