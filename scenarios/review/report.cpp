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

const char* short_word(Verdict verdict) {
  return kShortWords[static_cast<size_t>(verdict)];
}

template <class T>
std::vector<T> distinct(const std::vector<Result>& results, T (*of)(const Result&)) {
  std::vector<T> found;
  for (const Result& result : results) {
    if (std::ranges::find(found, of(result)) == found.end()) found.push_back(of(result));
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
  const auto found = std::ranges::find_if(results, [&](const Result& result) {
    return result.revision == revision && result.property == property;
  });
  return found->finding;
}

std::string count(size_t number, const char* what) {
  return fmt::format("{} {}{}", number, what, number == 1 ? "" : "s");
}

// Without the line that says what it is.
std::string evidence(const Counterexample& one) {
  std::string text;
  if (!one.config.empty()) text += fmt::format("  configuration: {}\n", one.config);
  if (one.configurations > 1) {
    text += fmt::format("  in {}\n", count(one.configurations, "configuration"));
  }
  if (!one.nodes.empty() && one.nodes_config != one.config)
    text += fmt::format("  drawn for: {}\n", one.nodes_config);
  for (const std::string& line : one.nodes) text += fmt::format("  | {}\n", line);
  for (const std::string& call : one.sequence) text += fmt::format("  {}\n", call);
  return text;
}

std::vector<std::string> sayings(const Finding& finding) {
  std::vector<std::string> all;
  for (const Counterexample& one : finding.counterexamples) all.push_back(one.what);
  return all;
}

std::vector<std::string> without(std::vector<std::string> all,
                                 const std::vector<std::string>& those) {
  std::erase_if(
      all, [&](const std::string& one) { return std::ranges::find(those, one) != those.end(); });
  return all;
}

}  // namespace

bool searched_in_vain(const Finding& finding) {
  return finding.verdict == Verdict::kHolds && finding.depth != 0;
}

std::string verdict_word(Verdict verdict) {
  return kWords[static_cast<size_t>(verdict)];
}

std::vector<Change> changes(const std::vector<Result>& results) {
  const auto revisions = revisions_of(results);
  std::vector<Change> found;
  for (size_t i = 1; i < revisions.size(); ++i) {
    for (const Property* property : properties_of(results)) {
      const Finding& before = at(results, revisions[i - 1], property);
      const Finding& after = at(results, revisions[i], property);
      Change change{.from = revisions[i - 1],
                    .to = revisions[i],
                    .property = property,
                    .before = before.verdict,
                    .after = after.verdict,
                    .gone = without(sayings(before), sayings(after)),
                    .fresh = without(sayings(after), sayings(before))};
      const bool same =
          change.before == change.after && change.gone.empty() && change.fresh.empty();
      if (!same) found.push_back(std::move(change));
    }
  }
  return found;
}

std::string report_text(const std::vector<Result>& results) {
  std::string text = fmt::format("{:24}", "");
  for (const std::string& revision : revisions_of(results)) text += fmt::format("{:>12}", revision);
  text += '\n';
  for (const Property* property : properties_of(results)) {
    text += fmt::format("{:24}", property->name);
    for (const std::string& revision : revisions_of(results)) {
      text += fmt::format("{:>12}", short_word(at(results, revision, property).verdict));
    }
    text += '\n';
  }
  for (const Result& result : results) {
    for (const Counterexample& one : result.finding.counterexamples) {
      text += fmt::format("\n{}: {}: {}\n{}  source: {}\n", result.revision, result.property->name,
                          one.what, evidence(one), result.property->source);
    }
  }
  std::string held;
  for (const Result& result : results) {
    if (!searched_in_vain(result.finding)) continue;
    held += fmt::format("{}: {}: no violation up to depth {}, {}\n", result.revision,
                        result.property->name, result.finding.depth,
                        count(result.finding.states, "state"));
  }
  if (!held.empty()) text += '\n' + held;
  std::string pair;
  for (const Change& change : changes(results)) {
    const std::string heading = fmt::format("\nFrom {} to {}:\n", change.from, change.to);
    if (heading != pair) text += heading;
    pair = heading;
    text += change.before == change.after
                ? fmt::format("  {}: still {}\n", change.property->name, short_word(change.after))
                : fmt::format("  {}: {} -> {}\n", change.property->name, short_word(change.before),
                              short_word(change.after));
    for (const std::string& one : change.gone) text += fmt::format("    - {}\n", one);
    for (const std::string& one : change.fresh) text += fmt::format("    + {}\n", one);
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
    text += fmt::format("\n### {}: {}\n\n{} Source: {}.\n", result.revision, result.property->name,
                        result.property->demand, result.property->source);
    for (const Counterexample& one : result.finding.counterexamples) {
      text += fmt::format("\n{}\n\n```\n{}```\n", one.what, evidence(one));
    }
  }
  std::string pair;
  for (const Change& change : changes(results)) {
    const std::string heading = fmt::format("\n### From {} to {}\n\n", change.from, change.to);
    if (heading != pair) text += heading;
    pair = heading;
    text += fmt::format("- {}: {} → {}\n", change.property->name, verdict_word(change.before),
                        verdict_word(change.after));
    for (const std::string& one : change.gone) text += fmt::format("  - gone: {}\n", one);
    for (const std::string& one : change.fresh) text += fmt::format("  - new: {}\n", one);
  }
  return text;
}

std::string report_json(const std::vector<Result>& results) {
  Json list = Json::array();
  for (const Result& result : results) {
    const Finding& finding = result.finding;
    Json all = Json::array();
    for (const Counterexample& one : finding.counterexamples) {
      all.push_back({{"what", one.what},
                     {"config", one.config},
                     {"configurations", one.configurations},
                     {"nodes", one.nodes},
                     {"nodes_config", one.nodes_config},
                     {"sequence", one.sequence},
                     {"scenario", one.scenario}});
    }
    const Counterexample first =
        finding.counterexamples.empty() ? Counterexample{} : finding.counterexamples.front();
    list.push_back({{"revision", result.revision},
                    {"property", result.property->name},
                    {"verdict", verdict_word(finding.verdict)},
                    {"what", finding.counterexamples.empty() ? finding.why : first.what},
                    {"config", first.config},
                    {"sequence", first.sequence},
                    {"source", result.property->source},
                    {"depth", finding.depth != 0 ? finding.depth : first.sequence.size()},
                    {"states", finding.states},
                    {"counterexamples", all}});
  }
  Json changed = Json::array();
  for (const Change& change : changes(results)) {
    changed.push_back({{"from", change.from},
                       {"to", change.to},
                       {"property", change.property->name},
                       {"before", verdict_word(change.before)},
                       {"after", verdict_word(change.after)},
                       {"gone", change.gone},
                       {"new", change.fresh}});
  }
  return Json{{"results", list}, {"changes", changed}}.dump(2) + '\n';
}

}  // namespace noiommu::scenarios::review
