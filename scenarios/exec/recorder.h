// A run of a program as a scenario, which the model replays.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/mm/phys_mem.h"
#include "scenarios/engine/machine_options.h"
#include "scenarios/exec/recording.h"
#include "scenarios/exec/recording_head.h"
#include "scenarios/exec/seen_call.h"

namespace noiommu::scenarios::exec {

// Only the first process that calls is recorded. Physical addresses differ in a replay: where the
// program writes one to a device, the recording writes the one that the replay was told. What the
// program stores through mappings is not known here. What a replay cannot do stands in the steps as
// a comment.
//
// Thread-safety: as CallWatcher; text() while no program runs.
class Recorder : public CallWatcher {
 public:
  Recorder(const MachineOptions& machine, const std::vector<std::string>& command,
           mm::MemoryConfig::Placement placement = mm::MemoryConfig::Placement::kScattered);

  void seen(const SeenCall& call, const Client& client) override;
  // The scenario file.
  [[nodiscard]] std::string text() const;

 private:
  void begin(const SeenCall& call, const Client& client);
  void follow_state(const Client& client);
  void follow_time(const SeenCall& call);
  void seen_of_another(const SeenCall& call);

  void open(const SeenCall& call);
  void write_attribute(const SeenCall& call);
  void ioctl(const SeenCall& call, const Client& client, const std::string& file);
  void move(const SeenCall& call, const std::string& file);
  [[nodiscard]] RecordedStep part(const SeenCall& call, const std::string& file, uint64_t offset,
                                  uint64_t length, std::span<const std::byte> moved) const;
  void map(const SeenCall& call, RecordedFile& file);

  const MachineOptions machine_;
  const std::vector<std::string> command_;
  const mm::MemoryConfig::Placement placement_;
  const bool other_ids_;  // devices show ids that those of a scenario do not have
  pid_t process_ = 0;
  std::optional<Recording> recording_;
  ProcessFacts first_;
  ProcessFacts now_;
  bool dead_ = false;  // no step may follow
  bool registers_mapped_ = false;
  std::map<pid_t, uint64_t> others_;  // calls of processes that are not recorded
  // Device time of the program: when something is due, and since when a replay stands still.
  std::optional<std::chrono::nanoseconds> timer_;
  std::chrono::nanoseconds armed_{};
};

}  // namespace noiommu::scenarios::exec
