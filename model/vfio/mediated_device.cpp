#include "model/vfio/mediated_device.h"

#include <utility>

namespace noiommu::vfio {

MediatedDevice::MediatedDevice(Vfio& vfio, std::string name) : vfio_(vfio), name_(std::move(name)) {
  auto device = vfio_.register_device(*this, {.name = name_,
                                              .sysfs = "virtual/mdev/" + name_,
                                              .driver = "vfio_mdev",
                                              .has_iommu = false,
                                              .emulated = true,
                                              .iommu_group = nullptr});
  if (device) device_ = std::move(*device);
}

MediatedDevice::~MediatedDevice() {
  if (device_) vfio_.unregister_device(*device_);
}

Status MediatedDevice::open_device(Path /*path*/) {
  return {};
}

Result<int64_t> MediatedDevice::ioctl(Process& /*process*/, uint32_t command,
                                      UserPtr /*argument*/) {
  return Err(command == VFIO_DEVICE_GET_REGION_INFO ? EINVAL : ENOTTY);
}

Result<int64_t> MediatedDevice::feature(Process& /*process*/, const vfio_device_feature& feature,
                                        UserPtr /*payload*/) {
  const uint32_t index = feature.flags & VFIO_DEVICE_FEATURE_MASK;
  return Err(index == VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2 ? EINVAL : ENOTTY);
}

Result<uint64_t> MediatedDevice::read(Process& /*process*/, UserPtr /*to*/, uint64_t /*length*/,
                                      uint64_t /*position*/) {
  return Err(EINVAL);
}

Result<uint64_t> MediatedDevice::write(Process& /*process*/, UserPtr /*from*/, uint64_t /*length*/,
                                       uint64_t /*position*/) {
  return Err(EINVAL);
}

Result<std::shared_ptr<VmObject>> MediatedDevice::mmap(const MapRequest& /*request*/) {
  return Err(EINVAL);
}

Result<bool> MediatedDevice::match(std::string_view name) const {
  return name == name_;
}

Status MediatedDevice::match_token(const void* uuid) const {
  if (uuid != nullptr) return Err(EINVAL);
  return {};
}

void MediatedDevice::request(unsigned /*count*/) {}

}  // namespace noiommu::vfio
