// Containers that others keep mappings in, doing the job of an IOAS: which area is this address in?
// Areas are a page long with a page between them, as in the rows of GET_PA.
#include <absl/container/btree_map.h>

#include <map>

#include "bench/harness.h"

#ifdef NOIOMMU_BENCH_BOOST
#include <boost/icl/interval_map.hpp>
#endif
#ifdef NOIOMMU_BENCH_GLIB
#include <glib.h>
#endif

namespace noiommu::bench {
namespace {

struct Range {
  uint64_t first;
  uint64_t last;
};

Range area(uint64_t index) {
  const uint64_t first = (1ULL << 32) + 2 * index * kPageSize;
  return {first, first + kPageSize - 1};
}

// `find` answers something that depends on the area of an address.
template <class Find>
void find_at_random(benchmark::State& state, const Find& find) {
  const std::vector<uint32_t> order = shuffled(static_cast<size_t>(state.range(0)));
  size_t i = 0;
  time_each(state, [&] {
    benchmark::DoNotOptimize(find(area(order[i]).first + 0x123));
    if (++i == order.size()) i = 0;
  });
}

// By the last address, as IoPagetable has them.
template <class Map>
void ordered_map(benchmark::State& state) {
  Map map;
  for (const uint32_t i : shuffled(static_cast<size_t>(state.range(0)))) {
    map.emplace(area(i).last, area(i));
  }
  find_at_random(state, [&](uint64_t address) { return map.lower_bound(address)->second.first; });
}
BENCHMARK(ordered_map<std::map<uint64_t, Range>>)
    ->Name("find an area, std::map")
    ->RangeMultiplier(10)
    ->Range(1, 1'000'000)
    ->UseRealTime();
BENCHMARK(ordered_map<absl::btree_map<uint64_t, Range>>)
    ->Name("find an area, absl::btree_map")
    ->RangeMultiplier(10)
    ->Range(1, 1'000'000)
    ->UseRealTime();

#ifdef NOIOMMU_BENCH_BOOST
void interval_map(benchmark::State& state) {
  using boost::icl::interval;
  boost::icl::interval_map<uint64_t, uint64_t> map;
  for (const uint32_t i : shuffled(static_cast<size_t>(state.range(0)))) {
    map.add({interval<uint64_t>::closed(area(i).first, area(i).last), i + 1});
  }
  find_at_random(state, [&](uint64_t address) { return map.find(address)->second; });
}
BENCHMARK(interval_map)
    ->Name("find an area, boost::icl")
    ->RangeMultiplier(10)
    ->Range(1, 1'000'000)
    ->UseRealTime();
#endif

#ifdef NOIOMMU_BENCH_GLIB
// Ranges that overlap are equal, which is how QEMU's IOVA tree finds one.
int compare(const void* left, const void* right, void* /*data*/) {
  const auto* a = static_cast<const Range*>(left);
  const auto* b = static_cast<const Range*>(right);
  if (a->first > b->last) return 1;
  return a->last < b->first ? -1 : 0;
}

void gtree(benchmark::State& state) {
  const auto count = static_cast<size_t>(state.range(0));
  std::vector<Range> areas;
  for (size_t i = 0; i < count; ++i) areas.push_back(area(i));
  GTree* tree = g_tree_new_full(compare, nullptr, nullptr, nullptr);
  for (const uint32_t i : shuffled(count)) g_tree_insert(tree, &areas[i], &areas[i]);
  find_at_random(state, [&](uint64_t address) {
    const Range wanted{address, address};
    return g_tree_lookup(tree, &wanted);
  });
  g_tree_unref(tree);
}
BENCHMARK(gtree)
    ->Name("find an area, GTree")
    ->RangeMultiplier(10)
    ->Range(1, 1'000'000)
    ->UseRealTime();
#endif

}  // namespace
}  // namespace noiommu::bench
