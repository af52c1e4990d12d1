// The four report formats.
#include "scenarios/engine/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <pugixml.hpp>

namespace noiommu::scenarios {
namespace {

using testing::HasSubstr;
using testing::Not;

ScenarioResult passed(const std::string& name, const std::string& file) {
  ScenarioResult result;
  result.name = name;
  result.file = file;
  result.trace = {"close(3) = 0"};
  return result;
}

ScenarioResult skipped(const std::string& name, const std::string& file) {
  ScenarioResult result = passed(name, file);
  result.outcome = Outcome::kSkipped;
  result.reason = "needs an IOMMU";
  result.trace = {};
  return result;
}

ScenarioResult failed(const std::string& name, const std::string& file) {
  ScenarioResult result = passed(name, file);
  result.outcome = Outcome::kFailed;
  result.reason = "the <reason>";
  result.failed_step = FailedStep{7, 2, "close: $a", {"close(4) = 0"}, "EBADF", "success"};
  result.log = {"vfio: a line"};
  return result;
}

std::vector<ScenarioResult> one_of_each() {
  return {passed("good", "a.yaml"), failed("bad", "a.yaml"), skipped("other", "b.yaml")};
}

TEST(TextReport, HasALinePerScenarioAndABlockPerFailure) {
  EXPECT_EQ(report(one_of_each(), Format::kText),
            "ok   good\n"
            "FAIL bad\n"
            "     a.yaml:7: step 2, close: $a\n"
            "     call:     close(4) = 0\n"
            "     expected: EBADF\n"
            "     got:      success\n"
            "     kernel:   vfio: a line\n"
            "skip other: needs an IOMMU\n"
            "1 passed, 1 failed, 1 skipped\n");
}

TEST(TextReport, ShowsTheTraceWhenAsked) {
  EXPECT_THAT(report(one_of_each(), Format::kText, {.trace = true}),
              HasSubstr("ok   good\n     close(3) = 0\nFAIL bad\n     close(3) = 0\n"));
}

TEST(TextReport, HasColoursOnlyWhenAsked) {
  EXPECT_THAT(report(one_of_each(), Format::kText), Not(HasSubstr("\033")));
  EXPECT_THAT(report(one_of_each(), Format::kText, {.trace = false, .colour = true}),
              HasSubstr("\033[31mFAIL\033[0m bad\n"));
}

TEST(TextReport, AFailureWithoutAStepGivesItsReason) {
  ScenarioResult result = failed("bad", "a.yaml");
  result.failed_step.reset();
  EXPECT_THAT(report({{result}}, Format::kText), HasSubstr("FAIL bad\n     the <reason>\n"));
}

TEST(JsonReport, IsOneObjectOfThisShape) {
  const auto expected = nlohmann::json::parse(R"({
    "passed": 1, "failed": 1, "skipped": 1,
    "scenarios": [
      {"name": "good", "file": "a.yaml", "result": "passed", "reason": ""},
      {"name": "bad", "file": "a.yaml", "result": "failed", "reason": "the <reason>"},
      {"name": "other", "file": "b.yaml", "result": "skipped", "reason": "needs an IOMMU"}]})");
  EXPECT_EQ(nlohmann::json::parse(report(one_of_each(), Format::kJson)), expected);
}

TEST(JsonReport, IsValidForAnyBytes) {
  const std::string json = report({{passed("a\"\n\xff", "f")}}, Format::kJson);
  EXPECT_EQ(nlohmann::json::parse(json)["scenarios"][0]["name"], "a\"\n\xEF\xBF\xBD");
}

TEST(JunitReport, HasASuitePerFile) {
  pugi::xml_document document;
  ASSERT_TRUE(document.load_string(report(one_of_each(), Format::kJunit).c_str()));
  const auto suites = document.child("testsuites");
  EXPECT_EQ(suites.attribute("tests").as_int(), 3);
  EXPECT_EQ(suites.attribute("failures").as_int(), 1);
  EXPECT_EQ(suites.attribute("skipped").as_int(), 1);

  const auto first = suites.first_child();
  EXPECT_STREQ(first.attribute("name").value(), "a.yaml");
  EXPECT_EQ(first.attribute("tests").as_int(), 2);
  const auto bad = first.find_child_by_attribute("testcase", "name", "bad");
  EXPECT_STREQ(bad.attribute("classname").value(), "a.yaml");
  EXPECT_STREQ(bad.child("failure").attribute("message").value(), "the <reason>");
  EXPECT_THAT(bad.child("failure").text().get(), HasSubstr("expected: EBADF\n"));

  const auto second = first.next_sibling();
  EXPECT_STREQ(second.attribute("name").value(), "b.yaml");
  EXPECT_STREQ(second.child("testcase").child("skipped").attribute("message").value(),
               "needs an IOMMU");
}

TEST(JunitReport, KeepsTheTraceAsOutput) {
  pugi::xml_document document;
  ASSERT_TRUE(document.load_string(
      report({{passed("good", "a")}}, Format::kJunit, {.trace = true}).c_str()));
  EXPECT_STREQ(document.select_node("//system-out").node().text().get(), "close(3) = 0");
}

TEST(TapReport, NumbersTheScenarios) {
  EXPECT_EQ(report(one_of_each(), Format::kTap),
            "TAP version 14\n"
            "1..3\n"
            "ok 1 - good\n"
            "not ok 2 - bad\n"
            "  ---\n"
            "  message: |\n"
            "    a.yaml:7: step 2, close: $a\n"
            "    call:     close(4) = 0\n"
            "    expected: EBADF\n"
            "    got:      success\n"
            "    kernel:   vfio: a line\n"
            "  ...\n"
            "ok 3 - other # SKIP needs an IOMMU\n");
}

TEST(TapReport, EscapesWhatWouldBeADirective) {
  EXPECT_THAT(report({{passed("a # SKIP b", "f")}}, Format::kTap),
              HasSubstr("ok 1 - a \\# SKIP b\n"));
}

}  // namespace
}  // namespace noiommu::scenarios
