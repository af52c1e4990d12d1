// Whole system calls: descriptor, envelope, user copies, checks and the work itself.
#include "bench/rig.h"

namespace noiommu::bench {
namespace {

constexpr uint64_t kAreas = 64;  // whose arguments fit in a page

iommu_ioas_noiommu_get_pa get_pa_of(const Rig& rig, uint64_t iova) {
  return {.size = sizeof(iommu_ioas_noiommu_get_pa),
          .flags = 0,
          .ioas_id = rig.ioas(),
          .__reserved = 0,
          .iova = iova,
          .length = kPageSize,
          .out_phys = 0};
}

void ioctl_get_pa(benchmark::State& state) {
  Rig rig;
  rig.map(Rig::kIova, kPageSize);
  rig.prepare(0, get_pa_of(rig, Rig::kIova));
  time_each(state,
            [&] { rig.call_prepared<iommu_ioas_noiommu_get_pa>(IOMMU_IOAS_NOIOMMU_GET_PA, 0); });
}
BENCHMARK(ioctl_get_pa)->Name("ioctl GET_PA of a page, 1 area")->UseRealTime();

enum class Half : uint8_t { kMap, kUnmap };

void ioctl_map(benchmark::State& state, Half half) {
  Rig rig;
  rig.map(Rig::area(kAreas), kPageSize);  // keeps the table
  const auto map_all = [&] {
    for (uint64_t i = 0; i < kAreas; ++i) rig.call_prepared<iommu_ioas_map>(IOMMU_IOAS_MAP, i);
  };
  const auto unmap_all = [&] {
    for (uint64_t i = 0; i < kAreas; ++i) {
      rig.call_prepared<iommu_ioas_unmap>(IOMMU_IOAS_UNMAP, i);
    }
  };
  const auto prepare_maps = [&] {
    for (uint64_t i = 0; i < kAreas; ++i) {
      rig.prepare(i, iommu_ioas_map{.size = sizeof(iommu_ioas_map),
                                    .flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
                                             IOMMU_IOAS_MAP_WRITEABLE,
                                    .ioas_id = rig.ioas(),
                                    .__reserved = 0,
                                    .user_va = rig.buffer().value,
                                    .length = kPageSize,
                                    .iova = Rig::area(i)});
    }
  };
  const auto prepare_unmaps = [&] {
    for (uint64_t i = 0; i < kAreas; ++i) {
      rig.prepare(i, iommu_ioas_unmap{.size = sizeof(iommu_ioas_unmap),
                                      .ioas_id = rig.ioas(),
                                      .iova = Rig::area(i),
                                      .length = kPageSize});
    }
  };
  prepare_maps();
  if (half == Half::kMap) {
    time_batches(state, kAreas, map_all, [&] {
      prepare_unmaps();
      unmap_all();
      prepare_maps();
    });
  } else {
    map_all();
    prepare_unmaps();
    time_batches(state, kAreas, unmap_all, [&] {
      prepare_maps();
      map_all();
      prepare_unmaps();
    });
  }
}
BENCHMARK_CAPTURE(ioctl_map, map, Half::kMap)->Name("ioctl IOAS_MAP 4 KiB")->UseManualTime();
BENCHMARK_CAPTURE(ioctl_map, unmap, Half::kUnmap)->Name("ioctl IOAS_UNMAP 4 KiB")->UseManualTime();

}  // namespace
}  // namespace noiommu::bench
