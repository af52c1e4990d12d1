// What an area takes, beside its part of the page table.
#include <malloc.h>

#include "bench/rig.h"

namespace noiommu::bench {
namespace {

// What the program has from its allocator, freed memory not counted.
uint64_t bytes_in_use() {
  const auto info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

void bytes_of_an_area(benchmark::State& state) {
  constexpr uint64_t kAreas = 1'000'000;
  for ([[maybe_unused]] auto _ : state) {
    Rig rig;
    rig.map_areas(1);
    const uint64_t before = bytes_in_use();
    rig.map_areas_from(1, kAreas);
    const uint64_t tables = kAreas * 2 * kPageSize / (2 * kMiB) * kPageSize;
    state.counters["bytes"] =
        static_cast<double>(bytes_in_use() - before - tables) / static_cast<double>(kAreas);
  }
}
BENCHMARK(bytes_of_an_area)->Name("bytes of an area")->Iterations(1);

}  // namespace
}  // namespace noiommu::bench
