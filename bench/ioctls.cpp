// Whole system calls: descriptor, envelope, user copies, checks and the work itself.
#include "bench/rig.h"

namespace noiommu::bench {
namespace {

void ioctl_get_pa(benchmark::State& state) {
  Rig rig;
  rig.map(Rig::kIova, kPageSize);
  time_each(state, [&] { benchmark::DoNotOptimize(rig.get_pa(Rig::kIova, kPageSize)); });
}
BENCHMARK(ioctl_get_pa)->Name("ioctl GET_PA of a page, 1 area")->UseRealTime();

void ioctl_map(benchmark::State& state) {
  constexpr uint64_t kAreas = 256;
  Rig rig;
  rig.map(Rig::area(kAreas), kPageSize);
  time_batches(
      state, kAreas, [&] { rig.map_areas(kAreas); },
      [&] {
        for (uint64_t i = 0; i < kAreas; ++i) rig.unmap(Rig::area(i), kPageSize);
      });
}
BENCHMARK(ioctl_map)->Name("ioctl IOAS_MAP 4 KiB")->UseManualTime();

void ioctl_unmap(benchmark::State& state) {
  constexpr uint64_t kAreas = 256;
  Rig rig;
  rig.map(Rig::area(kAreas), kPageSize);
  rig.map_areas(kAreas);
  time_batches(
      state, kAreas,
      [&] {
        for (uint64_t i = 0; i < kAreas; ++i) rig.unmap(Rig::area(i), kPageSize);
      },
      [&] { rig.map_areas(kAreas); });
}
BENCHMARK(ioctl_unmap)->Name("ioctl IOAS_UNMAP 4 KiB")->UseManualTime();

}  // namespace
}  // namespace noiommu::bench
