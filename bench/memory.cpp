// What an area takes, beside its part of the page table.
#include <unistd.h>

#include <fstream>

#include "bench/rig.h"

namespace noiommu::bench {
namespace {

uint64_t resident_bytes() {
  uint64_t pages = 0;
  uint64_t resident = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident;
  return resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

void bytes_of_an_area(benchmark::State& state) {
  constexpr uint64_t kAreas = 1'000'000;
  for ([[maybe_unused]] auto _ : state) {
    Rig rig;
    rig.map_areas(1);
    const uint64_t before = resident_bytes();
    rig.map_areas_from(1, kAreas);
    const uint64_t tables = kAreas * 2 * kPageSize / (2 * kMiB) * kPageSize;
    state.counters["bytes"] =
        static_cast<double>(resident_bytes() - before - tables) / static_cast<double>(kAreas);
  }
}
BENCHMARK(bytes_of_an_area)->Name("bytes of an area")->Iterations(1);

}  // namespace
}  // namespace noiommu::bench
