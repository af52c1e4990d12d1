#include <fmt/format.h>

#include <sstream>

#include <pugixml.hpp>

#include "scenarios/engine/report.h"

namespace noiommu::scenarios {
namespace {

void set_counts(pugi::xml_node node, std::span<const ScenarioResult> results) {
  node.append_attribute("tests") = static_cast<unsigned long long>(results.size());
  node.append_attribute("failures") =
      static_cast<unsigned long long>(count(results, Outcome::kFailed));
  node.append_attribute("skipped") =
      static_cast<unsigned long long>(count(results, Outcome::kSkipped));
}

void set_text(pugi::xml_node node, const std::string& text) {
  node.append_child(pugi::node_pcdata).set_value(text.c_str());
}

void add_case(pugi::xml_node suite, const ScenarioResult& result, const ReportOptions& options) {
  pugi::xml_node test = suite.append_child("testcase");
  test.append_attribute("classname") = result.file.c_str();
  test.append_attribute("name") = result.name.c_str();
  if (result.outcome == Outcome::kFailed) {
    pugi::xml_node failure = test.append_child("failure");
    failure.append_attribute("message") = result.reason.c_str();
    set_text(failure, failure_details(result));
  }
  if (result.outcome == Outcome::kSkipped) {
    test.append_child("skipped").append_attribute("message") = result.reason.c_str();
  }
  if (options.trace) {
    set_text(test.append_child("system-out"), fmt::format("{}", fmt::join(result.trace, "\n")));
  }
}

// How many of the first results come from the same file.
size_t same_file(std::span<const ScenarioResult> results) {
  size_t length = 0;
  while (length < results.size() && results[length].file == results.front().file) ++length;
  return length;
}

}  // namespace

std::string report_junit(std::span<const ScenarioResult> results, const ReportOptions& options) {
  pugi::xml_document document;
  pugi::xml_node suites = document.append_child("testsuites");
  set_counts(suites, results);
  while (!results.empty()) {
    const auto of_file = results.first(same_file(results));
    pugi::xml_node suite = suites.append_child("testsuite");
    suite.append_attribute("name") = of_file.front().file.c_str();
    set_counts(suite, of_file);
    for (const ScenarioResult& result : of_file) add_case(suite, result, options);
    results = results.subspan(of_file.size());
  }
  std::ostringstream text;
  document.save(text, "  ");
  return text.str();
}

}  // namespace noiommu::scenarios
