// All sequences of calls up to a length, on one kernel: breadth first, with states recognised.
//
// A state is what decides how later calls answer: what the program has open and what that is in,
// its capability, the module parameter, the nodes, the taint. Object ids and the order in which
// things were opened may tell states apart that need not be; never the other way round.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "scenarios/review/program.h"
#include "scenarios/review/revision.h"

namespace noiommu::scenarios::review {

// What a program may do next, in one or a few calls that belong together.
struct SearchAction {
  enum class Reach : uint8_t { kNothing, kDevice, kPhysicalAddress };
  enum class Kind : uint8_t { kCall, kClears, kSets, kRegisters };

  std::string name;                // "BIND"
  std::vector<std::string> steps;  // as in Program
  std::vector<std::string> wants;  // names that must be open
  std::string gives = {};          // the name that it opens, which must not be open yet
  std::string takes = {};          // the name that it closes
  Reach reach = Reach::kNothing;   // what who succeeds has got hold of
  Kind kind = Kind::kCall;         // clears or sets the parameter; makes new registrations
};

// How an action ended.
enum class Ending : uint8_t { kNotTried, kWell, kFailed, kKilled, kNeverReturns };

struct SearchState {
  static constexpr uint32_t kNone = UINT32_MAX;

  uint32_t parent = kNone;
  uint32_t action = 0;  // that leads here from the parent
  uint32_t depth = 0;
  bool capable = true;  // CAP_SYS_RAWIO is in force
  // By action; empty for a state at the last depth, from which nothing was tried.
  struct Try {
    Ending ending = Ending::kNotTried;
    uint64_t taint = 0;   // of the kernel, afterwards
    bool warned = false;  // the kernel said WARNING
    uint32_t to = kNone;  // the state that it leads to; its own where nothing changes
  };
  std::vector<Try> tries = {};
};

struct Exploration {
  Boot boot;
  size_t configurations = 0;   // that make it
  bool without_rawio = false;  // from the first call on
  std::vector<SearchAction> actions;
  std::vector<SearchState> states;  // by depth; the first is the freshly booted kernel
  size_t depth = 0;

  // The actions that lead to a state, and then `more`.
  [[nodiscard]] std::vector<uint32_t> path(uint32_t state, std::vector<uint32_t> more) const;
  [[nodiscard]] Program program(const std::string& name, const std::vector<uint32_t>& path) const;
};

// Of every kernel that shows a device without an IOMMU: with all capabilities, which may be dropped
// and raised, and without CAP_SYS_RAWIO.
struct Explorations {
  std::vector<Exploration> all = {};
  size_t depth = 0;
};

// `kernels` are those of the revision. `progress` is told how many kernels are done, of how many.
[[nodiscard]] Explorations explore(const Revision& revision,
                                   const std::vector<KernelBuild>& kernels, size_t depth,
                                   const std::function<void(size_t, size_t)>& progress = {});

}  // namespace noiommu::scenarios::review
