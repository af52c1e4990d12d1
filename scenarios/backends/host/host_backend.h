// The back end that answers from the kernel of this machine.
//
// Every scenario runs in a process of its own, one after the other, because they share the devices.
// Before it the parameter and the order of its devices are set as it wants them, and afterwards as
// they were when the program started. A function that vfio-pci did not hold then is never touched.
//
// Thread-safety: run() must not be called from two threads at a time.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "scenarios/backends/host/device_map.h"
#include "scenarios/backends/host/device_state.h"
#include "scenarios/backends/host/facts.h"
#include "scenarios/engine/runner.h"

namespace noiommu::scenarios::host {

struct HostOptions {
  BdfMap bdfs;
  std::chrono::milliseconds limit = std::chrono::seconds(30);  // for a scenario
  std::string root;     // where /dev, /proc, /sys and /boot are; empty: this machine
  std::string release;  // of the kernel; empty: the one that runs
};

class HostBackend : public Backend {
 public:
  explicit HostBackend(HostOptions options);

  [[nodiscard]] std::string name() const override { return "host"; }
  [[nodiscard]] std::optional<std::string> unmet(const Scenario& scenario) const override;
  // Changes the calling process and the devices for good: for a process of its own.
  [[nodiscard]] std::unique_ptr<Session> start(const Scenario& scenario) const override;

  // Runs the scenario in a child and restores the machine. `record` as in RunControl.
  [[nodiscard]] ScenarioResult run(const Scenario& scenario, bool record);

 private:
  [[nodiscard]] std::vector<std::string> real_devices(const Scenario& scenario) const;
  // What went wrong; empty: nothing.
  [[nodiscard]] std::string restore(const Scenario& scenario);

  HostOptions options_;
  Files files_;
  Facts facts_;  // at the start
  DeviceState state_;
  std::string stuck_;  // the scenario that hangs in the kernel; empty: none
};

}  // namespace noiommu::scenarios::host
