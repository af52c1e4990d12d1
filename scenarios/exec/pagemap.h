// /proc/PID/pagemap, from which programs learn physical addresses where no call tells them.
#pragma once

#include <sys/types.h>

#include <memory>

#include "model/kernel/file.h"
#include "scenarios/exec/owned_fd.h"
#include "scenarios/exec/remote_memory.h"

namespace noiommu::scenarios::exec {

// The real one, but with frames of the modelled machine. As there, frame numbers are for who has
// CAP_SYS_ADMIN, and 0 for all others.
class Pagemap : public File {
 public:
  Pagemap(pid_t process, std::shared_ptr<RemoteMemory> memory);

  // EINVAL where position or length are no multiple of an entry's 8 bytes.
  Result<uint64_t> read(Process& process, UserPtr to, uint64_t length, uint64_t position) override;
  [[nodiscard]] bool has_position() const override { return true; }

 private:
  const OwnedFd real_;
  const std::shared_ptr<RemoteMemory> memory_;
};

}  // namespace noiommu::scenarios::exec
