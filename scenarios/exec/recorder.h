// A run of a program as a scenario, which the model replays.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "scenarios/engine/machine_options.h"
#include "scenarios/exec/recorded_memory.h"
#include "scenarios/exec/recording_head.h"
#include "scenarios/exec/seen_call.h"

namespace noiommu::scenarios::exec {

// Only the first process that calls is recorded. Physical addresses differ in a replay: where the
// program writes one to a device, the recording writes the one that the replay was told. What the
// program stores through mappings is not known here.
//
// Thread-safety: as CallWatcher; text() while no program runs.
class Recorder : public CallWatcher {
 public:
  Recorder(const MachineOptions& machine, const std::vector<std::string>& command);

  void seen(const SeenCall& call, const Client& client) override;
  // The scenario file.
  [[nodiscard]] std::string text() const;

 private:
  struct NamedFile {
    std::weak_ptr<File> file;
    std::string name;
    std::vector<std::pair<std::string, uint64_t>> mappings;  // name and length
  };
  // What a replay chooses anew: "$iova1" stands for the start.
  struct Renamed {
    uint64_t start = 0;
    uint64_t length = 0;
    std::string name;
  };
  // What is written for one call.
  struct StepText {
    std::string head;    // "- ioctl: NAME\n  fd: $iommufd\n  args: {..}\n"
    std::string errno_;  // or nothing
    std::vector<std::string> expect;
    std::vector<std::string> save;
    std::string as;
    std::optional<int64_t> returns;
  };

  void begin(const Client& client);
  void follow_state(const Client& client);
  void follow_time(const SeenCall& call);
  void close_released();
  void write(const StepText& step);
  void comment(const std::string& text) { steps_.push_back("# " + text + "\n"); }

  void open(const SeenCall& call);
  void ioctl(const SeenCall& call, const Client& client);
  void move(const SeenCall& call);
  void map(const SeenCall& call);
  void write_attribute(const SeenCall& call);
  std::string arguments(const SeenCall& call, const Client& client);
  [[nodiscard]] std::string iova(uint64_t value) const;
  std::string argument(const SeenCall& call, const Field& field, uint64_t value,
                       const Client& client);
  std::string following(const SeenCall& call, const Client& client);
  void expect_fields(const SeenCall& call, const Client& client, StepText& step);
  std::string descriptor(int fd, const Client& client);
  std::string bytes_or_address(std::span<const std::byte> bytes);
  // nullptr for a file that came from somewhere else.
  NamedFile* find(const FileRef& file);
  std::string name_file(const FileRef& file, FileKind kind);
  std::string new_name(const std::string& kind);

  const MachineOptions machine_;
  const std::vector<std::string> command_;
  pid_t process_ = 0;
  std::optional<RecordedMemory> memory_;
  ProcessFacts first_;
  ProcessFacts now_;
  bool dead_ = false;         // no step may follow
  bool guess_iovas_ = false;  // automatic IOVAs depend on addresses, which a replay chooses anew
  bool registers_mapped_ = false;
  std::vector<std::string> steps_;
  std::vector<NamedFile> files_;
  std::vector<Renamed> iovas_;
  std::vector<Renamed> physical_;
  std::map<std::string, int> names_;     // how many of each kind
  std::map<int, std::string> eventfds_;  // by descriptor
  std::map<pid_t, uint64_t> others_;     // calls of processes that are not recorded
  // Device time of the program: when something is due, and since when a replay stands still.
  std::optional<std::chrono::nanoseconds> timer_;
  std::chrono::nanoseconds armed_{};
};

}  // namespace noiommu::scenarios::exec
