#include "scenarios/review/report_html.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include <kainjow/mustache.hpp>

#include "scenarios/review/report_page.h"

namespace noiommu::scenarios::review {

namespace {

using Data = kainjow::mustache::data;
using List = kainjow::mustache::list;
using Object = kainjow::mustache::object;

constexpr std::array kStates = {"there", "absent", "broken"};  // in the order of CellState

List strings(const std::vector<std::string>& all) {
  List list;
  for (const std::string& one : all) list.emplace_back(one);
  return list;
}

std::string anchor(const std::string& revision, const Property& property) {
  return fmt::format("{}-{}", revision, property.name);
}

Object described(const std::string& revision, const Property& property) {
  return {{"revision", revision},
          {"property", property.name},
          {"demand", property.demand},
          {"source", property.source},
          {"anchor", anchor(revision, property)}};
}

Data counterexample(const Counterexample& one) {
  return Object{{"what", one.what},
                {"has_config", !one.config.empty()},
                {"config", one.config},
                {"several", one.configurations > 1},
                {"configurations", std::to_string(one.configurations)},
                {"has_nodes", !one.nodes.empty()},
                {"nodes", strings(one.nodes)},
                {"elsewhere", one.nodes_config != one.config},
                {"nodes_config", one.nodes_config},
                {"has_sequence", !one.sequence.empty()},
                {"sequence", strings(one.sequence)},
                {"has_scenario", !one.scenario.empty()},
                {"scenario", one.scenario}};
}

List matrix(const std::vector<Result>& results, const std::vector<RevisionPage>& revisions) {
  List rows;
  for (const Property& property : properties()) {
    List cells;
    for (const RevisionPage& revision : revisions) {
      for (const Result& result : results) {
        if (result.property != &property || result.revision != revision.name) continue;
        Object cell = described(result.revision, property);
        cell["verdict"] = verdict_word(result.finding.verdict);
        cell["violated"] = Data(result.finding.verdict == Verdict::kViolated);
        cell["why"] = result.finding.why;
        cells.emplace_back(cell);
      }
    }
    if (cells.empty()) continue;
    Object row = described("", property);
    row["cells"] = cells;
    rows.emplace_back(row);
  }
  return rows;
}

List violations(const std::vector<Result>& results) {
  List found;
  for (const Result& result : results) {
    if (result.finding.verdict != Verdict::kViolated) continue;
    Object violation = described(result.revision, *result.property);
    List all;
    for (const Counterexample& one : result.finding.counterexamples) {
      all.push_back(counterexample(one));
    }
    violation["counterexamples"] = all;
    found.emplace_back(violation);
  }
  return found;
}

List held(const std::vector<Result>& results) {
  List found;
  for (const Result& result : results) {
    if (!searched_in_vain(result.finding)) continue;
    Object one = described(result.revision, *result.property);
    one["depth"] = std::to_string(result.finding.depth);
    one["states"] = std::to_string(result.finding.states);
    found.emplace_back(one);
  }
  return found;
}

List pairs(const std::vector<Result>& results) {
  List found;
  List of_pair;
  const auto all = changes(results);
  for (size_t i = 0; i < all.size(); ++i) {
    const Change& change = all[i];
    of_pair.emplace_back(Object{{"property", change.property->name},
                                {"before", verdict_word(change.before)},
                                {"after", verdict_word(change.after)},
                                {"gone", strings(change.gone)},
                                {"fresh", strings(change.fresh)}});
    if (i + 1 < all.size() && all[i + 1].from == change.from) continue;
    found.emplace_back(Object{{"from", change.from}, {"to", change.to}, {"changes", of_pair}});
    of_pair.clear();
  }
  return found;
}

Data revision(const RevisionPage& page) {
  List rows;
  for (const MapRow& row : page.map.rows) {
    List cells;
    for (const MapCell& cell : row.cells) {
      cells.emplace_back(
          Object{{"state", kStates[static_cast<size_t>(cell.state)]}, {"text", cell.text}});
    }
    rows.emplace_back(Object{{"config", row.config},
                             {"configurations", std::to_string(row.configurations)},
                             {"cells", cells}});
  }
  return Object{{"name", page.name},
                {"about", page.about},
                {"has_rows", !rows.empty()},
                {"columns", strings(page.map.columns)},
                {"rows", rows},
                {"has_graph", !page.graph.empty()},
                {"graph", page.graph}};
}

}  // namespace

std::string report_html(const std::vector<Result>& results,
                        const std::vector<RevisionPage>& revisions) {
  List pages;
  for (const RevisionPage& page : revisions) pages.push_back(revision(page));
  const List in_vain = held(results);
  const List changed = pairs(results);
  kainjow::mustache::mustache page(kPage);
  return page.render(Object{{"revisions", pages},
                            {"matrix", matrix(results, revisions)},
                            {"violations", violations(results)},
                            {"has_held", !in_vain.empty()},
                            {"held", in_vain},
                            {"has_pairs", !changed.empty()},
                            {"pairs", changed}});
}

}  // namespace noiommu::scenarios::review
