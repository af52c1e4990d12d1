#include "model/kernel/file.h"

#include "model/kernel/user_memory.h"

namespace noiommu {

Result<int64_t> File::ioctl(Process& /*process*/, uint32_t /*command*/, uint64_t /*argument*/) {
  return Err(ENOTTY);
}

Result<uint64_t> File::read(Process& /*process*/, UserPtr /*to*/, uint64_t /*length*/,
                            uint64_t /*position*/) {
  return Err(EINVAL);
}

Result<uint64_t> File::write(Process& /*process*/, UserPtr /*from*/, uint64_t /*length*/,
                             uint64_t /*position*/) {
  return Err(EINVAL);
}

Result<std::shared_ptr<VmObject>> File::mmap(const MapRequest& /*request*/) {
  return Err(ENODEV);
}

}  // namespace noiommu
