// The page table on its own. `chase L1` is one dependent load from the first-level cache: divide by
// it to compare machines. Work per call is in the name; `items` counts pages or leaves.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <random>
#include <vector>

#include "model/generic_pt/amdv1.h"

namespace noiommu::generic_pt {
namespace {

constexpr uint32_t kBoth = kRead | kWrite;
constexpr uint64_t kMiB = 1 << 20;
constexpr uint64_t kGiB = 1 << 30;

void chase_l1(benchmark::State& state) {
  std::vector<uint32_t> order(size_t{16} * 1024 / sizeof(uint32_t));
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), std::mt19937(1));
  std::vector<uint32_t> next(order.size());
  for (size_t i = 0; i < order.size(); ++i) next[order[i]] = order[(i + 1) % order.size()];
  uint32_t at = 0;
  for ([[maybe_unused]] auto _ : state) {
    for (int i = 0; i < 64; ++i) at = next[at];
    benchmark::DoNotOptimize(at);
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * 64);
}
BENCHMARK(chase_l1)->Name("chase L1, 64 loads");

// Maps and unmaps the same range, beside a page that keeps the tables of its neighbourhood.
void map_unmap(benchmark::State& state, uint64_t bytes, uint64_t pa, uint64_t pages) {
  AmdV1 table;
  const Iova iova{4 * kGiB};
  if (!table.map(iova - kPageSize, PhysAddr{0x1000}, kPageSize, kBoth)) return;
  if (bytes < 2 * kMiB && !table.map(iova + kMiB, PhysAddr{0x1000}, kPageSize, kBoth)) return;
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(table.map(iova, PhysAddr{pa}, bytes, kBoth));
    benchmark::DoNotOptimize(table.unmap(iova, bytes));
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * pages));
}
BENCHMARK_CAPTURE(map_unmap, "4K page", kPageSize, kGiB, 1);
BENCHMARK_CAPTURE(map_unmap, "64K leaf", 16 * kPageSize, kGiB, 1);
BENCHMARK_CAPTURE(map_unmap, "1M leaf", kMiB, kGiB, 1);
BENCHMARK_CAPTURE(map_unmap, "2M leaf", 2 * kMiB, kGiB, 1);
BENCHMARK_CAPTURE(map_unmap, "1G leaf", kGiB, kGiB, 1);
BENCHMARK_CAPTURE(map_unmap, "2M of 512 pages", 2 * kMiB, kGiB + kPageSize, 512);
BENCHMARK_CAPTURE(map_unmap, "1G of 262144 pages", kGiB, kGiB + kPageSize, 262144);

// `bytes` from IOVA 0 as single pages, frame after frame apart.
void fill_with_pages(AmdV1& table, uint64_t bytes) {
  for (uint64_t at = 0; at < bytes; at += kPageSize) {
    benchmark::DoNotOptimize(table.map(Iova{at}, PhysAddr{2 * at}, kPageSize, kBoth));
  }
}

void map_single_pages(benchmark::State& state) {
  constexpr uint64_t kBytes = 256 * kMiB;
  AmdV1 table;
  for ([[maybe_unused]] auto _ : state) {
    fill_with_pages(table, kBytes);
    state.PauseTiming();
    table.unmap(Iova{0}, kBytes);
    state.ResumeTiming();
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * (kBytes / kPageSize)));
}
BENCHMARK(map_single_pages)->Name("map 256M, page by page")->Unit(benchmark::kMicrosecond);

void unmap_single_pages(benchmark::State& state) {
  constexpr uint64_t kBytes = 256 * kMiB;
  AmdV1 table;
  for ([[maybe_unused]] auto _ : state) {
    state.PauseTiming();
    fill_with_pages(table, kBytes);
    state.ResumeTiming();
    benchmark::DoNotOptimize(table.unmap(Iova{0}, kBytes));
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * (kBytes / kPageSize)));
}
BENCHMARK(unmap_single_pages)->Name("unmap 256M of pages, one call")->Unit(benchmark::kMicrosecond);

void lookup_hot(benchmark::State& state, uint64_t leaf) {
  AmdV1 table;
  if (!table.map(Iova{leaf}, PhysAddr{leaf}, leaf, kBoth)) return;
  uint64_t iova = leaf;
  for ([[maybe_unused]] auto _ : state) {
    const uint64_t pa = table.iova_to_phys(Iova{iova}).value;
    iova = leaf + ((pa + kPageSize) & (leaf - 1));
    benchmark::DoNotOptimize(iova);
  }
}
BENCHMARK_CAPTURE(lookup_hot, "4K leaf", kPageSize);
BENCHMARK_CAPTURE(lookup_hot, "64K leaf", 16 * kPageSize);
BENCHMARK_CAPTURE(lookup_hot, "2M leaf", 2 * kMiB);
BENCHMARK_CAPTURE(lookup_hot, "1G leaf", kGiB);

std::vector<uint64_t> random_pages(uint64_t bytes) {
  std::vector<uint64_t> pages(1 << 14);
  std::mt19937_64 random(1);
  for (uint64_t& page : pages) page = random() % bytes & kPageMask;
  return pages;
}

template <class Lookup>
void look_up_at_random(benchmark::State& state, uint64_t bytes, Lookup lookup) {
  const std::vector<uint64_t> pages = random_pages(bytes);
  size_t i = 0;
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(lookup(pages[i]));
    i = (i + 1) % pages.size();
  }
}

void lookup_random(benchmark::State& state) {
  AmdV1 table;
  fill_with_pages(table, kGiB);
  look_up_at_random(state, kGiB, [&](uint64_t iova) { return table.iova_to_phys(Iova{iova}); });
}
BENCHMARK(lookup_random)->Name("lookup random over 1G of pages");

void lookup_random_map(benchmark::State& state) {
  std::map<uint64_t, uint64_t> table;
  for (uint64_t at = 0; at < kGiB; at += kPageSize) table.emplace_hint(table.end(), at, 2 * at);
  look_up_at_random(state, kGiB, [&](uint64_t iova) { return table.find(iova)->second; });
}
BENCHMARK(lookup_random_map)->Name("lookup random over 1G of pages, std::map");

void translate_run(benchmark::State& state) {
  AmdV1 table;
  if (!table.map(Iova{0}, PhysAddr{kPageSize}, 64 * kMiB, kBoth)) return;
  for ([[maybe_unused]] auto _ : state)
    benchmark::DoNotOptimize(table.translate(Iova{0}, 64 * kMiB));
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * (64 * kMiB / kPageSize)));
}
BENCHMARK(translate_run)->Name("translate 64M of contiguous pages");

}  // namespace
}  // namespace noiommu::generic_pt
