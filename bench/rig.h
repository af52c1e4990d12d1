// An IOAS with a device without an IOMMU attached, and memory to map there.
#pragma once

#include <sys/mman.h>

#include <memory>
#include <stdexcept>

#include "bench/harness.h"
#include "model/iommufd/context.h"
#include "model/iommufd/ioas.h"
#include "model/machine/machine.h"
#include "uapi/iommufd.h"
#include "uapi/vfio.h"

namespace noiommu::bench {

class Rig {
 public:
  static constexpr uint64_t kIova = 1ULL << 32;

  explicit Rig(uint64_t buffer_bytes = 4 * kMiB, const mm::MemoryConfig& memory = {})
      : machine_({.memory = memory, .devices = {{.bdf = "0000:00:04.0"}}}),
        process_(machine_.spawn()) {
    iommufd_ = must(process_->open("/dev/iommu", O_RDWR));
    const int dev = must(process_->open("/dev/vfio/devices/noiommu-vfio0", O_RDWR));
    buffer_ = map_memory(buffer_bytes);
    argument_ = map_memory(kPageSize);
    call(dev, VFIO_DEVICE_BIND_IOMMUFD,
         vfio_device_bind_iommufd{
             .argsz = 16, .flags = 0, .iommufd = iommufd_, .out_devid = 0, .token_uuid_ptr = 0});
    ioas_ = call(iommufd_, IOMMU_IOAS_ALLOC,
                 iommu_ioas_alloc{.size = sizeof(iommu_ioas_alloc), .flags = 0, .out_ioas_id = 0})
                .out_ioas_id;
    call(dev, VFIO_DEVICE_ATTACH_IOMMUFD_PT,
         vfio_device_attach_iommufd_pt{.argsz = 12, .flags = 0, .pt_id = ioas_, .pasid = 0});
  }

  // Whole system calls.
  void map(uint64_t iova, uint64_t length, uint64_t offset = 0) {
    call(iommufd_, IOMMU_IOAS_MAP,
         iommu_ioas_map{.size = sizeof(iommu_ioas_map),
                        .flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
                                 IOMMU_IOAS_MAP_WRITEABLE,
                        .ioas_id = ioas_,
                        .__reserved = 0,
                        .user_va = buffer_.value + offset,
                        .length = length,
                        .iova = iova});
  }
  void unmap(uint64_t iova, uint64_t length) {
    call(iommufd_, IOMMU_IOAS_UNMAP,
         iommu_ioas_unmap{
             .size = sizeof(iommu_ioas_unmap), .ioas_id = ioas_, .iova = iova, .length = length});
  }
  // Arguments that lie ready in the program's memory, as many as fit in a page.
  template <class T>
  void prepare(uint64_t index, const T& argument) {
    if (!write_user(process_->memory(), argument_ + index * sizeof(T), argument)) throw failure();
  }
  template <class T>
  void call_prepared(uint32_t command, uint64_t index) {
    const auto done = process_->ioctl(iommufd_, command, (argument_ + index * sizeof(T)).value);
    if (!done) throw failure();
  }
  [[nodiscard]] uint32_t ioas() const { return ioas_; }
  [[nodiscard]] UserPtr buffer() const { return buffer_; }
  // As many areas of a page each, with a page between them.
  void map_areas(uint64_t count) { map_areas_from(0, count); }
  void map_areas_from(uint64_t first, uint64_t count) {
    for (uint64_t i = first; i < first + count; ++i) map(area(i), kPageSize);
  }
  static uint64_t area(uint64_t index) { return kIova + 2 * index * kPageSize; }

  // The typed calls behind them.
  iommufd::IoPagetable& iopt() {
    auto context = std::dynamic_pointer_cast<iommufd::Context>(must(process_->file(iommufd_)));
    return must(context->objects().get<iommufd::Ioas>(ioas_))->iopt;
  }
  [[nodiscard]] iommufd::IoPagetable::Slice slice(uint64_t bytes) {
    return {make_kref<iommufd::UserPages>(machine_.memory(), process_->task(),
                                          iommufd::Pages::Accounting::kNone, buffer_, true),
            0, bytes};
  }

 private:
  static std::runtime_error failure() { return std::runtime_error("a benchmarked call failed"); }
  template <class T>
  static T must(Result<T> result) {
    if (!result) throw std::runtime_error("the benchmark's set-up failed");
    return std::move(*result);
  }
  UserPtr map_memory(uint64_t length) {
    return must(process_->mmap(
        {.length = length, .prot = PROT_READ | PROT_WRITE, .flags = MAP_PRIVATE | MAP_ANONYMOUS}));
  }
  template <class T>
  T call(int fd, uint32_t command, T argument) {
    if (!write_user(process_->memory(), argument_, argument) ||
        !process_->ioctl(fd, command, argument_.value) ||
        !read_user(process_->memory(), argument_, argument)) {
      throw failure();
    }
    return argument;
  }

  Machine machine_;
  std::unique_ptr<Process> process_;
  int iommufd_ = -1;
  uint32_t ioas_ = 0;
  UserPtr buffer_;
  UserPtr argument_;
};

}  // namespace noiommu::bench
