#include "model/kernel/file.h"

#include <unistd.h>

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

Result<uint64_t> File::lseek(int64_t offset, int whence) {
  if (!has_position()) return Err(ESPIPE);
  if (whence != SEEK_SET && whence != SEEK_CUR) return Err(EINVAL);
  const auto from = whence == SEEK_SET ? 0 : static_cast<int64_t>(position.load());
  int64_t place = 0;
  if (__builtin_add_overflow(from, offset, &place) || place < 0) return Err(EINVAL);
  position = static_cast<uint64_t>(place);
  return static_cast<uint64_t>(place);
}

Result<std::shared_ptr<VmObject>> File::mmap(const MapRequest& /*request*/) {
  return Err(ENODEV);
}

}  // namespace noiommu
