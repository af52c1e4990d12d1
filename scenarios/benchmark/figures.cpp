#include "scenarios/benchmark/figures.h"

#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <utility>

namespace noiommu::scenarios::benchmark {

namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kUnit = "L1 load";

struct Goal {
  const char* row;
  const char* benchmark;
  double l1;
};
constexpr std::array kGoals = {
    Goal{"page-table map 4 KiB, table present", "map 4 KiB, table present", 12},
    Goal{"map a 64 KiB leaf", "map a 64 KiB leaf", 22},
    Goal{"map a 2 MiB leaf", "map a 2 MiB leaf", 14},
    Goal{"map a 1 GiB leaf", "map a 1 GiB leaf", 14},
    Goal{"map scattered 4 KiB pages in one call, per page",
         "map scattered 4 KiB pages in one call, per page", 4},
    Goal{"map 2 MiB of contiguous frames that only fit 4 KiB leaves, per entry",
         "map 2 MiB of 4 KiB leaves, per entry", 0.8},
    Goal{"unmap 4 KiB", "unmap 4 KiB", 12},
    Goal{"unmap a 2 MiB leaf", "unmap a 2 MiB leaf", 12},
    Goal{"unmap 256 MiB of 4 KiB leaves, per page", "unmap 256 MiB of 4 KiB leaves, per page", 0.4},
    Goal{"iova_to_phys hot, 4 KiB leaf", "iova_to_phys hot, 4 KiB leaf", 6},
    Goal{"iova_to_phys hot, 2 MiB leaf", "iova_to_phys hot, 2 MiB leaf", 5},
    Goal{"iova_to_phys hot, 1 GiB leaf", "iova_to_phys hot, 1 GiB leaf", 4},
    Goal{"iova_to_phys random over 4 GiB of 4 KiB leaves",
         "iova_to_phys random over 4 GiB of 4 KiB leaves", 28},
    Goal{"GET_PA, one page, 1 area", "GET_PA of a page, areas/1", 15},
    Goal{"GET_PA, one page, 1,000 areas", "GET_PA of a page, areas/1000", 35},
    Goal{"GET_PA, one page, 100,000 areas", "GET_PA of a page, areas/100000", 110},
    Goal{"GET_PA over a long contiguous run, per 4 KiB",
         "GET_PA over a long contiguous run, per 4 KiB", 0.1},
    Goal{"IOAS map of 4 KiB with pinning", "IOAS map 4 KiB with pinning", 220},
    Goal{"IOAS unmap of 4 KiB with pinning", "IOAS unmap 4 KiB with pinning", 160},
};

constexpr std::array kCalibrators = {"L1 load", "L2 load", "DRAM load", "memset64, per entry",
                                     "compare-and-swap, uncontended"};

// What a system call may add to the call behind it.
struct Envelope {
  const char* name;
  const char* ioctl;
  const char* typed;
};
constexpr std::array kEnvelopes = {
    Envelope{"ioctl GET_PA, beyond the typed call, in L1 loads", "ioctl GET_PA of a page, 1 area",
             "GET_PA of a page, areas/1"},
    Envelope{"ioctl IOAS_MAP, beyond the typed call, in L1 loads", "ioctl IOAS_MAP 4 KiB",
             "IOAS map 4 KiB with pinning"},
    Envelope{"ioctl IOAS_UNMAP, beyond the typed call, in L1 loads", "ioctl IOAS_UNMAP 4 KiB",
             "IOAS unmap 4 KiB with pinning"}};

std::optional<double> find(const Medians& medians, const std::string& name) {
  const auto found = medians.find(name);
  return found == medians.end() ? std::nullopt : std::optional(found->second);
}

// All that were measured as "NAME/NUMBER".
Series series(const Medians& medians, const std::string& name, double unit) {
  Series found{.name = name, .points = {}};
  for (const auto& [benchmark, ns] : medians) {
    if (!benchmark.starts_with(name + "/")) continue;
    const std::string number = benchmark.substr(name.size() + 1);
    double x = 0;
    const auto parsed = std::from_chars(number.data(), number.data() + number.size(), x);
    if (parsed.ptr == number.data() + number.size()) found.points.push_back({x, ns / unit});
  }
  std::ranges::sort(found.points, {}, &Point::x);
  return found;
}

Plot plot(const Medians& medians, double unit, std::string title, std::string x_label,
          const std::vector<std::string>& names) {
  Plot made{.title = std::move(title), .x_label = std::move(x_label), .series = {}};
  for (const std::string& name : names) {
    Series one = series(medians, name, unit);
    if (!one.points.empty()) made.series.push_back(std::move(one));
  }
  return made;
}

std::string without_decoration(std::string name) {
  for (const char* part : {"/real_time", "/manual_time", "/iterations:1", "/repeats:1"}) {
    if (const size_t at = name.find(part); at != std::string::npos) {
      name.erase(at, std::string(part).size());
    }
  }
  return name;
}

}  // namespace

tl::expected<Medians, std::string> read_medians(const std::string& json) {
  const Json parsed = Json::parse(json, nullptr, false);
  if (parsed.is_discarded() || !parsed.contains("benchmarks")) {
    return tl::unexpected<std::string>("not the JSON of a benchmark run");
  }
  Medians medians;
  for (const Json& one : parsed["benchmarks"]) {
    const bool aggregate = one.value("run_type", "") == "aggregate";
    if (aggregate && one.value("aggregate_name", "") != "median") continue;
    const std::string name = without_decoration(one.value("run_name", one.value("name", "")));
    if (!aggregate && medians.contains(name)) continue;
    if (one.contains("per_item")) medians[name] = one["per_item"].get<double>() * 1e9;
    if (one.contains("bytes")) medians[name + ":bytes"] = one["bytes"].get<double>();
  }
  return medians;
}

tl::expected<Figures, std::string> figures_of(const Medians& medians) {
  const auto unit = find(medians, kUnit);
  if (!unit) return tl::unexpected<std::string>("the L1 load was not measured");
  Figures figures{
      .machine = describe_machine(), .rows = {}, .demands = {}, .calibrators = {}, .plots = {}};
  for (const Goal& goal : kGoals) {
    if (const auto ns = find(medians, goal.benchmark)) {
      figures.rows.push_back({goal.row, *ns, *ns / *unit, goal.l1});
    }
  }
  for (const char* name : kCalibrators) {
    if (const auto ns = find(medians, name)) {
      figures.calibrators.push_back({name, *ns, *ns / *unit, 0});
    }
  }
  for (const Envelope& one : kEnvelopes) {
    const auto ioctl = find(medians, one.ioctl);
    const auto typed = find(medians, one.typed);
    if (ioctl && typed) figures.demands.push_back({one.name, (*ioctl - *typed) / *unit, 60});
  }
  const auto alone = find(medians, "GET_PA of a page, threads/1");
  const auto both = find(medians, "GET_PA of a page, threads/2");
  if (alone && both) {
    figures.demands.push_back({"GET_PA by two threads, times one", *alone / *both, 1.8, true});
  }
  if (const auto bytes = find(medians, "bytes of an area:bytes")) {
    figures.demands.push_back({"bytes of an area beyond page tables", *bytes, 160});
  }
  figures.plots.push_back(
      plot(medians, *unit, "Finding the area of an address, and GET_PA of a page", "areas",
           {"GET_PA of a page, areas", "find an area, absl::btree_map", "find an area, std::map",
            "find an area, boost::icl", "find an area, GTree"}));
  figures.plots.push_back(
      plot(medians, *unit, "A run of 4 KiB leaves, per leaf", "leaves", {"run of 4 KiB leaves"}));
  figures.plots.push_back(plot(medians, *unit, "GET_PA of a page by several threads, per look-up",
                               "threads", {"GET_PA of a page, threads"}));
  return figures;
}

Json describe_machine() {
  std::string cpu = "unknown";
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (!line.starts_with("model name")) continue;
    cpu = line.substr(line.find(':') + 2);
    break;
  }
  utsname system{};
  static_cast<void>(uname(&system));
  return {{"cpu", cpu},
          {"processors", sysconf(_SC_NPROCESSORS_ONLN)},
          {"l1_bytes", sysconf(_SC_LEVEL1_DCACHE_SIZE)},
          {"l2_bytes", sysconf(_SC_LEVEL2_CACHE_SIZE)},
          {"l3_bytes", sysconf(_SC_LEVEL3_CACHE_SIZE)},
          {"memory_bytes", sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE)},
          {"kernel", std::string(system.sysname) + " " + system.release},
          {"compiler", __VERSION__}};
}

}  // namespace noiommu::scenarios::benchmark
