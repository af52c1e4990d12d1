// A scenario as it grows: its steps, and what the names in it stand for.
#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "scenarios/exec/recorded_addresses.h"
#include "scenarios/exec/recorded_files.h"
#include "scenarios/exec/recorded_memory.h"
#include "scenarios/exec/recorded_step.h"

namespace noiommu::scenarios::exec {

// Of one process. Thread-safety: none.
class Recording {
 public:
  explicit Recording(pid_t process) : memory(process), process_(process) {}

  [[nodiscard]] const std::vector<std::string>& steps() const { return steps_; }
  void add(const std::string& step) { steps_.push_back(step); }
  // Once, where the same is said twice in a row.
  void comment(const std::string& text);
  void close_released();

  // "iommufd", then "iommufd2".
  std::string new_name(const std::string& kind);
  std::string name_file(const FileRef& file, FileKind kind);
  // How a descriptor of the process is written, with steps for one that comes from elsewhere.
  // Nothing for a memfd without memory, which no step makes.
  std::optional<std::string> descriptor(int fd, const Client& client);
  // The same for a range of its memory.
  std::string address(const RecordedMemory::Use& use) { return memory.address(use, steps_); }
  void follow_memory() { memory.follow(steps_); }

  RecordedFiles files;
  RecordedMemory memory;
  RecordedAddresses addresses;

 private:
  const pid_t process_;
  std::vector<std::string> steps_;
  std::map<std::string, int> names_;     // how many of each kind
  std::map<int, std::string> eventfds_;  // by descriptor
};

}  // namespace noiommu::scenarios::exec
