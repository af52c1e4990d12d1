#include "model/kernel/dma_buf.h"

#include <unistd.h>

#include <numeric>
#include <utility>

namespace noiommu {

DmaBuf::DmaBuf(std::vector<PfnRun> runs, bool is_revoked)
    : runs_(std::move(runs)),
      size_(std::accumulate(runs_.begin(), runs_.end(), uint64_t{0},
                            [](uint64_t sum, const PfnRun& run) { return sum + run.count; })
            << kPageShift),
      revoked_(is_revoked) {}

Result<PfnRun> DmaBuf::attach(Importer& importer) {
  if (runs_.size() > 1) return Err(EOPNOTSUPP);
  const std::lock_guard lock(mutex_);
  if (revoked_) return Err(ENODEV);
  importers_.push_back(&importer);
  return runs_.front();
}

void DmaBuf::detach(Importer& importer) {
  const std::lock_guard lock(mutex_);
  std::erase(importers_, &importer);
}

void DmaBuf::set_revoked(bool revoked) {
  const std::lock_guard lock(mutex_);
  if (revoked && !revoked_) {
    for (Importer* importer : importers_) importer->revoked();
  }
  revoked_ = revoked;
}

Result<uint64_t> DmaBuf::lseek(int64_t offset, int whence) {
  if ((whence != SEEK_SET && whence != SEEK_END) || offset != 0) return Err(EINVAL);
  return whence == SEEK_END ? size_ : 0;
}

// The exporter has no mmap of its own.
Result<std::shared_ptr<VmObject>> DmaBuf::mmap(const MapRequest& /*request*/) {
  return Err(EINVAL);
}

}  // namespace noiommu
