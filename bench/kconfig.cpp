// Reading the whole Kconfig text of Linux for x86 and completing a defconfig, beside the kernel's
// own `conf` doing the same job. Wants Debian's linux-kbuild-6.1 and linux-source-6.1. Both run the
// shell commands of the text, which take most of the time.
#include <benchmark/benchmark.h>

#include <chrono>

#include "model/kconfig/configuration.h"
#include "tests/kernel_conf/linux_tree.h"

namespace noiommu::kconfig {
namespace {

double seconds(std::chrono::steady_clock::duration time) {
  return std::chrono::duration<double>(time).count();
}

// One after the other in each iteration, so that a noisy machine is noisy for both.
void WholeLinuxTreeAndConf(benchmark::State& state) {
  if (!LinuxTree::available()) {
    state.SkipWithError("linux-kbuild-6.1 or linux-source-6.1 is missing");
    return;
  }
  const LinuxTree linux;
  KernelConf conf = linux.conf();
  const std::string given = linux.file("arch/x86/configs/x86_64_defconfig");
  double ours = 0;
  double theirs = 0;
  for ([[maybe_unused]] auto _ : state) {
    const auto start = std::chrono::steady_clock::now();
    const auto tree = linux.load();
    Configuration configuration(*tree);
    configuration.read(given);
    const std::string config = configuration.config();
    const auto middle = std::chrono::steady_clock::now();
    const std::string other = conf.run("--olddefconfig", given);
    const auto end = std::chrono::steady_clock::now();
    ours += seconds(middle - start);
    theirs += seconds(end - middle);
    if (config != other) state.SkipWithError("the two .config differ");
  }
  const auto rounds = static_cast<double>(state.iterations());
  state.counters["model_s"] = ours / rounds;
  state.counters["conf_s"] = theirs / rounds;
  state.counters["model/conf"] = ours / theirs;
}

BENCHMARK(WholeLinuxTreeAndConf)->Unit(benchmark::kSecond)->Iterations(5);

}  // namespace
}  // namespace noiommu::kconfig
