// The page table on its own.
#include "bench/harness.h"
#include "model/generic_pt/amdv1.h"

namespace noiommu::bench {
namespace {

using generic_pt::AmdV1;

constexpr uint32_t kBoth = generic_pt::kRead | generic_pt::kWrite;
constexpr Iova kBase{4 * kGiB};

void map(AmdV1& table, Iova iova, uint64_t pa, uint64_t bytes) {
  benchmark::DoNotOptimize(table.map(iova, PhysAddr{pa}, bytes, kBoth));
}

enum class Half : uint8_t { kMap, kUnmap };

// `count` leaves of `bytes` each, one call for each, in a table that a page behind them keeps.
void single_leaves(benchmark::State& state, uint64_t bytes, unsigned count, Half half) {
  AmdV1 table;
  map(table, kBase + bytes * count, 0x1000, kPageSize);
  const auto map_all = [&] {
    for (unsigned i = 0; i < count; ++i) map(table, kBase + i * bytes, (i + 1) * 2 * bytes, bytes);
  };
  const auto unmap_all = [&] {
    for (unsigned i = 0; i < count; ++i) {
      benchmark::DoNotOptimize(table.unmap(kBase + i * bytes, bytes));
    }
  };
  if (half == Half::kMap) {
    time_batches(state, count, map_all, unmap_all);
  } else {
    map_all();
    time_batches(state, count, unmap_all, map_all);
  }
}
BENCHMARK_CAPTURE(single_leaves, map4k, kPageSize, 511, Half::kMap)
    ->Name("map 4 KiB, table present")
    ->UseManualTime();
BENCHMARK_CAPTURE(single_leaves, map64k, 16 * kPageSize, 31, Half::kMap)
    ->Name("map a 64 KiB leaf")
    ->UseManualTime();
BENCHMARK_CAPTURE(single_leaves, map2m, 2 * kMiB, 511, Half::kMap)
    ->Name("map a 2 MiB leaf")
    ->UseManualTime();
BENCHMARK_CAPTURE(single_leaves, map1g, kGiB, 400, Half::kMap)
    ->Name("map a 1 GiB leaf")
    ->UseManualTime();
BENCHMARK_CAPTURE(single_leaves, unmap4k, kPageSize, 511, Half::kUnmap)
    ->Name("unmap 4 KiB")
    ->UseManualTime();
BENCHMARK_CAPTURE(single_leaves, unmap2m, 2 * kMiB, 511, Half::kUnmap)
    ->Name("unmap a 2 MiB leaf")
    ->UseManualTime();

// 2 MiB that lie 4 KiB off, so that no larger leaf fits; the table stays.
void map_misaligned(benchmark::State& state) {
  AmdV1 table;
  time_batches(
      state, 512, [&] { map(table, kBase, kGiB + kPageSize, 2 * kMiB); },
      [&] { table.unmap(kBase, 2 * kMiB); });
}
BENCHMARK(map_misaligned)->Name("map 2 MiB of 4 KiB leaves, per entry")->UseManualTime();

// Frames that are nobody's neighbours, as iommufd hands them over.
void map_scattered(benchmark::State& state) {
  constexpr uint64_t kPages = 512;
  std::vector<PfnRun> runs;
  for (const uint32_t i : shuffled(kPages)) runs.push_back({Pfn{2 * i + 2}, 1});
  AmdV1 table;
  time_batches(
      state, kPages, [&] { benchmark::DoNotOptimize(table.map(kBase, runs, kBoth)); },
      [&] { table.unmap(kBase, kPages * kPageSize); });
}
BENCHMARK(map_scattered)->Name("map scattered 4 KiB pages in one call, per page")->UseManualTime();

// `bytes` from IOVA 0 as single pages, every other frame.
void fill_with_pages(AmdV1& table, uint64_t bytes) {
  for (uint64_t at = 0; at < bytes; at += kPageSize) map(table, Iova{at}, 2 * at, kPageSize);
}

void unmap_many(benchmark::State& state) {
  constexpr uint64_t kBytes = 256 * kMiB;
  AmdV1 table;
  fill_with_pages(table, kBytes);
  time_batches(
      state, kBytes / kPageSize, [&] { benchmark::DoNotOptimize(table.unmap(Iova{0}, kBytes)); },
      [&] { fill_with_pages(table, kBytes); });
}
BENCHMARK(unmap_many)->Name("unmap 256 MiB of 4 KiB leaves, per page")->UseManualTime();

void look_up_hot(benchmark::State& state, uint64_t leaf) {
  AmdV1 table;
  map(table, Iova{leaf}, leaf, leaf);
  const Iova iova{leaf + 0x123};
  time_each(state, [&] { benchmark::DoNotOptimize(table.iova_to_phys(iova)); });
}
BENCHMARK_CAPTURE(look_up_hot, leaf4k, kPageSize)
    ->Name("iova_to_phys hot, 4 KiB leaf")
    ->UseRealTime();
BENCHMARK_CAPTURE(look_up_hot, leaf2m, 2 * kMiB)
    ->Name("iova_to_phys hot, 2 MiB leaf")
    ->UseRealTime();
BENCHMARK_CAPTURE(look_up_hot, leaf1g, kGiB)->Name("iova_to_phys hot, 1 GiB leaf")->UseRealTime();

void look_up_at_random(benchmark::State& state) {
  constexpr uint64_t kBytes = 4 * kGiB;
  AmdV1 table;
  fill_with_pages(table, kBytes);
  const std::vector<uint32_t> pages = shuffled(kBytes / kPageSize);
  size_t i = 0;
  time_each(state, [&] {
    benchmark::DoNotOptimize(table.iova_to_phys(Iova{uint64_t{pages[i]} * kPageSize}));
    if (++i == pages.size()) i = 0;
  });
}
BENCHMARK(look_up_at_random)->Name("iova_to_phys random over 4 GiB of 4 KiB leaves")->UseRealTime();

// How long a run takes by its length.
void translate_run(benchmark::State& state) {
  const auto bytes = static_cast<uint64_t>(state.range(0)) * kPageSize;
  AmdV1 table;
  map(table, Iova{0}, kPageSize, bytes);
  time_each(
      state, [&] { benchmark::DoNotOptimize(table.translate(Iova{0}, bytes)); }, bytes / kPageSize);
}
BENCHMARK(translate_run)
    ->Name("run of 4 KiB leaves")
    ->RangeMultiplier(8)
    ->Range(1, 1 << 18)
    ->UseRealTime();

}  // namespace
}  // namespace noiommu::bench
