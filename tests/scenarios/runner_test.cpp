// Whole scenarios: outcomes, reasons, logs, threads and the choice by name.
#include "scenarios/engine/runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "scenarios/engine/loader.h"
#include "tests/scenarios/fake_backend.h"
#include "uapi/vfio.h"

namespace noiommu::scenarios {
namespace {

using testing::ElementsAre;

std::vector<Scenario> load(const std::string& text) {
  return load_text("x.yaml", text);
}

std::vector<Scenario> named(const std::vector<std::string>& names) {
  std::vector<Scenario> scenarios;
  scenarios.reserve(names.size());
  for (const std::string& name : names) {
    scenarios.push_back(load("scenario: " + name + "\nsteps:\n- open: /dev/iommu\n").at(0));
  }
  return scenarios;
}

TEST(Runner, APassHasNoReason) {
  const FakeBackend backend;
  const ScenarioResult result = run_scenario(backend, named({"fine"}).at(0));
  EXPECT_EQ(result.outcome, Outcome::kPassed);
  EXPECT_EQ(result.name, "fine");
  EXPECT_EQ(result.file, "x.yaml");
  EXPECT_EQ(result.reason, "");
  EXPECT_FALSE(result.failed_step);
  EXPECT_THAT(result.trace, ElementsAre("open(\"/dev/iommu\", O_RDWR) = 3", "close(3) = 0"));
}

TEST(Runner, AFailureNamesTheFirstBadStep) {
  FakeBackend backend;
  backend.prepare = [](FakeSession& session) { session.log = {"vfio: something"}; };
  const auto scenarios =
      load("scenario: bad\nsteps:\n- open: /dev/iommu\n- open: /nowhere\n- open: /not/reached\n");
  const ScenarioResult result = run_scenario(backend, scenarios.at(0));
  EXPECT_EQ(result.outcome, Outcome::kFailed);
  EXPECT_EQ(result.reason,
            "x.yaml:4: open: /nowhere: expected success, got ENOENT (No such file or directory)");
  ASSERT_TRUE(result.failed_step);
  EXPECT_EQ(result.failed_step->line, 4);
  EXPECT_EQ(result.failed_step->number, 2U);
  EXPECT_EQ(result.failed_step->title, "open: /nowhere");
  EXPECT_THAT(result.failed_step->calls,
              ElementsAre("open(\"/nowhere\", O_RDWR) = -1 ENOENT (No such file or directory)"));
  EXPECT_EQ(result.failed_step->expected, "success");
  EXPECT_EQ(result.failed_step->got, "ENOENT (No such file or directory)");
  EXPECT_THAT(result.log, ElementsAre("vfio: something"));
  EXPECT_EQ(result.trace.back(), "close(3) = 0");  // a process that stops still closes
}

TEST(Runner, AnUnmetNeedIsASkip) {
  FakeBackend backend;
  backend.why_not = [](const Scenario&) { return "no such kernel"; };
  const ScenarioResult result = run_scenario(backend, named({"s"}).at(0));
  EXPECT_EQ(result.outcome, Outcome::kSkipped);
  EXPECT_EQ(result.reason, "no such kernel");
}

TEST(Runner, ACallThatNeverReturnsIsAFailure) {
  FakeBackend backend;
  backend.prepare = [](FakeSession& session) {
    session.log = {"must not be read"};
    session.ioctls[VFIO_DEVICE_RESET] = [](FakeSession&, int, uint64_t) -> Result<int64_t> {
      throw Blocked("waits for itself");
    };
  };
  const auto scenarios = load(
      "scenario: stuck\nsteps:\n- open: /dev/iommu\n  as: d\n- ioctl: VFIO_DEVICE_RESET\n"
      "  fd: $d\n");
  const ScenarioResult result = run_scenario(backend, scenarios.at(0));
  EXPECT_EQ(result.outcome, Outcome::kFailed);
  EXPECT_EQ(result.failed_step->expected, "success");
  EXPECT_EQ(result.failed_step->got, "a call that never returns: waits for itself");
  EXPECT_THAT(result.log, ElementsAre());
  EXPECT_THAT(result.trace, ElementsAre("open(\"/dev/iommu\", O_RDWR) = 3"));
}

TEST(Runner, AProcessThatNeverEndsIsAFailure) {
  FakeBackend backend;
  backend.prepare = [](FakeSession& session) { session.close_blocks = true; };
  const ScenarioResult result = run_scenario(backend, named({"s"}).at(0));
  EXPECT_EQ(result.outcome, Outcome::kFailed);
  EXPECT_EQ(result.reason, "the process never ends: close");
}

TEST(Runner, AMistakeOfTheBackendFailsOneScenario) {
  FakeBackend backend;
  backend.prepare = [](FakeSession&) { throw std::logic_error("a bug"); };
  const ScenarioResult result = run_scenario(backend, named({"s"}).at(0));
  EXPECT_EQ(result.outcome, Outcome::kFailed);
  EXPECT_EQ(result.reason, "internal error: a bug");
}

TEST(RunAll, KeepsTheOrderOnAnyNumberOfThreads) {
  std::vector<std::string> names(200);
  for (size_t i = 0; i < names.size(); ++i) names[i] = "s" + std::to_string(i);
  const auto scenarios = named(names);
  const FakeBackend backend;
  for (const unsigned jobs : {1U, 4U, 1000U}) {
    size_t last = 0;
    const auto results = run_all(backend, scenarios, jobs, [&last](size_t done) {
      EXPECT_EQ(done, last + 1);
      last = done;
    });
    ASSERT_EQ(results.size(), names.size());
    for (size_t i = 0; i < names.size(); ++i) EXPECT_EQ(results[i].name, names[i]);
    EXPECT_EQ(last, names.size());
    EXPECT_EQ(count(results, Outcome::kPassed), names.size());
  }
}

TEST(RunAll, NothingGivesNothing) {
  EXPECT_TRUE(run_all(FakeBackend(), {}, 4).empty());
}

TEST(Filter, MatchesWholeNamesByShellPattern) {
  const auto names = [](const std::string& pattern) {
    std::vector<std::string> kept;
    for (const Scenario& scenario : filter(named({"map-all", "map-b", "unmap-all"}), pattern)) {
      kept.push_back(scenario.name);
    }
    return kept;
  };
  EXPECT_THAT(names("map-*"), ElementsAre("map-all", "map-b"));
  EXPECT_THAT(names("*-all"), ElementsAre("map-all", "unmap-all"));
  EXPECT_THAT(names("map-?"), ElementsAre("map-b"));
  EXPECT_THAT(names("map-[ab]*"), ElementsAre("map-all", "map-b"));
  EXPECT_THAT(names("map"), ElementsAre());
}

}  // namespace
}  // namespace noiommu::scenarios
