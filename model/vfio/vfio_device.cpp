#include "model/vfio/vfio_device.h"

#include <fmt/format.h>

#include "model/vfio/group.h"

namespace noiommu::vfio {

std::string VfioDevice::message(const std::string& text) const {
  return fmt::format("{} {}: {}", info.driver, info.name, text);
}

bool VfioDevice::try_get_registration() {
  const std::lock_guard lock(registration_mutex_);
  if (leaving_) return false;
  ++registrations_;
  return true;
}

void VfioDevice::put_registration() {
  const std::lock_guard lock(registration_mutex_);
  if (--registrations_ == 0) unused_.notify_all();
}

unsigned VfioDevice::drop_first_registration() {
  const std::lock_guard lock(registration_mutex_);
  if (!leaving_) --registrations_;
  leaving_ = true;
  return registrations_;
}

void VfioDevice::wait_until_unused() {
  std::unique_lock lock(registration_mutex_);
  unused_.wait(lock, [this] { return registrations_ == 0; });
}

}  // namespace noiommu::vfio
