// Parts of BARs that are shared as dma-bufs. Spec: vfio-core.md section 11.10.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "model/kernel/dma_buf.h"
#include "model/kernel/process.h"
#include "model/pci/function.h"

namespace noiommu::vfio {

// The dma-bufs of one open device; does not keep them alive. Thread-safe.
class VfioPciDmaBufs : Unmovable {
 public:
  // What the payload of DEVICE_FEATURE asks for.
  struct Request {
    std::vector<PfnRun> runs;
    int open_flags = 0;
  };
  // EFAULT, EINVAL, ENODEV, ENOMEM, EOVERFLOW. Without a lock of the device's memory: the payload
  // may lie there.
  static Result<Request> read(Process& process, const pci::Function& function, UserPtr payload);
  // A descriptor for it. EMFILE. `revoked`: as long as nobody may use the BAR.
  Result<int> create(Process& process, Request request, bool revoked);
  void set_revoked(bool revoked);
  // Revokes them for good.
  void cleanup();

 private:
  std::mutex mutex_;
  std::vector<std::weak_ptr<DmaBuf>> buffers_;  // guarded by mutex_
};

}  // namespace noiommu::vfio
