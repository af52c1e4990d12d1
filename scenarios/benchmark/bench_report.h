// The figures of a benchmark run, for people and for programs.
#pragma once

#include <optional>
#include <string>

#include "scenarios/benchmark/figures.h"

namespace noiommu::scenarios::benchmark {

// Rows of an earlier JSON report, by name, in L1 loads.
using Earlier = std::map<std::string, double>;

[[nodiscard]] tl::expected<Earlier, std::string> read_earlier(const std::string& json);

[[nodiscard]] std::string bench_text(const Figures& figures, const Earlier& earlier);
[[nodiscard]] std::string bench_markdown(const Figures& figures, const Earlier& earlier);
// {"machine":{..},"rows":[{"name","ns","l1","goal_l1","met"}],"demands":[{"name","value","goal",
// "met"}],"calibrators":[{"name","ns","l1"}],"plots":[..]}
[[nodiscard]] std::string bench_json(const Figures& figures);
// One page; the plots are drawn by gnuplot, and left out where there is none.
[[nodiscard]] std::string bench_html(const Figures& figures, const Earlier& earlier);

}  // namespace noiommu::scenarios::benchmark
