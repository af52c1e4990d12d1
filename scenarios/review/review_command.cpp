#include "scenarios/review/review_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>

#include "scenarios/engine/nearest.h"
#include "scenarios/review/report.h"

namespace noiommu::scenarios::review {

namespace {

constexpr int kWell = 0;
constexpr int kViolatedInGate = 1;
constexpr int kBadUsage = 2;

constexpr const char* kExamples = R"(Examples:
  noiommu review                                    all properties, all revisions
  noiommu review --revision v6,mainline --format markdown
  noiommu review --property usable-groups --revision v4
  noiommu review --gate mainline                    exit 1 when mainline violates one
  noiommu review --save found/ && noiommu run found/   replay what was found

Revisions are those of `noiommu kconfig`, and the proposals latch, early-success and no-iommu-state.

Exit codes:
  0  well
  1  a property is violated in the revision of --gate
  2  bad usage)";

// The named properties, or all; an error names what is unknown.
tl::expected<std::vector<const Property*>, std::string> chosen(
    const std::vector<std::string>& names) {
  std::vector<const Property*> found;
  for (const Property& property : properties()) {
    if (names.empty() || std::find(names.begin(), names.end(), property.name) != names.end()) {
      found.push_back(&property);
    }
  }
  for (const std::string& name : names) {
    std::vector<std::string_view> known;
    for (const Property& property : properties()) known.emplace_back(property.name);
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    return tl::unexpected(unknown_word("property", name, known));
  }
  return found;
}

bool save(const std::string& folder, const std::vector<Result>& results) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  for (const Result& result : results) {
    std::string all;
    for (const Counterexample& one : result.finding.counterexamples) {
      if (!one.scenario.empty()) all += (all.empty() ? "" : "---\n") + one.scenario;
    }
    if (all.empty()) continue;
    std::ofstream out(std::filesystem::path(folder) /
                      fmt::format("{}-{}.yaml", result.revision, result.property->name));
    out << all;
    if (!out.flush()) return false;
  }
  return true;
}

}  // namespace

int review_command(const ReviewOptions& options, std::ostream& out, std::ostream& err) {
  const auto wanted = chosen(options.properties);
  if (!wanted) {
    err << "noiommu: " << wanted.error() << '\n';
    return kBadUsage;
  }
  std::vector<std::string> names = options.revisions;
  if (names.empty()) names = {"v7.0", "v4", "v5", "v6", "mainline"};
  if (!options.gate.empty() && std::find(names.begin(), names.end(), options.gate) == names.end()) {
    names.push_back(options.gate);
  }
  std::vector<Result> results;
  for (const std::string& name : names) {
    const auto revision = Revision::load(name);
    if (!revision) {
      err << "noiommu: " << revision.error().text() << '\n';
      return kBadUsage;
    }
    const bool searches = std::ranges::any_of(*wanted, &Property::searches);
    const Explorations explorations =
        searches ? explore(*revision, options.depth) : Explorations{};
    for (const Property* property : *wanted) {
      results.push_back({name, property, property->check({*revision, explorations})});
    }
  }
  if (!options.save.empty() && !save(options.save, results)) {
    err << fmt::format("noiommu: cannot write to '{}'\n", options.save);
    return kBadUsage;
  }
  switch (options.format) {
    case ReviewFormat::kText:
      out << report_text(results);
      break;
    case ReviewFormat::kJson:
      out << report_json(results);
      break;
    case ReviewFormat::kMarkdown:
      out << report_markdown(results);
      break;
  }
  const bool caught = std::any_of(results.begin(), results.end(), [&](const Result& result) {
    return result.revision == options.gate && result.finding.verdict == Verdict::kViolated;
  });
  return caught ? kViolatedInGate : kWell;
}

void add_review(CLI::App& app, int& exit_code) {
  CLI::App* review =
      app.add_subcommand("review", "Which configurations of which revision break which property");
  review->footer(kExamples);
  auto options = std::make_shared<ReviewOptions>();
  review->add_option("--revision", options->revisions, "Names, separated by commas (default: five)")
      ->type_name("A,B,..")
      ->delimiter(',');
  review->add_option("--property", options->properties, "Names, separated by commas (default: all)")
      ->type_name("P,Q,..")
      ->delimiter(',');
  review->add_option("--depth", options->depth, "Calls in the longest sequences (default: 6)")
      ->type_name("N")
      ->check(CLI::Range(1, 12));
  review->add_option("--gate", options->gate, "Exit 1 when this revision violates a property")
      ->type_name("NAME");
  review->add_option("--save", options->save, "Write a scenario for each violation that has one")
      ->type_name("FOLDER");
  const std::map<std::string, ReviewFormat> formats{{"text", ReviewFormat::kText},
                                                    {"json", ReviewFormat::kJson},
                                                    {"markdown", ReviewFormat::kMarkdown}};
  review->add_option("--format", options->format, "text, json or markdown (default: text)")
      ->type_name("FORMAT")
      ->transform(CLI::CheckedTransformer(formats).description(""));
  review->callback(
      [options, &exit_code] { exit_code = review_command(*options, std::cout, std::cerr); });
}

}  // namespace noiommu::scenarios::review
