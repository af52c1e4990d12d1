// What the benchmarks share: how an operation is timed, and addresses in random order.
#pragma once

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "model/kernel/types.h"

// For bench/profile, which counts the instructions of what is timed.
#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#else
#define CALLGRIND_TOGGLE_COLLECT
#define CALLGRIND_DUMP_STATS_AT(text) static_cast<void>(text)
#endif

namespace noiommu::bench {

inline constexpr uint64_t kMiB = 1ULL << 20;
inline constexpr uint64_t kGiB = 1ULL << 30;

// Every row reports this counter: seconds for one operation, or for one item of a bulk one.
inline constexpr const char* kPerItem = "per_item";

inline void report(benchmark::State& state, uint64_t items) {
  state.counters[kPerItem] =
      benchmark::Counter(static_cast<double>(items), benchmark::Counter::kIsIterationInvariantRate |
                                                         benchmark::Counter::kInvert);
  const auto all = static_cast<uint64_t>(state.iterations()) * items;
  CALLGRIND_DUMP_STATS_AT(std::to_string(all).c_str());
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
    CALLGRIND_TOGGLE_COLLECT;
    const Clock::time_point start = Clock::now();
    timed();
    const Clock::time_point end = Clock::now();
    CALLGRIND_TOGGLE_COLLECT;
    state.SetIterationTime(std::chrono::duration<double>(end - start).count());
    untimed();
  }
  report(state, items);
}

// Operations that change nothing: one a round of the loop, of so many items.
template <class Operation>
void time_each(benchmark::State& state, const Operation& operation, uint64_t items = 1) {
  CALLGRIND_TOGGLE_COLLECT;
  for ([[maybe_unused]] auto _ : state) operation();
  CALLGRIND_TOGGLE_COLLECT;
  report(state, items);
}

// 0 to count - 1 in random order, the same in every run.
inline std::vector<uint32_t> shuffled(size_t count) {
  std::vector<uint32_t> order(count);
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), std::mt19937(1));
  return order;
}

}  // namespace noiommu::bench
