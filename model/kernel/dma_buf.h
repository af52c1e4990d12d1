// A buffer that a driver shares by descriptor with other drivers, here a part of a device's BAR.
#pragma once

#include <mutex>
#include <vector>

#include "model/kernel/file.h"
#include "model/kernel/result.h"
#include "model/kernel/types.h"

namespace noiommu {

// The exporter may revoke the buffer and give it back: while it is revoked nobody may use its
// addresses. Thread-safety: all methods may be called from any thread. Spec: vfio-core.md section
// 11.10.
class DmaBuf : public File {
 public:
  // Who uses the addresses of a buffer.
  class Importer {
   public:
    virtual ~Importer() = default;
    // The addresses are to be given up before this returns, and for good. Calls nothing of the
    // buffer.
    virtual void revoked() = 0;
  };

  // Whole pages, in the order of the buffer.
  DmaBuf(std::vector<PfnRun> runs, bool is_revoked);

  [[nodiscard]] uint64_t size() const { return size_; }  // bytes

  // The address of a buffer that is in one piece; `importer` hears when it is revoked, until it
  // detaches. EOPNOTSUPP for several pieces; ENODEV while revoked.
  Result<PfnRun> attach(Importer& importer);
  void detach(Importer& importer);

  // The exporter's side. Importers have let go when this returns.
  void set_revoked(bool revoked);

  Result<std::shared_ptr<VmObject>> mmap(const MapRequest& request) override;
  [[nodiscard]] bool seekable() const override { return false; }
  // Tells the size, by an offset of 0 with SEEK_END; SEEK_SET takes nothing else either.
  Result<uint64_t> lseek(int64_t offset, int whence) override;

 private:
  const std::vector<PfnRun> runs_;
  const uint64_t size_;
  std::mutex mutex_;  // guards everything below
  bool revoked_;
  std::vector<Importer*> importers_;
};

}  // namespace noiommu
