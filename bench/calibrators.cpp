// What this machine can do, to compare machines by. "L1 load" is the unit of all figures.
#include <atomic>
#include <cstring>

#include "bench/harness.h"

namespace noiommu::bench {
namespace {

// One load depends on the one before, around a random cycle through `bytes`.
void dependent_loads(benchmark::State& state, size_t bytes) {
  const std::vector<uint32_t> order = shuffled(bytes / sizeof(uint64_t));
  std::vector<uint64_t> next(order.size());
  for (size_t i = 0; i < order.size(); ++i) next[order[i]] = order[(i + 1) % order.size()];
  uint64_t at = 0;
  constexpr int kLoads = 256;
  time_each(
      state,
      [&] {
        for (int i = 0; i < kLoads; ++i) at = next[at];
        benchmark::DoNotOptimize(at);
      },
      kLoads);
}
BENCHMARK_CAPTURE(dependent_loads, l1, 16 << 10)->Name("L1 load")->UseRealTime();
BENCHMARK_CAPTURE(dependent_loads, l2, 512 << 10)->Name("L2 load")->UseRealTime();
BENCHMARK_CAPTURE(dependent_loads, dram, 256 << 20)->Name("DRAM load")->UseRealTime();

void memset64(benchmark::State& state) {
  std::vector<uint64_t> words(kMiB / 4);  // 2 MiB
  uint64_t value = 1;
  time_each(
      state,
      [&] {
        std::fill(words.begin(), words.end(), value++);
        benchmark::ClobberMemory();
      },
      words.size());
}
BENCHMARK(memset64)->Name("memset64, per entry")->UseRealTime();

void compare_and_swap(benchmark::State& state) {
  std::atomic<uint64_t> word = 0;
  uint64_t expected = 0;
  time_each(state, [&] {
    benchmark::DoNotOptimize(word.compare_exchange_strong(expected, expected + 1));
    ++expected;
  });
}
BENCHMARK(compare_and_swap)->Name("compare-and-swap, uncontended")->UseRealTime();

}  // namespace
}  // namespace noiommu::bench
