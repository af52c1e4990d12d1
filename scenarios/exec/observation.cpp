#include "scenarios/exec/observation.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

namespace noiommu::scenarios::exec {

namespace {

constexpr const char* kExamples = R"(Examples:
  noiommu exec -- ./driver                       on a machine with one edu function
  noiommu exec --trace -- ./driver               every call and its answer, as strace has it
  noiommu exec --explain -- ./driver             what failed, and which rule of the kernel it was
  noiommu exec --record r.yaml -- ./driver       then 'noiommu run r.yaml' asks the same again
  noiommu exec --report -- ./driver              what the driver left open, mapped and pinned
  noiommu exec --dma-check=abort -- ./driver     stop it where a device leaves what is pinned
  noiommu exec --revision v4 -- ./driver         on the kernel as an earlier revision had it

Exit codes:
  the program's own, or 128 and the number of the signal that ended it
  126, 127  it cannot be executed, or is not there
  2         bad usage, or this machine refuses; nothing ran)";

}  // namespace

Observation::Observation(const ObservationOptions& options, const MachineOptions& machine,
                         const std::vector<std::string>& command,
                         mm::MemoryConfig::Placement placement)
    : options_(options), trace_output_(options.trace_to) {
  const bool all = options.trace || !options.trace_to.empty();
  if (all || options.explain) {
    trace_.emplace(trace_output_, TraceLog::Options{.all = all, .explain = options.explain});
    reader_.add(*trace_);
  }
  if (options.explain) reader_.add(listings_.emplace());
  if (!options.record.empty()) {
    recording_output_.emplace(options.record);
    reader_.add(recorder_.emplace(machine, command, placement));
  }
  if (!options.report_to.empty()) report_output_.emplace(options.report_to);
  if (options.report || report_output_) reader_.add(report_.emplace());
}

Observer* Observation::observer() {
  return trace_ || recorder_ || report_ ? &reader_ : nullptr;
}

void Observation::start() {
  trace_output_.start();
  if (recording_output_) recording_output_->start();
  if (report_output_) report_output_->start();
  if (listings_) listings_->start();
}

void Observation::finish(Machine& machine) {
  TextOutput errors("");
  if (listings_) trace_output_.write(listings_->finding());
  if (recorder_) recording_output_->write(recorder_->text());
  if (options_.report) errors.write(report_->text(machine));
  if (report_output_) report_output_->write(report_->json(machine));
  const auto tell = [&errors](const TextOutput& output) {
    const std::string wrong = output.wrong();
    if (!wrong.empty()) errors.write(fmt::format("noiommu exec: {}\n", wrong));
  };
  tell(trace_output_);
  if (recording_output_) tell(*recording_output_);
  if (report_output_) tell(*report_output_);
}

void add_observation_options(CLI::App& exec, ObservationOptions& options) {
  exec.add_flag("--trace", options.trace,
                "Show every call that the modelled kernel answers, on standard error")
      ->group("Watching");
  exec.add_option("--trace-to", options.trace_to, "The same, into a file")
      ->type_name("FILE")
      ->group("Watching");
  exec.add_flag("--explain", options.explain,
                "Show the calls that fail, and under each the rule of the kernel behind its errno; "
                "at the end also why a program may have found no device")
      ->group("Watching");
  exec.add_option("--record", options.record,
                  "Write what the program did as a scenario, for 'noiommu run FILE'")
      ->type_name("FILE")
      ->group("Watching");
  exec.add_flag("--report", options.report,
                "At the end say what was called how often, what was left open, pinned and "
                "allocated, and what the kernel logged")
      ->group("Watching");
  exec.add_option("--report-to", options.report_to, "The same as JSON, into a file")
      ->type_name("FILE")
      ->group("Watching");
  exec.footer(kExamples);
}

}  // namespace noiommu::scenarios::exec
