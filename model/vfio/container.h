// An open /dev/vfio/vfio: the container of the VFIO core.
#pragma once

#include "model/kernel/file.h"
#include "model/vfio/vfio_main.h"

namespace noiommu::vfio {

// A container that no group has joined. Spec: vfio-core.md section 6.1, column "no group".
// Thread-safe.
class Container : public File {
 public:
  explicit Container(const Vfio& vfio) : vfio_(vfio) {}

  Result<int64_t> ioctl(Process& process, uint32_t command, uint64_t argument) override;

 private:
  [[nodiscard]] int64_t check_extension(uint64_t extension) const;

  const Vfio& vfio_;
};

// Makes the node when the configuration has VFIO_CONTAINER.
void register_container(Vfio& vfio);

}  // namespace noiommu::vfio
