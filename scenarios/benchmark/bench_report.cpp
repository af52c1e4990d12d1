#include "scenarios/benchmark/bench_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <kainjow/mustache.hpp>

#include "scenarios/kconfig/temporary_folder.h"

namespace noiommu::scenarios::benchmark {

namespace {

using Json = nlohmann::ordered_json;
using Data = kainjow::mustache::data;
using List = kainjow::mustache::list;
using Object = kainjow::mustache::object;

std::string figure(double value) {
  return value < 10 ? fmt::format("{:.2f}", value) : fmt::format("{:.1f}", value);
}

// "0.93x" of an earlier run, or nothing.
std::string against(const Earlier& earlier, const Row& row) {
  const auto found = earlier.find(row.name);
  if (found == earlier.end() || found->second == 0) return "";
  return fmt::format("{:.2f}x", row.l1 / found->second);
}

constexpr const char* kPage = R"html(<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>noiommu bench</title>
<style>
:root { color-scheme: light dark; --paper: #fcfcfa; --ink: #1d1f21; --soft: #62676d;
  --line: #d9dad6; --box: #f1f1ed; --good: #d6ecd9; --good-ink: #14532d; --bad: #f8d5d2;
  --bad-ink: #8c1d18; }
@media (prefers-color-scheme: dark) { :root { --paper: #16181b; --ink: #e3e4e6; --soft: #9aa0a6;
  --line: #34383d; --box: #1f2226; --good: #17381f; --good-ink: #a5dfb3; --bad: #4a1a18;
  --bad-ink: #ffb4ab; } }
body { margin: 0 auto; padding: 2rem 1.5rem 4rem; max-width: 62rem; background: var(--paper);
  color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
.soft { color: var(--soft); }
table { border-collapse: collapse; font-size: .9rem; }
th, td { border: 1px solid var(--line); padding: .3rem .6rem; text-align: left; }
thead th { background: var(--box); } td.n { text-align: right; }
.yes { background: var(--good); color: var(--good-ink); }
.no { background: var(--bad); color: var(--bad-ink); font-weight: 600; }
figure { margin: 1rem 0; padding: .5rem; background: #fff; border: 1px solid var(--line);
  border-radius: 4px; } figure svg { max-width: 100%; height: auto; }
</style></head><body>
<h1>noiommu bench</h1>
<p class="soft">{{machine}}. Multiples of one dependent load from the first-level cache, measured in
the same run.</p>
<table><thead><tr><th>operation</th><th>ns</th><th>L1 loads</th><th>goal</th><th>met</th>{{#compared}}<th>earlier</th>{{/compared}}</tr></thead><tbody>
{{#rows}}<tr><td>{{name}}</td><td class="n">{{ns}}</td><td class="n">{{l1}}</td><td class="n">{{goal}}</td><td class="{{met}}">{{met}}</td>{{#compared}}<td class="n">{{earlier}}</td>{{/compared}}</tr>
{{/rows}}</tbody></table>
<h2>Other demands</h2>
<table><thead><tr><th>demand</th><th>measured</th><th>goal</th><th>met</th></tr></thead><tbody>
{{#demands}}<tr><td>{{name}}</td><td class="n">{{value}}</td><td class="n">{{goal}}</td><td class="{{met}}">{{met}}</td></tr>
{{/demands}}</tbody></table>
<h2>This machine</h2>
<table><thead><tr><th>calibrator</th><th>ns</th><th>L1 loads</th></tr></thead><tbody>
{{#calibrators}}<tr><td>{{name}}</td><td class="n">{{ns}}</td><td class="n">{{l1}}</td></tr>
{{/calibrators}}</tbody></table>
<h2>Scale</h2>
{{#plots}}<h3>{{title}}</h3>{{#has_svg}}<figure>{{{svg}}}</figure>{{/has_svg}}
<table><thead><tr><th>{{x_label}}</th>{{#names}}<th>{{.}}</th>{{/names}}</tr></thead><tbody>
{{#lines}}<tr><td class="n">{{x}}</td>{{#values}}<td class="n">{{.}}</td>{{/values}}</tr>
{{/lines}}</tbody></table>{{/plots}}
</body></html>
)html";

// What gnuplot makes of a plot; empty when it is not installed or fails.
std::string drawn(const Plot& plot) {
  const TemporaryFolder made;
  const std::filesystem::path& folder = made.path();
  if (folder.empty()) return {};
  const std::string name = folder.string();
  std::string script = fmt::format(
      "set terminal svg noenhanced size 860,440 font 'sans-serif,13'\nset output '{0}/plot.svg'\n"
      "set logscale xy\nset key left top\nset grid\nset xlabel '{1}'\nset ylabel 'L1 loads'\nplot ",
      name, plot.x_label);
  for (size_t i = 0; i < plot.series.size(); ++i) {
    std::ofstream data(folder / fmt::format("{}.dat", i));
    for (const Point& point : plot.series[i].points) data << point.x << ' ' << point.l1 << '\n';
    script += fmt::format("{}'{}/{}.dat' with linespoints lw 2 title '{}'", i == 0 ? "" : ", ",
                          name, i, plot.series[i].name);
  }
  std::ofstream(folder / "plot.gp") << script << '\n';
  const std::string command = fmt::format("gnuplot '{}/plot.gp' >/dev/null 2>&1", name);
  std::ostringstream svg;
  // What comes before the element has no place inside a page.
  if (!plot.series.empty() && std::system(command.c_str()) == 0) {
    svg << std::ifstream(folder / "plot.svg").rdbuf();
  }
  const size_t start = svg.str().find("<svg");
  return start == std::string::npos ? "" : svg.str().substr(start);
}

Data plot_data(const Plot& plot) {
  std::map<double, std::vector<std::string>> by_x;
  List names;
  for (const Series& series : plot.series) {
    names.emplace_back(series.name);
    for (const Point& point : series.points) by_x[point.x].resize(plot.series.size());
  }
  for (size_t i = 0; i < plot.series.size(); ++i) {
    for (const Point& point : plot.series[i].points) by_x[point.x][i] = figure(point.l1);
  }
  List lines;
  for (const auto& [x, values] : by_x) {
    List cells;
    for (const std::string& value : values) cells.emplace_back(value);
    lines.emplace_back(Object{{"x", fmt::format("{}", x)}, {"values", cells}});
  }
  const std::string svg = drawn(plot);
  return Object{{"title", plot.title}, {"x_label", plot.x_label}, {"names", names},
                {"lines", lines},      {"has_svg", !svg.empty()}, {"svg", svg}};
}

}  // namespace

tl::expected<Earlier, std::string> read_earlier(const std::string& json) {
  const Json parsed = Json::parse(json, nullptr, false);
  if (parsed.is_discarded() || !parsed.is_object() || !parsed.contains("rows")) {
    return tl::unexpected<std::string>("not a report of noiommu bench --format json");
  }
  Earlier earlier;
  for (const Json& row : parsed["rows"]) {
    if (row.contains("name") && row.contains("l1") && row["l1"].is_number()) {
      earlier[row["name"].get<std::string>()] = row["l1"].get<double>();
    }
  }
  return earlier;
}

std::string bench_text(const Figures& figures, const Earlier& earlier) {
  std::string text = fmt::format("{:70}{:>10}{:>10}{:>8}\n", "", "ns", "L1 loads", "goal");
  for (const Row& row : figures.rows) {
    text +=
        fmt::format("{:70}{:>10}{:>10}{:>8}  {:6}{}\n", row.name, figure(row.ns), figure(row.l1),
                    row.goal_l1, row.met() ? "met" : "MISSED", against(earlier, row));
  }
  text += '\n';
  for (const Demand& one : figures.demands) {
    text += fmt::format("{:80}{:>10}{:>8}  {}\n", one.name, figure(one.value), one.goal,
                        one.met() ? "met" : "MISSED");
  }
  text += '\n';
  for (const Row& row : figures.calibrators) {
    text += fmt::format("{:70}{:>10}{:>10}\n", row.name, figure(row.ns), figure(row.l1));
  }
  return text;
}

std::string bench_markdown(const Figures& figures, const Earlier& earlier) {
  std::string text = "| operation | ns | L1 loads | goal | met |";
  text += earlier.empty() ? "\n|---|---|---|---|---|\n" : " earlier |\n|---|---|---|---|---|---|\n";
  for (const Row& row : figures.rows) {
    text += fmt::format("| {} | {} | {} | {} | {} |", row.name, figure(row.ns), figure(row.l1),
                        row.goal_l1, row.met() ? "yes" : "**no**");
    text += earlier.empty() ? "\n" : fmt::format(" {} |\n", against(earlier, row));
  }
  text += "\n| demand | measured | goal | met |\n|---|---|---|---|\n";
  for (const Demand& one : figures.demands) {
    text +=
        fmt::format("| {} | {} | {} {} | {} |\n", one.name, figure(one.value),
                    one.at_least ? "at least" : "at most", one.goal, one.met() ? "yes" : "**no**");
  }
  text += "\n| calibrator | ns | L1 loads |\n|---|---|---|\n";
  for (const Row& row : figures.calibrators) {
    text += fmt::format("| {} | {} | {} |\n", row.name, figure(row.ns), figure(row.l1));
  }
  return text;
}

std::string bench_json(const Figures& figures) {
  Json rows = Json::array();
  for (const Row& row : figures.rows) {
    rows.push_back({{"name", row.name},
                    {"ns", row.ns},
                    {"l1", row.l1},
                    {"goal_l1", row.goal_l1},
                    {"met", row.met()}});
  }
  Json demands = Json::array();
  for (const Demand& one : figures.demands) {
    demands.push_back(
        {{"name", one.name}, {"value", one.value}, {"goal", one.goal}, {"met", one.met()}});
  }
  Json calibrators = Json::array();
  for (const Row& row : figures.calibrators) {
    calibrators.push_back({{"name", row.name}, {"ns", row.ns}, {"l1", row.l1}});
  }
  Json plots = Json::array();
  for (const Plot& plot : figures.plots) {
    Json all = Json::array();
    for (const Series& series : plot.series) {
      Json points = Json::array();
      for (const Point& point : series.points) points.push_back({{"x", point.x}, {"l1", point.l1}});
      all.push_back({{"name", series.name}, {"points", points}});
    }
    plots.push_back({{"title", plot.title}, {"x", plot.x_label}, {"series", all}});
  }
  return Json{{"machine", figures.machine},
              {"rows", rows},
              {"demands", demands},
              {"calibrators", calibrators},
              {"plots", plots}}
             .dump(2) +
         '\n';
}

std::string bench_html(const Figures& figures, const Earlier& earlier) {
  const auto yes_or_no = [](bool met) { return std::string(met ? "yes" : "no"); };
  List rows;
  for (const Row& row : figures.rows) {
    rows.emplace_back(Object{{"name", row.name},
                             {"ns", figure(row.ns)},
                             {"l1", figure(row.l1)},
                             {"goal", fmt::format("{}", row.goal_l1)},
                             {"met", yes_or_no(row.met())},
                             {"earlier", against(earlier, row)}});
  }
  List demands;
  for (const Demand& one : figures.demands) {
    demands.emplace_back(
        Object{{"name", one.name},
               {"value", figure(one.value)},
               {"goal", fmt::format("{} {}", one.at_least ? "at least" : "at most", one.goal)},
               {"met", yes_or_no(one.met())}});
  }
  List calibrators;
  for (const Row& row : figures.calibrators) {
    calibrators.emplace_back(
        Object{{"name", row.name}, {"ns", figure(row.ns)}, {"l1", figure(row.l1)}});
  }
  List plots;
  for (const Plot& plot : figures.plots) {
    if (!plot.series.empty()) plots.push_back(plot_data(plot));
  }
  kainjow::mustache::mustache page(kPage);
  return page.render(Object{{"machine", figures.machine.value("cpu", "")},
                            {"compared", !earlier.empty()},
                            {"rows", rows},
                            {"demands", demands},
                            {"calibrators", calibrators},
                            {"plots", plots}});
}

}  // namespace noiommu::scenarios::benchmark
