#include "model/vfio/vfio_pci_dmabuf.h"

#include <linux/pci_regs.h>

#include <utility>

#include "uapi/vfio.h"

namespace noiommu::vfio {

namespace {

Result<std::vector<vfio_region_dma_range>> read_ranges(Process& process, UserPtr from,
                                                       uint32_t count) {
  std::vector<vfio_region_dma_range> ranges;
  for (uint32_t i = 0; i < count; ++i, from += sizeof(vfio_region_dma_range)) {
    vfio_region_dma_range range{};
    if (auto read = read_user(process.memory(), from, range); !read) return Err(read.error());
    ranges.push_back(range);
  }
  return ranges;
}

bool page_aligned(uint64_t value) {
  return value % kPageSize == 0;
}

}  // namespace

Result<VfioPciDmaBufs::Request> VfioPciDmaBufs::read(Process& process,
                                                     const pci::Function& function,
                                                     UserPtr payload) {
  vfio_device_feature_dma_buf request{};
  if (auto read = read_user(process.memory(), payload, request); !read) return Err(read.error());
  if (request.nr_ranges == 0 || request.flags != 0) return Err(EINVAL);
  if (request.region_index >= pci::kBarCount) return Err(ENODEV);
  auto ranges = read_ranges(process, payload + sizeof(request), request.nr_ranges);
  if (!ranges) return Err(ranges.error());
  for (const vfio_region_dma_range& range : *ranges) {
    if (range.length == 0) return Err(EINVAL);
    if (!page_aligned(range.offset) || !page_aligned(range.length)) return Err(EINVAL);
  }
  const pci::Bar bar = function.bar(request.region_index);
  if (bar.size == 0) return Err(ENODEV);
  std::vector<PfnRun> runs;
  for (const vfio_region_dma_range& range : *ranges) {
    if (range.offset > bar.size || range.length > bar.size - range.offset) return Err(EINVAL);
    runs.push_back({to_pfn(bar.base + range.offset), range.length / kPageSize});
  }
  return Request{std::move(runs), static_cast<int>(request.open_flags)};
}

Result<int> VfioPciDmaBufs::create(Process& process, Request request, bool revoked) {
  auto buffer = std::make_shared<DmaBuf>(std::move(request.runs), revoked);
  buffer->open_flags = request.open_flags;
  auto fd = process.install(buffer);
  if (!fd) return Err(fd.error());
  const std::lock_guard lock(mutex_);
  std::erase_if(buffers_, [](const auto& known) { return known.expired(); });
  buffers_.push_back(buffer);
  return fd;
}

void VfioPciDmaBufs::set_revoked(bool revoked) {
  const std::lock_guard lock(mutex_);
  for (const auto& known : buffers_) {
    if (auto buffer = known.lock()) buffer->set_revoked(revoked);
  }
}

void VfioPciDmaBufs::cleanup() {
  set_revoked(true);
  const std::lock_guard lock(mutex_);
  buffers_.clear();
}

}  // namespace noiommu::vfio
