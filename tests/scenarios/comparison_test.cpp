// The same scenario on two back ends: what counts as a difference, and how it is told.
#include "scenarios/engine/comparison.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scenarios/engine/loader.h"
#include "scenarios/engine/report.h"
#include "tests/scenarios/fake_backend.h"
#include "uapi/iommufd.h"

namespace noiommu::scenarios {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kGetPa = R"(scenario: s
steps:
- {open: /dev/iommu, as: f}
- ioctl: IOMMU_IOAS_NOIOMMU_GET_PA
  fd: $f
  args: {iova: 0x1000, length: 1}
- {close: $f}
)";

class Comparison : public testing::Test {
 protected:
  [[nodiscard]] ScenarioResult run(const std::string& text) const {
    const auto scenarios = load_text("x.yaml", text);
    const auto on = [](const Backend& backend) {
      return [&backend](const Scenario& scenario) {
        return run_scenario(backend, scenario, {.record = true});
      };
    };
    return run_on_both(on(model), on(host), scenarios.at(0));
  }
  // GET_PA answers this on one side.
  static void answer(FakeBackend& side, uint64_t physical, uint64_t length) {
    side.prepare = [=](FakeSession& session) {
      session.ioctls[IOMMU_IOAS_NOIOMMU_GET_PA] = [=](FakeSession& process, int, uint64_t at) {
        auto get = process.load<iommu_ioas_noiommu_get_pa>(at);
        get.out_phys = physical;
        get.length = length;
        process.store(at, get);
        return 0;
      };
    };
  }

  FakeBackend model;
  FakeBackend host;
};

TEST_F(Comparison, TheSameAnswersPassWhateverTheFileExpects) {
  EXPECT_EQ(run("scenario: s\nsteps:\n- open: /no/such\n").outcome, Outcome::kPassed);
}

TEST_F(Comparison, AnErrnoAndADescriptorDiffer) {
  host.prepare = [](FakeSession& session) { session.files.erase("/dev/iommu"); };
  const ScenarioResult result = run("scenario: s\nsteps:\n- open: /dev/iommu\n- eventfd:\n");
  ASSERT_EQ(result.differences.size(), 2U);
  EXPECT_EQ(result.differences[0].model, "3");
  EXPECT_EQ(result.differences[0].host, "ENOENT");
  EXPECT_EQ(result.differences[1].model, "4");
  EXPECT_EQ(result.differences[1].host, "3");
  EXPECT_EQ(result.reason, "x.yaml:3: open: /dev/iommu: model 3, host ENOENT");
}

TEST_F(Comparison, PhysicalAddressesMayDifferButNotInTheirPage) {
  answer(model, 0x100000080, 0xf80);
  answer(host, 0x7654080, 0xf80);
  EXPECT_EQ(run(kGetPa).outcome, Outcome::kPassed);
  answer(host, 0x7654081, 0xf80);
  const ScenarioResult result = run(kGetPa);
  ASSERT_EQ(result.differences.size(), 1U);
  EXPECT_EQ(result.differences[0].model, "out_phys=page+0x80");
  EXPECT_EQ(result.differences[0].host, "out_phys=page+0x81");
}

TEST_F(Comparison, AFieldThatNobodyExpectsIsCompared) {
  answer(model, 0x1000, 0x1000);
  answer(host, 0x1000, 1);
  const ScenarioResult result = run(kGetPa);
  ASSERT_EQ(result.differences.size(), 1U);
  EXPECT_EQ(result.differences[0].model, "length=0x1000");
  EXPECT_EQ(result.differences[0].host, "length unchanged");
}

TEST_F(Comparison, TheReportShowsOnlyWhatDiffers) {
  answer(model, 0x1000, 0x1000);
  answer(host, 0, 0x1000);
  const std::string text = report(std::vector{run(kGetPa)}, Format::kText, {.brief = true});
  EXPECT_THAT(text,
              AllOf(HasSubstr("FAIL s\n     x.yaml:4: step 2, ioctl: IOMMU_IOAS_NOIOMMU"),
                    HasSubstr("call:     ioctl(3, "), HasSubstr("model:    out_phys=page+0x0\n"),
                    HasSubstr("host:     out_phys unchanged\n"), Not(HasSubstr("close"))));
  answer(host, 0x1000, 0x1000);
  EXPECT_EQ(report(std::vector{run(kGetPa)}, Format::kText, {.brief = true}),
            "1 passed, 0 failed, 0 skipped\n");
}

TEST_F(Comparison, ASideThatCannotRunItSkips) {
  host.why_not = [](const Scenario&) { return "no such machine"; };
  const ScenarioResult result = run(kGetPa);
  EXPECT_EQ(result.outcome, Outcome::kSkipped);
  EXPECT_EQ(result.reason, "host: no such machine");
}

TEST_F(Comparison, ASideThatNeverEndsFails) {
  host.prepare = [](FakeSession& session) { session.close_blocks = true; };
  const ScenarioResult result = run("scenario: s\nsteps:\n- {open: /dev/iommu, as: f}\n");
  EXPECT_EQ(result.outcome, Outcome::kFailed);
  EXPECT_EQ(result.reason, "model: ends by itself; host: the process never ends: close");
}

TEST_F(Comparison, WhatAPointerLeadsToIsComparedToo) {
  const auto answer_ranges = [](FakeBackend& side, uint64_t last) {
    side.prepare = [=](FakeSession& session) {
      session.ioctls[IOMMU_IOAS_IOVA_RANGES] = [=](FakeSession& process, int, uint64_t at) {
        const auto ranges = process.load<iommu_ioas_iova_ranges>(at);
        process.store(ranges.allowed_iovas + 8, last);
        return 0;
      };
    };
  };
  const std::string ask =
      "scenario: s\nsteps:\n- {open: /dev/iommu, as: f}\n"
      "- {ioctl: IOMMU_IOAS_IOVA_RANGES, fd: $f,\n"
      "   args: {num_iovas: 1, allowed_iovas: {u64: [0, 0]}}}\n";
  answer_ranges(model, 0xfff);
  answer_ranges(host, 0xfff);
  EXPECT_EQ(run(ask).outcome, Outcome::kPassed);
  answer_ranges(host, 0x1fff);
  const ScenarioResult result = run(ask);
  ASSERT_EQ(result.differences.size(), 1U);
  EXPECT_EQ(result.differences[0].model, "allowed_iovas=[0x0, 0xfff]");
  EXPECT_EQ(result.differences[0].host, "allowed_iovas=[0x0, 0x1fff]");
}

}  // namespace
}  // namespace noiommu::scenarios
