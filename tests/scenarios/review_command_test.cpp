// `noiommu review` as a command: what it prints, saves and answers.
#include "scenarios/review/review_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <sstream>
#include <string>

#include <nlohmann/json.hpp>

#include "scenarios/engine/loader.h"
#include "scenarios/engine/model_backend.h"
#include "scenarios/engine/runner.h"
#include "tests/support/scratch_folder.h"

namespace noiommu::scenarios::review {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

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

class Replay : public ReviewCommand, public testing::WithParamInterface<const char*> {};

TEST_P(Replay, EveryViolationIsReplayedByItsScenario) {
  EXPECT_EQ(run({.revisions = {GetParam()}, .save = folder_.text(), .format = ReviewFormat::kJson}),
            0);
  size_t printed = 0;
  const json report = json::parse(out_.str());
  for (const json& result : report["results"]) {
    for (const json& one : result["counterexamples"])
      printed += one["scenario"].get<std::string>().empty() ? 0 : 1;
  }
  const Loaded loaded = load_paths({folder_.text()});
  EXPECT_THAT(loaded.errors, IsEmpty());
  EXPECT_EQ(loaded.scenarios.size(), printed);
  EXPECT_GT(printed, 0U);
  for (const ScenarioResult& result : run_all(*make_model_backend({}), loaded.scenarios, 1)) {
    EXPECT_EQ(result.outcome, Outcome::kPassed) << result.name << ": " << result.reason;
  }
}

INSTANTIATE_TEST_SUITE_P(EveryRevision, Replay,
                         testing::Values("v7.0", "v4", "v5", "v6", "mainline", "kept-group",
                                         "latch", "early-success", "no-iommu-state"));

TEST_F(ReviewCommand, PrintsJsonForScripts) {
  EXPECT_EQ(run({.revisions = {"v4"},
                 .properties = {"module-linkage", "acyclic", "no-warn"},
                 .format = ReviewFormat::kJson}),
            0);
  const json results = json::parse(out_.str())["results"];
  ASSERT_EQ(results.size(), 3U);
  EXPECT_EQ(results[0]["property"], "acyclic");
  EXPECT_EQ(results[0]["verdict"], "holds");
  EXPECT_EQ(results[0]["config"], "");
  EXPECT_EQ(results[0]["sequence"], json::array());
  EXPECT_EQ(results[1]["revision"], "v4");
  EXPECT_EQ(results[1]["verdict"], "violated");
  EXPECT_EQ(results[1]["config"], "IOMMUFD=y VFIO=m VFIO_GROUP=y VFIO_NOIOMMU=y");
  EXPECT_EQ(results[1]["states"], 152) << "configurations that were looked at";
  EXPECT_EQ(results[1]["counterexamples"][0]["configurations"], 15);
  EXPECT_EQ(results[2]["depth"], 4);
  EXPECT_EQ(results[2]["source"], "seed 003; vfio-core.md section 8");
  EXPECT_GT(results[2]["states"], 100);
}

TEST_F(ReviewCommand, TheGateDecidesTheExitStatus) {
  const std::vector<std::string> one{"named-noiommu"};
  EXPECT_EQ(run({.properties = one, .gate = "mainline"}), 0);
  EXPECT_EQ(run({.properties = one, .gate = "v5"}), 1);
  EXPECT_EQ(run({.revisions = {"mainline"}, .properties = one, .gate = "v5"}), 1)
      << "it is reviewed as well";
}

TEST_F(ReviewCommand, ReportsAMatrixTheViolationsAndWhatChanged) {
  const std::vector<std::string> properties{"no-regression", "emulated-untouched", "no-warn"};
  run({.revisions = {"v6", "mainline"}, .properties = properties, .depth = 3});
  EXPECT_THAT(out_.str(), HasSubstr("no-regression               VIOLATED       holds\n"));
  EXPECT_THAT(out_.str(), HasSubstr("v6: no-regression: worked in v7.0"));
  EXPECT_THAT(out_.str(), HasSubstr("mainline: no-warn: no violation up to depth 3, "));
  EXPECT_THAT(out_.str(), HasSubstr("From v6 to mainline:\n  no-regression: VIOLATED -> holds\n"));
  EXPECT_THAT(out_.str(), HasSubstr("    - a mediated device taints the kernel\n"));
  run({.revisions = {"v6", "mainline"},
       .properties = properties,
       .depth = 3,
       .format = ReviewFormat::kMarkdown});
  EXPECT_THAT(out_.str(), HasSubstr("| no-regression | violated | holds |\n"));
  EXPECT_THAT(out_.str(), HasSubstr("- no-regression: violated → holds\n"));
}

TEST_F(ReviewCommand, WritesAPageThatNeedsNothingElse) {
  run({.revisions = {"v4", "v4-without-depends"}, .depth = 4, .format = ReviewFormat::kHtml});
  const std::string page = out_.str();
  EXPECT_THAT(page, HasSubstr("<!DOCTYPE html>"));
  EXPECT_THAT(page, HasSubstr("<a href=\"#v4-rawio-everywhere\">violated</a>"));
  EXPECT_THAT(page, HasSubstr("<h3 id=\"v4-rawio-everywhere\">"));
  EXPECT_THAT(page, HasSubstr("<td class=\"cell broken\">opens</td>"));
  EXPECT_THAT(page, HasSubstr("open(&quot;/dev/iommu&quot;, O_RDWR) = 3"));
  EXPECT_THAT(page, HasSubstr("A Kconfig text without code of its own."));
  EXPECT_THAT(page, Not(HasSubstr("{{")));
  EXPECT_THAT(page, Not(HasSubstr("src=")));
  EXPECT_THAT(page, Not(HasSubstr("<link")));
}

TEST_F(ReviewCommand, ReviewsTheKconfigOfATree) {
  folder_.add("Kconfig",
              "config MODULES\n\tbool \"m\"\n\tdefault y\n\tmodules\n"
              "config IOMMUFD\n\ttristate \"iommufd\"\n"
              "config VFIO\n\ttristate \"vfio\"\n\tdepends on IOMMUFD || !IOMMUFD\n"
              "config VFIO_GROUP\n\tbool \"groups\"\n\tdepends on VFIO\n\tselect IOMMU_PT\n"
              "config IOMMU_PT\n\ttristate\n\tdepends on IOMMUFD\n");
  EXPECT_EQ(run({.target = {.tree = folder_.text()}, .format = ReviewFormat::kJson}), 0);
  std::map<std::string, std::string> verdicts;
  const json report = json::parse(out_.str());
  for (const json& result : report["results"]) {
    EXPECT_EQ(result["revision"], "tree");
    verdicts[result["property"]] = result["verdict"];
  }
  EXPECT_EQ(verdicts["unmet-select"], "violated");
  EXPECT_EQ(verdicts["groups-need-containers"], "violated");
  EXPECT_EQ(verdicts["acyclic"], "holds");
  EXPECT_EQ(verdicts["no-warn"], "not-applicable");
  EXPECT_EQ(run({.properties = {"unmet-select"}, .gate = "tree"}), 2) << "there is none";
  EXPECT_EQ(
      run({.target = {.tree = folder_.text()}, .properties = {"unmet-select"}, .gate = "tree"}), 1);
  EXPECT_EQ(run({.target = {.tree = folder_.text() + "/none"}}), 2);
  EXPECT_THAT(err_.str(), HasSubstr("/none"));
}

// What the help shows is taken as it stands.
TEST_F(ReviewCommand, HelpTeachesWhatThereIs) {
  CLI::App app;
  int exit_code = 0;
  add_review(app, exit_code);
  const std::string help = app.get_subcommand("review")->help();
  const std::string word = "--property ";
  const size_t at = help.find(word, help.find("Examples:")) + word.size();
  const std::string property = help.substr(at, help.find(' ', at) - at);
  EXPECT_EQ(run({.revisions = {"rejected-group-unless-noiommu"}, .properties = {property}}), 0);
  EXPECT_THAT(help, HasSubstr("toggle-safe"));
}

TEST_F(ReviewCommand, NamesWhatItDoesNotKnow) {
  EXPECT_EQ(run({.revisions = {"v8"}}), 2);
  EXPECT_THAT(err_.str(), HasSubstr("no revision 'v8'"));
  EXPECT_THAT(err_.str(), HasSubstr("proposals kept-group, latch, early-success, no-iommu-state"));
  EXPECT_EQ(run({.properties = {"taintd"}}), 2);
  EXPECT_THAT(err_.str(), HasSubstr("unknown property 'taintd'"));
  EXPECT_THAT(err_.str(), HasSubstr("tainted"));
  EXPECT_EQ(run({.properties = {"acyclic"}, .save = "/dev/null/x"}), 2);
  EXPECT_EQ(out_.str(), "");
}

}  // namespace
}  // namespace noiommu::scenarios::review
