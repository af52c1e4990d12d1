// `noiommu bench`: what it makes of a run of Google Benchmark.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "scenarios/benchmark/bench_command.h"
#include "scenarios/benchmark/bench_report.h"
#include "tests/support/scratch_folder.h"

namespace noiommu::scenarios::benchmark {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

// As Google Benchmark writes it: single runs, then what comes of them.
std::string run_of(double l1, double map, double one_area) {
  json all = json::array();
  const auto add = [&](const std::string& name, double per_item) {
    all.push_back({{"name", name},
                   {"run_name", name},
                   {"run_type", "iteration"},
                   {"per_item", per_item * 3}});
    all.push_back({{"name", name + "_median"},
                   {"run_name", name},
                   {"run_type", "aggregate"},
                   {"aggregate_name", "median"},
                   {"per_item", per_item}});
    all.push_back({{"name", name + "_mean"},
                   {"run_name", name},
                   {"run_type", "aggregate"},
                   {"aggregate_name", "mean"},
                   {"per_item", per_item * 2}});
  };
  add("L1 load/real_time", l1);
  add("map 4 KiB, table present/manual_time", map);
  add("GET_PA of a page, areas/1/real_time", one_area);
  add("GET_PA of a page, areas/1000/real_time", 2 * one_area);
  add("ioctl GET_PA of a page, 1 area/real_time", 10 * one_area);
  add("GET_PA of a page, threads/1/manual_time", 4e-9);
  add("GET_PA of a page, threads/2/manual_time", 2e-9);
  all.push_back({{"name", "bytes of an area/iterations:1"},
                 {"run_type", "iteration"},
                 {"run_name", "bytes of an area/iterations:1"},
                 {"bytes", 200}});
  return json{{"benchmarks", all}}.dump();
}

Figures figures(const std::string& run) {
  return figures_of(*read_medians(run)).value();
}

TEST(Bench, TakesMediansAsMultiplesOfTheL1LoadOfTheSameRun) {
  const Figures found = figures(run_of(2e-9, 20e-9, 40e-9));
  ASSERT_EQ(found.rows.size(), 3U) << "what was not measured is left out";
  EXPECT_EQ(found.rows[0].name, "page-table map 4 KiB, table present");
  EXPECT_DOUBLE_EQ(found.rows[0].ns, 20);
  EXPECT_DOUBLE_EQ(found.rows[0].l1, 10);
  EXPECT_EQ(found.rows[0].goal_l1, 12);
  EXPECT_TRUE(found.rows[0].met());
  EXPECT_EQ(found.rows[1].name, "GET_PA, one page, 1 area");
  EXPECT_FALSE(found.rows[1].met()) << "20 of 15";
  EXPECT_EQ(found.rows[2].name, "GET_PA, one page, 1,000 areas");
}

TEST(Bench, JudgesWhatHasAnotherUnit) {
  const Figures found = figures(run_of(2e-9, 20e-9, 40e-9));
  ASSERT_EQ(found.demands.size(), 3U);
  EXPECT_DOUBLE_EQ(found.demands[0].value, 180) << "beyond the typed call";
  EXPECT_FALSE(found.demands[0].met());
  EXPECT_DOUBLE_EQ(found.demands[1].value, 2) << "two threads";
  EXPECT_TRUE(found.demands[1].met());
  EXPECT_DOUBLE_EQ(found.demands[2].value, 200) << "bytes";
  EXPECT_FALSE(found.demands[2].met());
}

TEST(Bench, NeedsAUnit) {
  EXPECT_FALSE(figures_of(Medians{{"map 4 KiB, table present", 3.0}}));
  EXPECT_FALSE(read_medians("no JSON"));
  EXPECT_FALSE(read_medians("{}"));
}

TEST(Bench, PrintsJsonThatALaterRunIsComparedWith) {
  const Figures before = figures(run_of(2e-9, 40e-9, 40e-9));
  const json printed = json::parse(bench_json(before));
  EXPECT_EQ(printed["rows"][0]["name"], "page-table map 4 KiB, table present");
  EXPECT_EQ(printed["rows"][0]["l1"], 20);
  EXPECT_EQ(printed["rows"][0]["goal_l1"], 12);
  EXPECT_EQ(printed["rows"][0]["met"], false);
  EXPECT_TRUE(printed["machine"].contains("cpu"));
  const auto earlier = read_earlier(bench_json(before));
  ASSERT_TRUE(earlier);
  const Figures now = figures(run_of(2e-9, 20e-9, 40e-9));
  EXPECT_THAT(bench_text(now, *earlier), HasSubstr("met   0.50x"));
  EXPECT_THAT(bench_markdown(now, *earlier), HasSubstr("| 10.0 | 12 | yes | 0.50x |"));
  EXPECT_THAT(bench_markdown(now, {}), Not(HasSubstr("earlier")));
  EXPECT_FALSE(read_earlier("[]"));
}

TEST(Bench, WritesAPageWithTheSeries) {
  const std::string page = bench_html(figures(run_of(2e-9, 20e-9, 40e-9)), {});
  EXPECT_THAT(page, HasSubstr("<td class=\"no\">no</td>"));
  EXPECT_THAT(page, HasSubstr("GET_PA of a page, areas"));
  EXPECT_THAT(page, Not(HasSubstr("{{")));
}

// A program that stands for the benchmarks: the two things that it is asked for.
TEST(BenchCommand, RunsTheBenchmarksAndReportsThem) {
  const tests::ScratchFolder folder;
  const std::string json_file = folder.add("run.json", run_of(2e-9, 20e-9, 40e-9));
  const std::string program = folder.add(
      "bench", "#!/bin/sh\nfor word in \"$@\"; do case $word in\n--benchmark_out=*) cp " +
                   json_file + " \"${word#*=}\";; esac; done\necho a line\n");
  std::filesystem::permissions(program, std::filesystem::perms::owner_all);
  std::ostringstream out;
  std::ostringstream err;
  EXPECT_EQ(bench_command({.program = program}, out, err), 0) << err.str();
  EXPECT_THAT(out.str(), HasSubstr("page-table map 4 KiB, table present"));
  EXPECT_THAT(out.str(), HasSubstr("MISSED"));
}

TEST(BenchCommand, NamesWhatIsMissingOrWrong) {
  const tests::ScratchFolder folder;
  std::ostringstream out;
  std::ostringstream err;
  EXPECT_EQ(bench_command({.program = folder.text() + "/none"}, out, err), 2);
  EXPECT_THAT(err.str(), HasSubstr("build the target noiommu_bench"));
  EXPECT_EQ(bench_command({.compare = folder.text() + "/none.json"}, out, err), 2);
  EXPECT_THAT(err.str(), HasSubstr("none.json"));
  EXPECT_EQ(bench_command({.compare = folder.add("bad.json", "[]")}, out, err), 2);
  EXPECT_EQ(bench_command({.program = "/bin/false"}, out, err), 1);
  EXPECT_EQ(out.str(), "");
}

}  // namespace
}  // namespace noiommu::scenarios::benchmark
