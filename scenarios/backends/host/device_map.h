// A scenario's names for devices, and what they are called on this machine.
//
// A scenario believes that it is alone: its devices are 0000:00:04.0 and the like, the first is
// noiommu-vfio0 in group noiommu-0, and so on. Here its devices may have other addresses, and
// numbers may be taken by devices that it knows nothing of. Device indexes and group numbers are
// lowest-free, so the scenario's number N is the Nth number that no stranger holds, whatever the
// scenario unbinds and binds meanwhile. Groups of devices behind an IOMMU are numbered at boot and
// mapped one by one. Spec: vfio-core.md 3.6.
//
// Thread-safety: immutable.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "scenarios/backends/host/facts.h"
#include "scenarios/engine/scenario.h"

namespace noiommu::scenarios::host {

// The scenario's address to the machine's.
using BdfMap = std::map<std::string, std::string>;

// "0000:00:04.0", in lower case.
[[nodiscard]] bool is_bdf(const std::string& text);

class DeviceMap {
 public:
  DeviceMap() = default;
  DeviceMap(const Facts& facts, const std::vector<DeviceNeeds>& devices, const BdfMap& bdfs);

  // Whether every name stands for itself.
  [[nodiscard]] bool identity() const;
  // The machine's address of a scenario's device.
  [[nodiscard]] std::string real_bdf(const std::string& bdf) const;
  // The scenario's devices here, in its order.
  [[nodiscard]] const std::vector<std::string>& own() const { return own_; }

  // A path of the scenario as it is here.
  [[nodiscard]] std::string real_path(const std::string& path) const;
  // Addresses within a text, e.g. what is written to `bind`.
  [[nodiscard]] std::string real_text(const std::string& text) const;

  // And back.
  [[nodiscard]] std::string scenario_path(const std::string& path) const;
  [[nodiscard]] std::string scenario_text(const std::string& text) const;
  // The entries of the folder `path` (a scenario's path), without those of strangers.
  [[nodiscard]] std::vector<std::string> scenario_names(
      const std::string& path, const std::vector<std::string>& names) const;

  // The number N that a stranger does not hold, and back: nothing when a stranger holds it.
  [[nodiscard]] static unsigned nth_free(const std::set<unsigned>& taken, unsigned n);
  [[nodiscard]] static std::optional<unsigned> rank_of(const std::set<unsigned>& taken,
                                                       unsigned number);

 private:
  [[nodiscard]] unsigned real_group(unsigned group) const;
  [[nodiscard]] std::optional<unsigned> scenario_group(unsigned group) const;
  // One part of a path, below `parent`. Nothing when it is a stranger's.
  [[nodiscard]] std::string real_name(const std::string& parent, const std::string& name) const;
  [[nodiscard]] std::optional<std::string> scenario_name(const std::string& parent,
                                                         const std::string& name) const;

  BdfMap to_real_;
  BdfMap to_scenario_;
  std::vector<std::string> own_;
  std::set<unsigned> strange_indexes_;   // of VFIO devices
  std::set<unsigned> strange_groups_;    // not invented for one of our devices
  std::set<unsigned> fixed_groups_;      // of the scenario: those at boot
  std::map<unsigned, unsigned> groups_;  // the scenario's group of a device behind an IOMMU to ours
};

}  // namespace noiommu::scenarios::host
