// What a program leaves behind on the modelled machine.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "model/machine/machine.h"
#include "scenarios/exec/seen_call.h"

namespace noiommu::scenarios::exec {

// Thread-safety: as CallWatcher; the rest while no program runs.
class ExitReport : public CallWatcher {
 public:
  void seen(const SeenCall& call, const Client& client) override;
  void exiting(const Client& client) override;

  [[nodiscard]] std::string text(Machine& machine) const;
  [[nodiscard]] std::string json(Machine& machine) const;

 private:
  struct Count {
    uint64_t calls = 0;
    uint64_t failed = 0;
  };
  struct Known {
    std::weak_ptr<File> file;
    std::string name;
  };
  struct Iommufd {
    std::vector<std::string> objects;  // "IOAS 2 with 1 mapping"
    uint64_t pinned = 0;
  };

  void learn(const FileRef& file, const std::string& name);
  void count_pins(const Client& client);
  [[nodiscard]] uint64_t pinned() const;

  std::map<std::string, Count> counts_;
  std::set<pid_t> processes_;
  std::vector<Known> files_;
  std::set<std::weak_ptr<UserMemory>, std::owner_less<>> memories_;  // of those who called
  uint64_t pinned_at_most_ = 0;
  // As the last process to exit left it.
  bool exited_ = false;
  uint64_t pinned_at_exit_ = 0;
  std::vector<std::string> open_at_exit_;
  std::vector<Iommufd> iommufds_;
};

}  // namespace noiommu::scenarios::exec
