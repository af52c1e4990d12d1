#include "scenarios/benchmark/bench_command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <memory>
#include <sstream>

#include "scenarios/benchmark/bench_report.h"
#include "scenarios/kconfig/bar.h"
#include "scenarios/kconfig/temporary_folder.h"

namespace noiommu::scenarios::benchmark {

namespace {

constexpr int kWell = 0;
constexpr int kFailed = 1;
constexpr int kBadUsage = 2;

constexpr const char* kExamples = R"(Examples:
  noiommu bench                             the table of goals with this machine's figures
  noiommu bench --format json > now.json    for programs, and for --compare
  noiommu bench --compare before.json       beside an earlier run
  noiommu bench --html bench.html           a page with plots, which want gnuplot
  noiommu bench --whole                     also ten million areas, which want 4 GiB

Figures are multiples of one dependent load from the first-level cache, measured in the same run, so
that machines can be compared. Other programs on the machine show in them: look at two runs.

Exit codes:
  0  well, goals missed or not
  1  the benchmarks failed
  2  bad usage)";

// What is left out without --whole, and what measures Kconfig.
constexpr const char* kLong = "-^exec|^alone|areas/10000000|areas/1000000$|LinuxTree";
constexpr const char* kAll = "-^exec|^alone|LinuxTree";

std::string beside_this_program() {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  return (self.parent_path() / "noiommu_bench").string();
}

std::optional<std::string> read_file(const std::string& path) {
  const std::ifstream in(path, std::ios::binary);
  if (!in) return std::nullopt;
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

// The lines that a command prints, as they come; whether it went well.
template <class OnLine>
bool each_line(const std::string& command, const OnLine& on_line) {
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return false;
  std::array<char, 512> line{};
  while (fgets(line.data(), line.size(), pipe) != nullptr) on_line(std::string(line.data()));
  return pclose(pipe) == 0;
}

// The JSON of a run; nothing when it fails.
std::optional<std::string> run(const BenchOptions& options, const std::string& program, Bar& bar) {
  const TemporaryFolder folder;
  if (folder.path().empty()) return std::nullopt;
  const std::string output = (folder.path() / "out.json").string();
  const std::string filter = options.whole ? kAll : kLong;
  size_t rows = 0;
  each_line(fmt::format("'{}' --benchmark_list_tests --benchmark_filter='{}'", program, filter),
            [&](const std::string&) { ++rows; });
  // A row prints a line for each repetition and four for what comes of them.
  const size_t all = rows * (options.repetitions + 4);
  size_t lines = 0;
  const bool well = each_line(
      fmt::format("'{}' --benchmark_filter='{}' --benchmark_min_time={} --benchmark_repetitions={} "
                  "--benchmark_out='{}' --benchmark_out_format=json 2>/dev/null",
                  program, filter, options.seconds, options.repetitions, output),
      [&](const std::string&) { bar.show(std::min(++lines, all), all); });
  return well ? read_file(output) : std::nullopt;
}

std::string report(BenchFormat format, const Figures& figures, const Earlier& earlier) {
  switch (format) {
    case BenchFormat::kText:
      return bench_text(figures, earlier);
    case BenchFormat::kJson:
      return bench_json(figures);
    case BenchFormat::kMarkdown:
      return bench_markdown(figures, earlier);
    case BenchFormat::kHtml:
      return bench_html(figures, earlier);
  }
  return {};
}

int complain(std::ostream& err, int status, const std::string& message) {
  err << "noiommu: " << message << '\n';
  return status;
}

}  // namespace

int bench_command(const BenchOptions& options, std::ostream& out, std::ostream& err) {
  Earlier earlier;
  if (!options.compare.empty()) {
    const auto text = read_file(options.compare);
    if (!text) return complain(err, kBadUsage, fmt::format("cannot read '{}'", options.compare));
    auto read = read_earlier(*text);
    if (!read) {
      return complain(err, kBadUsage, fmt::format("{}: {}", options.compare, read.error()));
    }
    earlier = std::move(*read);
  }
  const std::string program = options.program.empty() ? beside_this_program() : options.program;
  if (access(program.c_str(), X_OK) != 0) {
    return complain(err, kBadUsage,
                    fmt::format("there is no '{}': build the target noiommu_bench", program));
  }
  std::optional<std::string> json;
  {
    Bar bar(options.progress ? &err : nullptr);
    json = run(options, program, bar);
  }
  if (!json) return complain(err, kFailed, fmt::format("'{}' failed", program));
  const auto medians = read_medians(*json);
  if (!medians) return complain(err, kFailed, medians.error());
  const auto figures = figures_of(*medians);
  if (!figures) return complain(err, kFailed, figures.error());
  if (!options.html.empty()) {
    std::ofstream page(options.html);
    page << bench_html(*figures, earlier);
    if (!page.flush()) {
      return complain(err, kBadUsage, fmt::format("cannot write to '{}'", options.html));
    }
  }
  out << report(options.format, *figures, earlier);
  return kWell;
}

void add_bench(CLI::App& app, int& exit_code) {
  CLI::App* bench =
      app.add_subcommand("bench", "Measure the map and GET_PA paths beside their goals");
  bench->footer(kExamples);
  auto options = std::make_shared<BenchOptions>();
  const std::map<std::string, BenchFormat> formats{{"text", BenchFormat::kText},
                                                   {"json", BenchFormat::kJson},
                                                   {"markdown", BenchFormat::kMarkdown},
                                                   {"html", BenchFormat::kHtml}};
  bench->add_option("--format", options->format, "text, json, markdown or html (default: text)")
      ->type_name("FORMAT")
      ->transform(CLI::CheckedTransformer(formats).description(""));
  bench->add_option("--html", options->html, "Also write a page with plots")->type_name("FILE");
  bench->add_option("--compare", options->compare, "An earlier report in JSON")->type_name("FILE");
  bench->add_option("--repetitions", options->repetitions, "Of each row (default: 5)")
      ->type_name("N")
      ->check(CLI::Range(1, 100));
  bench->add_option("--seconds", options->seconds, "Of each repetition (default: 0.1)")
      ->type_name("S")
      ->check(CLI::Range(0.001, 60.0));
  bench->add_flag("--whole", options->whole, "Also what takes long");
  bench->add_option("--program", options->program, "The benchmarks (default: beside noiommu)")
      ->type_name("PATH");
  bench->callback([options, &exit_code] {
    options->progress = isatty(STDERR_FILENO) == 1;
    exit_code = bench_command(*options, std::cout, std::cerr);
  });
}

}  // namespace noiommu::scenarios::benchmark
