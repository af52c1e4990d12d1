// What the user wants to see of a program.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "scenarios/engine/machine_options.h"
#include "scenarios/exec/exit_report.h"
#include "scenarios/exec/listing_watch.h"
#include "scenarios/exec/recorder.h"
#include "scenarios/exec/seen_call.h"
#include "scenarios/exec/text_output.h"
#include "scenarios/exec/trace_log.h"

namespace CLI {
class App;
}

namespace noiommu::scenarios::exec {

struct ObservationOptions {
  bool trace = false;
  std::string trace_to;  // empty: standard error
  bool explain = false;
  std::string record;  // a file; empty: no
  bool report = false;
  std::string report_to;  // a file for JSON
};

void add_observation_options(CLI::App& exec, ObservationOptions& options);

// Thread-safety: none; what observer() answers may be called from any thread.
class Observation {
 public:
  // Opens the files, before the program or anything in front of it changes what paths mean. Throws
  // SetupError.
  Observation(const ObservationOptions& options, const MachineOptions& machine,
              const std::vector<std::string>& command,
              mm::MemoryConfig::Placement placement = mm::MemoryConfig::Placement::kScattered);

  // nullptr where nothing is wanted. Outlived by this.
  [[nodiscard]] Observer* observer();
  // The program's /dev and /sys are there, and it is about to start.
  void start();
  // The program is over. What could not be written is told on standard error.
  void finish(Machine& machine);

 private:
  const ObservationOptions options_;
  TextOutput trace_output_;
  CallReader reader_;
  std::optional<TraceLog> trace_;
  std::optional<ListingWatch> listings_;
  std::optional<TextOutput> recording_output_;
  std::optional<Recorder> recorder_;
  std::optional<TextOutput> report_output_;
  std::optional<ExitReport> report_;
};

}  // namespace noiommu::scenarios::exec
