// Mappings of an IOAS: typed calls, with pinning and with the page table behind them.
#include "bench/rig.h"

namespace noiommu::bench {
namespace {

void get_pa(benchmark::State& state) {
  const auto areas = static_cast<uint64_t>(state.range(0));
  Rig rig;
  rig.map_areas(areas);
  const iommufd::IoPagetable& iopt = rig.iopt();
  const std::vector<uint32_t> order = shuffled(std::max<uint64_t>(areas, 1));
  size_t i = 0;
  time_each(state, [&] {
    benchmark::DoNotOptimize(iopt.get_pa(Iova{Rig::area(order[i])}, kPageSize));
    if (++i == order.size()) i = 0;
  });
}
BENCHMARK(get_pa)
    ->Name("GET_PA of a page, areas")
    ->RangeMultiplier(10)
    ->Range(1, 10'000'000)
    ->UseRealTime();

void get_pa_of_a_run(benchmark::State& state) {
  constexpr uint64_t kBytes = 2 * kMiB;
  Rig rig(4 * kMiB, {.placement = mm::MemoryConfig::Placement::kContiguous});
  rig.map(Rig::kIova, kBytes, kPageSize);  // neither frames nor IOVAs are aligned to more
  const iommufd::IoPagetable& iopt = rig.iopt();
  const auto run = iopt.get_pa(Iova{Rig::kIova}, kBytes);
  if (!run) return state.SkipWithError("GET_PA failed");
  const uint64_t pages = run->bytes / kPageSize;
  time_each(
      state, [&] { benchmark::DoNotOptimize(iopt.get_pa(Iova{Rig::kIova}, kBytes)); }, pages);
  state.counters["pages"] = static_cast<double>(pages);
}
BENCHMARK(get_pa_of_a_run)->Name("GET_PA over a long contiguous run, per 4 KiB")->UseRealTime();

enum class Half : uint8_t { kMap, kUnmap };

void map_pages(benchmark::State& state, Half half) {
  constexpr uint64_t kAreas = 256;
  Rig rig;
  rig.map(Rig::area(kAreas), kPageSize);  // keeps the table
  iommufd::IoPagetable& iopt = rig.iopt();
  const auto map_all = [&] {
    for (uint64_t i = 0; i < kAreas; ++i) {
      const auto slice = rig.slice(kPageSize);
      benchmark::DoNotOptimize(iopt.map({&slice, 1}, {.prot = 3, .iova = Iova{Rig::area(i)}}));
    }
  };
  const auto unmap_all = [&] {
    for (uint64_t i = 0; i < kAreas; ++i) {
      uint64_t unmapped = 0;
      benchmark::DoNotOptimize(iopt.unmap({Rig::area(i), Rig::area(i) + kPageSize - 1}, unmapped));
    }
  };
  if (half == Half::kMap) {
    time_batches(state, kAreas, map_all, unmap_all);
  } else {
    map_all();
    time_batches(state, kAreas, unmap_all, map_all);
  }
}
BENCHMARK_CAPTURE(map_pages, map, Half::kMap)->Name("IOAS map 4 KiB with pinning")->UseManualTime();
BENCHMARK_CAPTURE(map_pages, unmap, Half::kUnmap)
    ->Name("IOAS unmap 4 KiB with pinning")
    ->UseManualTime();

}  // namespace
}  // namespace noiommu::bench
