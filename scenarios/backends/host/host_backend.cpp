#include "scenarios/backends/host/host_backend.h"

#include <fmt/format.h>
#include <sys/prctl.h>

#include <csignal>
#include <utility>

#include "scenarios/backends/host/child.h"
#include "scenarios/backends/host/host_session.h"
#include "scenarios/backends/host/isolated_run.h"
#include "scenarios/backends/host/process_state.h"
#include "scenarios/backends/host/requirements.h"
#include "scenarios/engine/words.h"

namespace noiommu::scenarios::host {

namespace {

// While it lives, this process puts off an interrupt from the terminal or a request to end: the
// scenario gets it, and the machine is restored first.
class InterruptsWait {
 public:
  InterruptsWait() {
    sigset_t wanted;
    sigemptyset(&wanted);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&wanted, signal);
    sigprocmask(SIG_BLOCK, &wanted, &before_);
  }
  InterruptsWait(const InterruptsWait&) = delete;
  InterruptsWait& operator=(const InterruptsWait&) = delete;
  ~InterruptsWait() { sigprocmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

}  // namespace

HostBackend::HostBackend(HostOptions options)
    : options_(std::move(options)),
      files_(options_.root),
      facts_(look_around(files_, options_.release)),
      state_(files_, facts_) {}

std::optional<std::string> HostBackend::unmet(const Scenario& scenario) const {
  if (!stuck_.empty()) return fmt::format("{} still hangs in the kernel", stuck_);
  Facts now = facts_;
  look_again(files_, now);
  return host::unmet(now, files_, options_.bdfs, scenario);
}

std::vector<std::string> HostBackend::real_devices(const Scenario& scenario) const {
  std::vector<std::string> devices;
  for (const DeviceNeeds& needs : scenario.devices) {
    const auto mapped = options_.bdfs.find(needs.bdf);
    devices.push_back(mapped == options_.bdfs.end() ? needs.bdf : mapped->second);
  }
  return devices;
}

std::unique_ptr<Session> HostBackend::start(const Scenario& scenario) const {
  const std::string failed = state_.prepare(scenario.kernel, real_devices(scenario));
  if (!failed.empty()) throw Unmet(failed);
  Facts now = facts_;
  look_again(files_, now);
  DeviceMap map(now, scenario.devices, options_.bdfs);
  if (const Status entered = enter(scenario.process); !entered) {
    throw Unmet(fmt::format("capabilities, user and limits cannot be set: {}",
                            describe_errno(entered.error())));
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL);  // a change of user has cleared it
  return make_host_session(files_, std::move(map));
}

std::string HostBackend::restore(const Scenario& scenario) {
  const ChildEnd end = run_in_child(
      [&](const Send& send) { send(state_.restore(real_devices(scenario))); }, options_.limit);
  if (end.how == ChildEnd::How::kStuck) stuck_ = scenario.name;
  if (end.how != ChildEnd::How::kDone) return describe(end, options_.limit);
  return end.messages.empty() ? "no answer" : end.messages.front();
}

ScenarioResult HostBackend::run(const Scenario& scenario, bool record) {
  if (auto reason = unmet(scenario)) {
    ScenarioResult skipped;
    skipped.name = scenario.name;
    skipped.file = scenario.file;
    skipped.outcome = Outcome::kSkipped;
    skipped.reason = *std::move(reason);
    return skipped;
  }
  const InterruptsWait interrupts_wait;
  IsolatedResult isolated = run_isolated(*this, scenario, record, options_.limit);
  if (isolated.stuck) {
    stuck_ = scenario.name;  // its devices cannot be had back
    return std::move(isolated.result);
  }
  const std::string failed = restore(scenario);
  if (!failed.empty() && isolated.result.outcome != Outcome::kFailed) {
    isolated.result.outcome = Outcome::kFailed;
    isolated.result.reason = fmt::format("the machine could not be restored: {}", failed);
    isolated.result.failed_step.reset();
  }
  return std::move(isolated.result);
}

}  // namespace noiommu::scenarios::host
