#include "model/vfio/vfio_pci_dmabuf.h"

#include <linux/pci_regs.h>

#include <utility>

#include "uapi/vfio.h"

namespace noiommu::vfio {

namespace {

// More do not fit the largest piece of memory that the kernel takes at once, 4 MiB.
constexpr uint32_t kMaxRanges = (4U << 20) / sizeof(vfio_region_dma_range);

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

Status check_ranges(const std::vector<vfio_region_dma_range>& ranges) {
  int64_t total = 0;
  for (const vfio_region_dma_range& range : ranges) {
    if (range.length == 0) return Err(EINVAL);
    if (!page_aligned(range.offset) || !page_aligned(range.length)) return Err(EINVAL);
    if (__builtin_add_overflow(total, range.length, &total)) return Err(EINVAL);
  }
  return {};
}

Result<std::vector<PfnRun>> find_runs(const pci::Bar& bar,
                                      const std::vector<vfio_region_dma_range>& ranges) {
  std::vector<PfnRun> runs;
  for (const vfio_region_dma_range& range : ranges) {
    uint64_t start = 0;
    uint64_t end = 0;
    if (__builtin_add_overflow(bar.base.value, range.offset, &start) ||
        __builtin_add_overflow(start, range.length, &end)) {
      return Err(EOVERFLOW);
    }
    if (end > bar.base.value + bar.size) return Err(EINVAL);
    runs.push_back({to_pfn({start}), range.length / kPageSize});
  }
  return runs;
}

}  // namespace

Result<VfioPciDmaBufs::Request> VfioPciDmaBufs::read(Process& process,
                                                     const pci::Function& function,
                                                     UserPtr payload) {
  vfio_device_feature_dma_buf request{};
  if (auto read = read_user(process.memory(), payload, request); !read) return Err(read.error());
  if (request.nr_ranges == 0 || request.flags != 0) return Err(EINVAL);
  if (request.region_index >= pci::kBarCount) return Err(ENODEV);
  const pci::Bar bar = function.bar(request.region_index);
  if (bar.size == 0) return Err(ENODEV);
  if (request.nr_ranges > kMaxRanges) return Err(ENOMEM);
  auto ranges = read_ranges(process, payload + sizeof(request), request.nr_ranges);
  if (!ranges) return Err(ranges.error());
  if (auto good = check_ranges(*ranges); !good) return Err(good.error());
  auto runs = find_runs(bar, *ranges);
  if (!runs) return Err(runs.error());
  return Request{std::move(*runs), static_cast<int>(request.open_flags)};
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
