// Whole system calls: descriptor, envelope, user copies and the work itself. `chase L1` in
// page_table.cpp is the unit to compare machines by.
#include <benchmark/benchmark.h>
#include <sys/mman.h>

#include <algorithm>
#include <memory>
#include <span>
#include <stdexcept>

#include "model/machine/machine.h"
#include "uapi/iommufd.h"
#include "uapi/vfio.h"

namespace noiommu {
namespace {

constexpr uint32_t kMapFlags =
    IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE;
constexpr uint64_t kIova = 1ULL << 32;

// A device attached to an IOAS, and memory to map there.
class Rig {
 public:
  Rig() : machine_({.devices = {{.bdf = "0000:00:04.0"}}}), process_(machine_.spawn()) {
    iommufd_ = must(process_->open("/dev/iommu", O_RDWR));
    const int dev = must(process_->open("/dev/vfio/devices/noiommu-vfio0", O_RDWR));
    buffer_ = map_memory(4ULL << 20);
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

  void map(uint64_t iova, uint64_t length) {
    call(iommufd_, IOMMU_IOAS_MAP,
         iommu_ioas_map{.size = sizeof(iommu_ioas_map),
                        .flags = kMapFlags,
                        .ioas_id = ioas_,
                        .__reserved = 0,
                        .user_va = buffer_.value,
                        .length = length,
                        .iova = iova});
  }
  void unmap(uint64_t iova, uint64_t length) {
    call(iommufd_, IOMMU_IOAS_UNMAP,
         iommu_ioas_unmap{
             .size = sizeof(iommu_ioas_unmap), .ioas_id = ioas_, .iova = iova, .length = length});
  }
  uint64_t get_pa(uint64_t iova, uint64_t length) {
    return call(iommufd_, IOMMU_IOAS_NOIOMMU_GET_PA,
                iommu_ioas_noiommu_get_pa{.size = sizeof(iommu_ioas_noiommu_get_pa),
                                          .flags = 0,
                                          .ioas_id = ioas_,
                                          .__reserved = 0,
                                          .iova = iova,
                                          .length = length,
                                          .out_phys = 0})
        .out_phys;
  }

 private:
  template <class T>
  static T must(const Result<T>& result) {
    if (!result) throw std::runtime_error("the benchmark's set-up failed");
    return *result;
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
      throw std::runtime_error("a benchmarked call failed");
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

void ioctl_map_unmap(benchmark::State& state) {
  Rig rig;
  const auto length = static_cast<uint64_t>(state.range(0));
  for ([[maybe_unused]] auto _ : state) {
    rig.map(kIova, length);
    rig.unmap(kIova, length);
  }
}
BENCHMARK(ioctl_map_unmap)->Arg(4 << 10)->Arg(64 << 10)->Arg(2 << 20);

void ioctl_get_pa(benchmark::State& state) {
  Rig rig;
  const auto areas = static_cast<uint64_t>(std::max<int64_t>(state.range(0), 1));
  for (uint64_t i = 0; i < areas; ++i) rig.map(kIova + 2 * i * kPageSize, kPageSize);
  uint64_t at = 0;
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(rig.get_pa(kIova + 2 * at * kPageSize, kPageSize));
    at = (at * 5 + 1) % areas;
  }
}
BENCHMARK(ioctl_get_pa)->Arg(1)->Arg(1000)->Arg(100000);

}  // namespace
}  // namespace noiommu
