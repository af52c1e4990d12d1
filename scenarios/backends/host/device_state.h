// The state in which a scenario finds the machine, and the way back to the state in which the
// program found it: the no-IOMMU parameter, the driver of the scenario's devices, their order.
#pragma once

#include <string>
#include <vector>

#include "scenarios/backends/host/facts.h"
#include "scenarios/engine/scenario.h"

namespace noiommu::scenarios::host {

// What there was before the first scenario, of the functions that vfio-pci held then. No other
// function is ever written to.
class DeviceState {
 public:
  DeviceState(const Files& files, const Facts& before);

  // Sets the parameter, and binds `devices` (real addresses, in the scenario's order) so that their
  // indexes and groups come out in that order: unbinds and binds them all when they do not already.
  // With the parameter off, devices without an IOMMU end up unbound, as they would at boot. May
  // block where somebody else uses a device. Answers what could not be done; empty: all done.
  [[nodiscard]] std::string prepare(const KernelNeeds& kernel,
                                    const std::vector<std::string>& devices) const;
  // Back to the first state, for a scenario whose devices were `touched`. Does nothing where
  // nothing has changed. Answers as prepare() does.
  [[nodiscard]] std::string restore(const std::vector<std::string>& touched) const;

 private:
  struct Held {
    std::string bdf;
    std::string driver_override;
  };
  [[nodiscard]] bool held(const std::string& bdf) const;
  [[nodiscard]] static bool in_order(const Facts& now, const std::vector<std::string>& devices);
  void set_parameter(const std::string& text) const;
  [[nodiscard]] std::string bind_in_order(const std::vector<std::string>& devices) const;
  void restore_overrides() const;

  const Files& files_;
  std::string parameter_;   // empty: there is none
  std::vector<Held> held_;  // in the order of their numbers
};

}  // namespace noiommu::scenarios::host
