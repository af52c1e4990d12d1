// `noiommu bench`: runs the benchmarks, which are a program of their own.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>

#include <CLI/CLI.hpp>

namespace noiommu::scenarios::benchmark {

enum class BenchFormat : uint8_t { kText, kJson, kMarkdown, kHtml };

struct BenchOptions {
  std::string program = {};  // the benchmarks; empty: noiommu_bench beside this program
  std::string compare = {};  // an earlier report in JSON
  std::string html = {};     // also write a page there
  unsigned repetitions = 5;
  double seconds = 0.1;  // of each repetition of each row
  bool whole = false;    // also what takes long: ten million areas
  BenchFormat format = BenchFormat::kText;
  bool progress = false;  // draw a bar on the error stream
};

// The exit status: 0 well, 1 the benchmarks failed, 2 bad usage. A goal that is missed is no
// failure: machines are noisy.
int bench_command(const BenchOptions& options, std::ostream& out, std::ostream& err);

void add_bench(CLI::App& app, int& exit_code);

}  // namespace noiommu::scenarios::benchmark
