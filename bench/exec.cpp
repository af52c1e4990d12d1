// Calls of a program under `noiommu exec`, beside the same ones of a program alone. The program
// times itself; a row is as many calls as it makes in one run.
#include <benchmark/benchmark.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "bench/harness.h"

namespace noiommu::bench {
namespace {

// Nanoseconds for one call of the kind, or a negative number where it fails.
double run_loop(const std::string& prefix, const std::string& kind, int calls) {
  const std::string command =
      prefix + NOIOMMU_PROGRAMS "/call_loop " + kind + " " + std::to_string(calls) + " 2>&1";
  const std::unique_ptr<FILE, decltype(&pclose)> pipe(popen(command.c_str(), "r"), pclose);
  double nanoseconds = -1;
  if (!pipe || fscanf(pipe.get(), "%lf", &nanoseconds) != 1) return -1;
  return nanoseconds;
}

void time_calls(benchmark::State& state, const std::string& prefix, const std::string& kind) {
  constexpr int kCalls = 5000;
  for ([[maybe_unused]] auto _ : state) {
    const double nanoseconds = run_loop(prefix, kind, kCalls);
    if (nanoseconds < 0) {
      state.SkipWithError("it cannot run here");
      return;
    }
    state.SetIterationTime(nanoseconds * kCalls * 1e-9);
  }
  report(state, kCalls);
}

// A compiler, as a program that has nothing to do with devices.
void compile(benchmark::State& state, const std::string& prefix) {
  const std::string command = prefix + "c++ -std=c++20 -fsyntax-only -I" NOIOMMU_SOURCE_DIR
                                       " " NOIOMMU_SOURCE_DIR
                                       "/scenarios/exec/supervisor.cpp >/dev/null 2>&1";
  for ([[maybe_unused]] auto _ : state) {
    if (std::system(command.c_str()) != 0) {
      state.SkipWithError("it cannot run here");
      return;
    }
  }
  report(state, 1);
}

constexpr const char* kExec = NOIOMMU_BINARY " exec -- ";

BENCHMARK_CAPTURE(time_calls, get_pa, kExec, "get-pa")
    ->Name("exec, GET_PA of a page")
    ->UseManualTime();
BENCHMARK_CAPTURE(time_calls, map, kExec, "map")
    ->Name("exec, MAP and UNMAP of a page")
    ->UseManualTime();
BENCHMARK_CAPTURE(time_calls, config, kExec, "config")
    ->Name("exec, pread of config space")
    ->UseManualTime();
BENCHMARK_CAPTURE(time_calls, open, kExec, "open")
    ->Name("exec, open and close of another file")
    ->UseManualTime();
BENCHMARK_CAPTURE(time_calls, other, kExec, "other")
    ->Name("exec, a call that is not trapped")
    ->UseManualTime();
BENCHMARK_CAPTURE(time_calls, open_alone, "", "open")
    ->Name("alone, open and close of a file")
    ->UseManualTime();
BENCHMARK_CAPTURE(time_calls, other_alone, "", "other")->Name("alone, a call")->UseManualTime();

BENCHMARK_CAPTURE(compile, exec, kExec)->Name("exec, compile a file")->UseRealTime();
BENCHMARK_CAPTURE(compile, alone, "")->Name("alone, compile a file")->UseRealTime();

}  // namespace
}  // namespace noiommu::bench
