// What a device driver gives to the VFIO core: the operations on one device.
#pragma once

#include <cstdint>
#include <memory>

#include "model/kernel/process.h"
#include "model/kernel/result.h"
#include "model/kernel/user_memory.h"
#include "uapi/vfio.h"

namespace noiommu::vfio {

// The core calls open_device before anything else and close_device after everything else, and
// never two of these two at a time. The rest may be called from any thread, several at once.
class VfioDriver {
 public:
  virtual ~VfioDriver() = default;

  enum class Path { kCdev, kGroup };

  virtual Status open_device(Path path) = 0;
  virtual void close_device() = 0;
  // A call on an open device begins, other than read and write: one that sleeps wakes up.
  virtual void resume() {}
  // The ioctls that the core does not answer itself. ENOTTY for an unknown one.
  virtual Result<int64_t> ioctl(Process& process, uint32_t command, UserPtr argument) = 0;
  // DEVICE_FEATURE. ENOTTY for an unknown one.
  virtual Result<int64_t> feature(Process& process, const vfio_device_feature& feature,
                                  UserPtr payload) = 0;
  virtual Result<uint64_t> read(Process& process, UserPtr to, uint64_t length,
                                uint64_t position) = 0;
  virtual Result<uint64_t> write(Process& process, UserPtr from, uint64_t length,
                                 uint64_t position) = 0;
  virtual Result<std::shared_ptr<VmObject>> mmap(const MapRequest& request) = 0;
  // Whether a GET_DEVICE_FD name means this device: true, false, or the errno of a bad name.
  virtual Result<bool> match(std::string_view name) const = 0;
  // The token of BIND_IOMMUFD; null without one.
  [[nodiscard]] virtual Status match_token(const void* uuid) const = 0;
  // Asks the program to let go of the device. `count` says how often it was asked before.
  virtual void request(unsigned count) = 0;
};

}  // namespace noiommu::vfio
