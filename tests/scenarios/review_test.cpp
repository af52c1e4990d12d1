// `noiommu review`: the defects that the series was reviewed for are found, in as many
// configurations as there are. Spec: kconfig.md sections 5.2 to 5.4 and 8; vfio-core.md section 3.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <sstream>
#include <string>

#include <nlohmann/json.hpp>

#include "scenarios/engine/loader.h"
#include "scenarios/engine/model_backend.h"
#include "scenarios/engine/runner.h"
#include "scenarios/review/property.h"
#include "scenarios/review/review_command.h"
#include "tests/support/scratch_folder.h"

namespace noiommu::scenarios::review {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::IsEmpty;

Finding find(const std::string& revision, const std::string& name) {
  const auto loaded = Revision::load(revision);
  if (!loaded) throw std::invalid_argument(loaded.error().text());
  for (const Property& property : properties()) {
    if (property.name == name) return property.check(*loaded);
  }
  throw std::invalid_argument(name);
}

// "holds", "-" or in how many configurations it is violated.
std::string verdict(const std::string& revision, const std::string& name) {
  const Finding finding = find(revision, name);
  if (finding.verdict == Verdict::kHolds) return "holds";
  return finding.verdict == Verdict::kNotApplicable ? "-" : std::to_string(finding.configurations);
}

TEST(Review, HasTheMatrixOfTheSeries) {
  const std::vector<std::string> revisions{"v7.0", "v4", "v5", "v6", "mainline"};
  const std::map<std::string, std::vector<std::string>> matrix{
      {"acyclic", {"holds", "holds", "holds", "holds", "holds"}},
      {"unmet-select", {"holds", "holds", "holds", "holds", "holds"}},
      {"module-linkage", {"holds", "15", "holds", "holds", "holds"}},
      {"no-dead-weight", {"holds", "33", "87", "holds", "holds"}},
      {"no-regression", {"holds", "20", "holds", "6", "holds"}},
      {"support-matrix", {"-", "1", "1", "holds", "holds"}},
      {"usable-groups", {"21", "holds", "39", "holds", "holds"}},
      {"usable-cdevs", {"-", "holds", "18", "holds", "holds"}},
      {"named-noiommu", {"-", "holds", "66", "holds", "holds"}},
      {"tainted", {"holds", "6", "6", "holds", "holds"}}};
  ASSERT_EQ(matrix.size(), properties().size());
  for (const auto& [name, expected] : matrix) {
    std::vector<std::string> found;
    for (const std::string& revision : revisions) found.push_back(verdict(revision, name));
    EXPECT_EQ(found, expected) << name;
  }
}

TEST(Review, ShowsTheSmallestConfiguration) {
  EXPECT_EQ(find("v4", "module-linkage").config, "IOMMUFD=y VFIO=m VFIO_GROUP=y VFIO_NOIOMMU=y");
  EXPECT_EQ(find("v4", "no-dead-weight").config,
            "VFIO=m VFIO_GROUP=y VFIO_CONTAINER=y VFIO_NOIOMMU=y");
  EXPECT_EQ(find("v5", "no-dead-weight").config, "IOMMUFD=m IOMMUFD_NOIOMMU=y");
  EXPECT_EQ(find("v7.0", "usable-groups").config, "IOMMUFD=m VFIO=m VFIO_GROUP=y VFIO_NOIOMMU=y");
}

TEST(Review, KnowsBothReadingsOfAnUnusableGroup) {
  EXPECT_THAT(
      find("v7.0", "usable-groups").what,
      HasSubstr("/dev/vfio/vfio answers ENOENT; with /dev/iommu as its container it works"));
}

TEST(Review, FindsWhatIsWrongWithTextThatBelongsToNoCode) {
  EXPECT_EQ(find("rejected-group-unless-noiommu", "acyclic").what,
            "VFIO_GROUP -> VFIO_NOIOMMU -> VFIO_GROUP");
  EXPECT_EQ(verdict("v4-without-depends", "unmet-select"), "26");
  EXPECT_EQ(verdict("v4-without-iommu-support", "unmet-select"), "4");
  EXPECT_EQ(find("v4-without-depends", "tainted").verdict, Verdict::kNotApplicable);
  EXPECT_EQ(find("rejected-group-needs-container", "no-regression").verdict,
            Verdict::kNotApplicable);
}

TEST(Review, EarlySuccessCannotAttach) {
  const Finding finding = find("early-success", "usable-cdevs");
  EXPECT_EQ(finding.verdict, Verdict::kViolated);
  EXPECT_THAT(finding.what, HasSubstr("VFIO_DEVICE_ATTACH_IOMMUFD_PT answers EINVAL"));
}

class ReviewCommand : public testing::Test {
 protected:
  int run(const ReviewOptions& options) {
    out_.str("");
    err_.str("");
    return review_command(options, out_, err_);
  }

  const tests::ScratchFolder folder_;
  std::ostringstream out_;
  std::ostringstream err_;
};

TEST_F(ReviewCommand, EveryViolationIsReplayedByItsScenario) {
  EXPECT_EQ(run({.revisions = {"v7.0", "v4", "v5", "v6", "mainline", "early-success"},
                 .save = folder_.text()}),
            0);
  const Loaded loaded = load_paths({folder_.text()});
  EXPECT_THAT(loaded.errors, IsEmpty());
  EXPECT_EQ(loaded.scenarios.size(), 7U);
  for (const ScenarioResult& result : run_all(*make_model_backend({}), loaded.scenarios, 1)) {
    EXPECT_EQ(result.outcome, Outcome::kPassed) << result.name << ": " << result.reason;
  }
}

TEST_F(ReviewCommand, PrintsJsonForScripts) {
  EXPECT_EQ(run({.revisions = {"v4"},
                 .properties = {"module-linkage", "usable-cdevs"},
                 .format = ReviewFormat::kJson}),
            0);
  const json results = json::parse(out_.str())["results"];
  ASSERT_EQ(results.size(), 2U);
  EXPECT_EQ(results[0]["revision"], "v4");
  EXPECT_EQ(results[0]["property"], "module-linkage");
  EXPECT_EQ(results[0]["verdict"], "violated");
  EXPECT_EQ(results[0]["config"], "IOMMUFD=y VFIO=m VFIO_GROUP=y VFIO_NOIOMMU=y");
  EXPECT_EQ(results[0]["states"], 15);
  EXPECT_EQ(results[1]["verdict"], "holds");
  EXPECT_EQ(results[1]["sequence"], json::array());
}

TEST_F(ReviewCommand, TheGateDecidesTheExitStatus) {
  EXPECT_EQ(run({.gate = "mainline"}), 0);
  EXPECT_EQ(run({.gate = "v4"}), 1);
  EXPECT_EQ(run({.revisions = {"mainline"}, .gate = "v6"}), 1) << "it is reviewed as well";
}

TEST_F(ReviewCommand, ReportsAMatrixAndTheViolations) {
  run({.revisions = {"v6", "mainline"}});
  EXPECT_THAT(out_.str(), HasSubstr("no-regression         VIOLATED       holds\n"));
  EXPECT_THAT(out_.str(), HasSubstr("v6: no-regression: worked in v7.0"));
  run({.revisions = {"v6", "mainline"}, .format = ReviewFormat::kMarkdown});
  EXPECT_THAT(out_.str(), HasSubstr("| no-regression | violated | holds |\n"));
}

TEST_F(ReviewCommand, NamesWhatItDoesNotKnow) {
  EXPECT_EQ(run({.revisions = {"v8"}}), 2);
  EXPECT_THAT(err_.str(), HasSubstr("no revision 'v8'"));
  EXPECT_EQ(run({.properties = {"taintd"}}), 2);
  EXPECT_THAT(err_.str(), HasSubstr("unknown property 'taintd'"));
  EXPECT_THAT(err_.str(), HasSubstr("tainted"));
  EXPECT_EQ(run({.save = "/dev/null/x"}), 2);
  EXPECT_EQ(out_.str(), "");
}

}  // namespace
}  // namespace noiommu::scenarios::review
