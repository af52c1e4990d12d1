// GET_PA by several threads on one IOAS, alone and beside one that maps elsewhere.
#include <atomic>
#include <thread>

#include "bench/rig.h"

namespace noiommu::bench {
namespace {

constexpr uint64_t kAreas = 1000;
constexpr uint64_t kLookups = 200'000;  // of each thread in a round

void look_up(const iommufd::IoPagetable& iopt, const std::vector<uint32_t>& order) {
  size_t at = 0;
  for (uint64_t i = 0; i < kLookups; ++i) {
    benchmark::DoNotOptimize(iopt.get_pa(Iova{Rig::area(order[at])}, kPageSize));
    if (++at == order.size()) at = 0;
  }
}

// The time of one look-up of one thread, and of all together.
void readers(benchmark::State& state, bool beside_writer) {
  const auto threads = static_cast<unsigned>(state.range(0));
  Rig rig;
  rig.map_areas(kAreas);
  iommufd::IoPagetable& iopt = rig.iopt();
  const std::vector<uint32_t> order = shuffled(kAreas);
  std::atomic<bool> over = false;
  std::jthread writer;
  if (beside_writer) {
    writer = std::jthread([&] {
      const Iova elsewhere{Rig::kIova / 2};
      while (!over) {
        const auto slice = rig.slice(kPageSize);
        uint64_t unmapped = 0;
        benchmark::DoNotOptimize(iopt.map({&slice, 1}, {.prot = 3, .iova = elsewhere}));
        benchmark::DoNotOptimize(
            iopt.unmap({elsewhere.value, elsewhere.value + kPageSize - 1}, unmapped));
      }
    });
  }
  time_batches(
      state, threads * kLookups,
      [&] {
        std::vector<std::jthread> all;
        for (unsigned i = 1; i < threads; ++i) all.emplace_back([&] { look_up(iopt, order); });
        look_up(iopt, order);
      },
      [] {});
  over = true;
}
BENCHMARK_CAPTURE(readers, alone, false)
    ->Name("GET_PA of a page, threads")
    ->Arg(1)
    ->Arg(2)
    ->UseManualTime();
BENCHMARK_CAPTURE(readers, beside_writer, true)
    ->Name("GET_PA of a page beside a thread that maps elsewhere")
    ->Arg(1)
    ->UseManualTime();

}  // namespace
}  // namespace noiommu::bench
