// The host back end as a whole, on a made-up machine.
#include "scenarios/backends/host/host_backend.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "scenarios/backends/host/result_message.h"
#include "scenarios/engine/loader.h"
#include "tests/scenarios/host_tree.h"

namespace noiommu::scenarios::host {
namespace {

constexpr const char* kToggle = R"(scenario: toggle
process: {memlock: 64K}
devices:
- {bdf: '0000:00:04.0', model: edu, iommu: none}
steps:
- {read_file: /sys/module/vfio/parameters/enable_unsafe_noiommu_mode, expect: Y}
- {write_file: /sys/module/vfio/parameters/enable_unsafe_noiommu_mode, text: N}
- {open: /dev/iommu, as: f}
)";

class WholeHost : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "wants root";
    tree.two_edus();
  }
  [[nodiscard]] ScenarioResult run(const std::string& text, bool record = false) const {
    HostOptions options;
    options.root = tree.root();
    options.release = kRelease;
    HostBackend backend(options);
    const auto scenarios = load_text("x.yaml", text);
    return backend.run(scenarios.at(0), record);
  }

  HostTree tree;
};

TEST_F(WholeHost, AScenarioRunsAndTheMachineIsAsBefore) {
  const ScenarioResult result = run(kToggle);
  if (result.outcome == Outcome::kSkipped) GTEST_SKIP() << result.reason;
  EXPECT_EQ(result.outcome, Outcome::kPassed) << result.reason;
  EXPECT_EQ(result.trace.size(), 9U);
  EXPECT_EQ(tree.text(kNoiommuParameterPath), "Y");
}

TEST_F(WholeHost, AnswersComeBackForTheComparison) {
  const ScenarioResult result = run(kToggle, true);
  if (result.outcome == Outcome::kSkipped) GTEST_SKIP() << result.reason;
  ASSERT_EQ(result.answers.size(), 3U);
  EXPECT_EQ(result.answers[0].answer.values[0].second, "\"Y\"");
  EXPECT_EQ(result.answers[2].answer.result, "3");
}

// Its number is not the lowest free one, so it is to be bound again, which fails.
TEST_F(WholeHost, AMachineThatCannotBeRestoredIsAFailure) {
  tree.remove("/sys/bus/pci/drivers/vfio-pci/bind");
  tree.noiommu_function("0000:00:06.0", 5, 5);
  const ScenarioResult result =
      run("scenario: s\nprocess: {memlock: 64K}\ndevices:\n- {bdf: '0000:00:06.0', model: edu, "
          "iommu: none}\n"
          "steps:\n- open: /dev/iommu\n");
  EXPECT_EQ(result.outcome, Outcome::kFailed);
  EXPECT_EQ(result.reason,
            "the machine could not be restored: 0000:00:06.0 cannot be bound to vfio-pci");
}

TEST(HostMessage, AResultSurvivesTheTrip) {
  ScenarioResult result;
  result.name = "n";
  result.outcome = Outcome::kFailed;
  result.reason = "bytes that are no text: \xff\xfe";
  result.failed_step = FailedStep{3, 1, "t", {"call"}, "e", "g"};
  result.trace = {"a", "b"};
  result.answers.push_back({3, 1, "t", {"call"}, {"EPERM", {{"iova", "0x1000"}}}});
  const ScenarioResult back = unpack(pack(result));
  EXPECT_EQ(back.reason, result.reason);
  EXPECT_EQ(back.failed_step->calls, result.failed_step->calls);
  EXPECT_EQ(back.failed_step->got, "g");
  EXPECT_EQ(back.trace, result.trace);
  EXPECT_EQ(back.answers.at(0).answer, result.answers.at(0).answer);
  EXPECT_THROW(static_cast<void>(unpack("nonsense")), std::runtime_error);
}

}  // namespace
}  // namespace noiommu::scenarios::host
