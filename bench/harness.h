// What the benchmarks share: how an operation is timed, and addresses in random order.
#pragma once

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <random>
#include <vector>

#include "model/kernel/types.h"

namespace noiommu::bench {

inline constexpr uint64_t kMiB = 1ULL << 20;
inline constexpr uint64_t kGiB = 1ULL << 30;

// Every row reports this counter: seconds for one operation, or for one item of a bulk one.
inline constexpr const char* kPerItem = "per_item";

inline void report(benchmark::State& state, uint64_t items) {
  state.counters[kPerItem] =
      benchmark::Counter(static_cast<double>(items), benchmark::Counter::kIsIterationInvariantRate |
                                                         benchmark::Counter::kInvert);
}

// Operations that cannot be repeated at once, such as a map: `timed` does `items` of them, and
// `untimed` undoes them. For benchmarks with UseManualTime().
template <class Timed, class Untimed>
void time_batches(benchmark::State& state, uint64_t items, const Timed& timed,
                  const Untimed& untimed) {
  using Clock = std::chrono::steady_clock;
  timed();  // the first time makes tables
  untimed();
  for ([[maybe_unused]] auto _ : state) {
    const Clock::time_point start = Clock::now();
    timed();
    state.SetIterationTime(std::chrono::duration<double>(Clock::now() - start).count());
    untimed();
  }
  report(state, items);
}

// Operations that change nothing: one a round of the loop.
template <class Operation>
void time_each(benchmark::State& state, const Operation& operation) {
  for ([[maybe_unused]] auto _ : state) operation();
  report(state, 1);
}

// 0 to count - 1 in random order, the same in every run.
inline std::vector<uint32_t> shuffled(size_t count) {
  std::vector<uint32_t> order(count);
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), std::mt19937(1));
  return order;
}

}  // namespace noiommu::bench
