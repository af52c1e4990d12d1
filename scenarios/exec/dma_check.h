// Whether devices without an IOMMU reach only what the program has pinned for them.
#pragma once

#include <sys/types.h>

#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "model/kernel/types.h"
#include "scenarios/exec/supervisor.h"

namespace noiommu::scenarios::exec {

enum class DmaChecking { kOff, kReport, kAbort };

// A transfer must lie in pages that an IOAS has pinned. While no device is bound to an iommufd, as
// for devices that were opened through their group, pages will do whose frames the program has
// learned from /proc/PID/pagemap.
//
// Thread-safety: all methods may be called from any thread.
class DmaCheck : public Observer {
 public:
  // `say` gets a text of whole lines for each transfer that goes astray.
  using Say = std::function<void(const std::string& text)>;

  DmaCheck(DmaChecking how, const DescriptorFiles& descriptors, const ProgramPages& pages, Say say);

  // A device is about to move `length` bytes.
  void transfer(const std::string& bdf, PhysAddr start, uint64_t length, bool to_memory);

  void before(Client& client, const Trap& trap, const FileRef& file) override;
  void after(const Answered& answered) override;

 private:
  // Adjacent frames that an area leads to, or led to.
  struct Run {
    PhysAddr start;
    uint64_t length = 0;
    uint64_t iova = 0;
    uint32_t ioas = 0;
    [[nodiscard]] bool contains(PhysAddr at) const { return at >= start && at - start < length; }
  };

  struct Pinned {
    std::vector<Run> runs;
    bool for_devices = false;  // one is bound to an iommufd
  };
  [[nodiscard]] Pinned pinned() const;
  [[nodiscard]] std::string explain(const std::vector<Run>& runs, PhysAddr start,
                                    PhysAddr bad) const;
  void remember(const Client& client, const Trap& trap, const FileRef& file);

  const DmaChecking how_;
  const DescriptorFiles& descriptors_;
  const ProgramPages& pages_;
  const Say say_;
  mutable std::mutex mutex_;  // guards all below
  std::deque<Run> earlier_;   // what was mapped last, as far as it is remembered
  std::set<pid_t> owners_;    // processes that have opened a device
};

}  // namespace noiommu::scenarios::exec
