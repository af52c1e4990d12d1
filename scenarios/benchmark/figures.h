// What a run of the benchmarks measured, beside the goals.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>
#include <tl/expected.hpp>

namespace noiommu::scenarios::benchmark {

// The medians of one run: nanoseconds of an operation or item by the name of its benchmark, and
// other counters as "NAME:COUNTER".
using Medians = std::map<std::string, double>;

// From the JSON of Google Benchmark. Error: why it is none.
[[nodiscard]] tl::expected<Medians, std::string> read_medians(const std::string& json);

// A line of the table of goals. In multiples of one dependent load from the first-level cache.
struct Row {
  std::string name;
  double ns = 0;
  double l1 = 0;
  double goal_l1 = 0;

  [[nodiscard]] bool met() const { return l1 <= goal_l1; }
};

// A demand in another unit.
struct Demand {
  std::string name;
  double value = 0;
  double goal = 0;
  bool at_least = false;  // rather than at most

  [[nodiscard]] bool met() const { return at_least ? value >= goal : value <= goal; }
};

struct Point {
  double x = 0;
  double l1 = 0;
};
struct Series {
  std::string name;
  std::vector<Point> points;
};
struct Plot {
  std::string title;
  std::string x_label;
  std::vector<Series> series;
};

struct Figures {
  nlohmann::ordered_json machine;
  std::vector<Row> rows;
  std::vector<Demand> demands;
  std::vector<Row> calibrators;  // without goals
  std::vector<Plot> plots;
};

// Rows that were not measured are left out. Error: there is no unit to measure by.
[[nodiscard]] tl::expected<Figures, std::string> figures_of(const Medians& medians);

// Model name, processors and caches of this machine.
[[nodiscard]] nlohmann::ordered_json describe_machine();

}  // namespace noiommu::scenarios::benchmark
