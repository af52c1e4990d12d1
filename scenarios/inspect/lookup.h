// One translation, explained: the walk through the page table, what GET_PA answers, and why.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/generic_pt/amdv1.h"
#include "model/kernel/process.h"
#include "model/kernel/result.h"
#include "scenarios/inspect/snapshot.h"

namespace noiommu::scenarios {

// Why GET_PA answers what it does. Spec: iommufd.md section 15.
enum class Reason {
  // Why the run is no longer.
  kAreaEnds,
  kLengthAsked,
  kNotAdjacent,
  // Which check refuses, in their order.
  kNotBuilt,
  kNoCapability,
  kNoLength,
  kLastIova,
  kNoArea,
  kNotSettled,
  kRevoked,
  kNoDomain,
  kHasIommu,
};

struct Lookup {
  std::vector<int> descriptors = {};  // of the iommufd
  uint32_t ioas = 0;
  uint64_t iova = 0;
  uint64_t length = 0;                 // asked for
  std::optional<AreaFacts> area = {};  // that holds the IOVA
  // Without one, its neighbours.
  std::optional<iommufd::IovaRange> below = {};
  std::optional<iommufd::IovaRange> above = {};
  std::vector<TableEntry> walk = {};  // in the area's storage; empty without
  PhysAddr walk_pa = {};              // where the walk leads; 0 when it ends at an empty item

  Result<generic_pt::PhysRun> answer = {};  // of GET_PA
  Reason reason = Reason::kAreaEnds;
  PhysAddr last_frame = {};  // of the run, and
  PhysAddr next_frame = {};  // what the next IOVA leads to, for kNotAdjacent
};

// The two ways to a reason, from what GET_PA answered and what is there.
[[nodiscard]] Reason reason_for_refusal(Errno error, bool iommufd_noiommu, const Lookup& lookup);
[[nodiscard]] Reason reason_for_length(const generic_pt::PhysRun& run, const Lookup& lookup);

struct LookupRequest {
  uint64_t iova = 0;
  uint64_t length = UINT64_MAX;  // for GET_PA
  std::optional<uint32_t> ioas =
      {};  // nothing: those with an area at `iova`, or all when none has one
};

// In every iommufd that the process keeps open. Empty only where there is no (such) IOAS. As
// take_snapshot() for concurrency.
[[nodiscard]] std::vector<Lookup> look_up(const Process& process, const LookupRequest& request);

[[nodiscard]] std::string show(const iommufd::IovaRange& range);  // "0x1000-0x1fff"
[[nodiscard]] std::string reason_code(Reason reason);             // "area-ends", for programs
[[nodiscard]] std::string explain(const Lookup& lookup);          // a sentence without its stop

}  // namespace noiommu::scenarios
