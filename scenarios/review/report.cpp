#include "scenarios/review/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include <nlohmann/json.hpp>

namespace noiommu::scenarios::review {

namespace {

using Json = nlohmann::ordered_json;

// In the order of Verdict: for programs, and in a matrix.
constexpr std::array kWords = {"holds", "violated", "not-applicable"};
constexpr std::array kShortWords = {"holds", "VIOLATED", "-"};

const char* verdict_word(Verdict verdict) {
  return kWords[static_cast<size_t>(verdict)];
}
const char* short_word(Verdict verdict) {
  return kShortWords[static_cast<size_t>(verdict)];
}

template <class T>
std::vector<T> distinct(const std::vector<Result>& results, T (*of)(const Result&)) {
  std::vector<T> found;
  for (const Result& result : results) {
    if (std::find(found.begin(), found.end(), of(result)) == found.end()) {
      found.push_back(of(result));
    }
  }
  return found;
}

std::vector<std::string> revisions_of(const std::vector<Result>& results) {
  return distinct<std::string>(results, [](const Result& result) { return result.revision; });
}
std::vector<const Property*> properties_of(const std::vector<Result>& results) {
  return distinct<const Property*>(results, [](const Result& result) { return result.property; });
}

const Finding& at(const std::vector<Result>& results, const std::string& revision,
                  const Property* property) {
  const auto found = std::find_if(results.begin(), results.end(), [&](const Result& result) {
    return result.revision == revision && result.property == property;
  });
  return found->finding;
}

std::string violation(const Result& result) {
  std::string text =
      fmt::format("{}: {}: {}\n", result.revision, result.property->name, result.finding.what);
  if (!result.finding.config.empty()) {
    text += fmt::format("  configuration: {}\n", result.finding.config);
    if (result.finding.configurations > 1) {
      text += fmt::format("  in {} configurations\n", result.finding.configurations);
    }
  }
  for (const std::string& call : result.finding.sequence) text += fmt::format("  {}\n", call);
  return text + fmt::format("  source: {}\n", result.property->source);
}

}  // namespace

std::string report_text(const std::vector<Result>& results) {
  std::string text = fmt::format("{:18}", "");
  for (const std::string& revision : revisions_of(results)) text += fmt::format("{:>12}", revision);
  text += '\n';
  for (const Property* property : properties_of(results)) {
    text += fmt::format("{:18}", property->name);
    for (const std::string& revision : revisions_of(results)) {
      text += fmt::format("{:>12}", short_word(at(results, revision, property).verdict));
    }
    text += '\n';
  }
  for (const Result& result : results) {
    if (result.finding.verdict == Verdict::kViolated) text += '\n' + violation(result);
  }
  return text;
}

std::string report_markdown(const std::vector<Result>& results) {
  const auto revisions = revisions_of(results);
  std::string text = fmt::format("| property | {} |\n|---|", fmt::join(revisions, " | "));
  for (size_t i = 0; i < revisions.size(); ++i) text += "---|";
  text += '\n';
  for (const Property* property : properties_of(results)) {
    text += fmt::format("| {} |", property->name);
    for (const std::string& revision : revisions) {
      text += fmt::format(" {} |", verdict_word(at(results, revision, property).verdict));
    }
    text += '\n';
  }
  for (const Result& result : results) {
    if (result.finding.verdict != Verdict::kViolated) continue;
    text += fmt::format("\n### {}: {}\n\n{}\n\n```\n{}```\n", result.revision,
                        result.property->name, result.property->demand, violation(result));
  }
  return text;
}

std::string report_json(const std::vector<Result>& results) {
  Json list = Json::array();
  for (const Result& result : results) {
    const Finding& finding = result.finding;
    list.push_back({{"revision", result.revision},
                    {"property", result.property->name},
                    {"verdict", verdict_word(finding.verdict)},
                    {"what", finding.what},
                    {"config", finding.config},
                    {"sequence", finding.sequence},
                    {"scenario", finding.scenario},
                    {"source", result.property->source},
                    {"depth", finding.sequence.size()},
                    {"states", finding.configurations}});
  }
  return Json{{"results", list}}.dump(2) + '\n';
}

}  // namespace noiommu::scenarios::review
