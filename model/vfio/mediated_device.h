// A mediated device: one that a driver makes up, which no IOMMU was ever in front of.
#pragma once

#include <memory>
#include <string>

#include "model/vfio/vfio_main.h"

namespace noiommu::vfio {

// Registered with VFIO for as long as it lives. It has no registers: it can be found, opened and
// bound, and answers like a device whose driver knows no ioctl of its own.
// Spec: vfio-core.md sections 2 and 4, type EMULATED.
//
// Thread-safety: all methods may be called from any thread.
class MediatedDevice : public VfioDriver {
 public:
  // `name` is its UUID. A device that cannot be registered is not there.
  MediatedDevice(Vfio& vfio, std::string name);
  // No process of the kernel is left.
  ~MediatedDevice() override;
  MediatedDevice(const MediatedDevice&) = delete;
  MediatedDevice& operator=(const MediatedDevice&) = delete;

  Status open_device(Path path) override;
  void close_device() override {}
  Result<int64_t> ioctl(Process& process, uint32_t command, UserPtr argument) override;
  Result<int64_t> feature(Process& process, const vfio_device_feature& feature,
                          UserPtr payload) override;
  Result<uint64_t> read(Process& process, UserPtr to, uint64_t length, uint64_t position) override;
  Result<uint64_t> write(Process& process, UserPtr from, uint64_t length,
                         uint64_t position) override;
  Result<std::shared_ptr<VmObject>> mmap(const MapRequest& request) override;
  [[nodiscard]] Result<bool> match(std::string_view name) const override;
  [[nodiscard]] Status match_token(const void* uuid) const override;
  void request(unsigned count) override;

 private:
  Vfio& vfio_;
  const std::string name_;
  std::shared_ptr<VfioDevice> device_;
};

}  // namespace noiommu::vfio
