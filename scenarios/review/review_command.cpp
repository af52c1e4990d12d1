#include "scenarios/review/review_command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <memory>

#include "model/kconfig/graph.h"
#include "scenarios/engine/nearest.h"
#include "scenarios/kconfig/bar.h"
#include "scenarios/kconfig/commands.h"
#include "scenarios/review/kernel_map.h"
#include "scenarios/review/report_html.h"

namespace noiommu::scenarios::review {

namespace {

constexpr int kWell = 0;
constexpr int kViolatedInGate = 1;
constexpr int kBadUsage = 2;

constexpr const char* kTreeName = "tree";

constexpr const char* kExamples = R"(Examples:
  noiommu review                                    all properties, all revisions
  noiommu review --revision v6,mainline --format markdown
  noiommu review --property usable-nodes --revision v4
  noiommu review --gate mainline                    exit 1 when mainline violates one
  noiommu review --save found/ && noiommu run found/   replay what was found
  noiommu review --revision mainline,latch --depth 8   a proposal, and longer sequences
  noiommu review --format html > review.html        matrix, kernels and counterexamples in one page
  noiommu review --tree ~/linux                     what follows from the Kconfig of a tree

Revisions are those of `noiommu kconfig`, and the proposals kept-group, latch, early-success and
no-iommu-state. The tree is called "tree", also for --gate.

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
  if (error) return false;
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

// Scenarios are named by revision and property; of several, all but the first get a number.
void tell_apart(std::vector<Counterexample>& counterexamples) {
  for (size_t i = 1; i < counterexamples.size(); ++i) {
    std::string& scenario = counterexamples[i].scenario;
    if (!scenario.empty()) scenario.insert(scenario.find('\n'), fmt::format("-{}", i + 1));
  }
}

// A line for a revision, and what is asked of it.
struct Reviewed {
  std::vector<Result> results;
  RevisionPage page;
};

tl::expected<Revision, std::string> load(const std::string& name, const ReviewOptions& options,
                                         Bar& bar) {
  if (name != kTreeName || options.target.tree.empty()) {
    auto revision = Revision::load(name);
    if (!revision) return tl::unexpected(revision.error().text());
    return std::move(*revision);
  }
  auto tree = load_target(options.target);
  if (!tree) return tl::unexpected(tree.error().text());
  return Revision::of_tree(name, std::move(*tree),
                           [&](uint64_t done, uint64_t all) { bar.show(done, all); });
}

Reviewed review(const std::string& name, const Revision& revision,
                const std::vector<const Property*>& wanted, const ReviewOptions& options,
                Bar& bar) {
  const std::vector<KernelBuild> kernels = revision.kernels();
  const bool searches = std::ranges::any_of(wanted, &Property::searches);
  const Explorations explorations =
      searches ? explore(revision, kernels, options.depth,
                         [&](size_t done, size_t all) { bar.show(done, all); })
               : Explorations{};
  Reviewed reviewed;
  for (const Property* property : wanted) {
    reviewed.results.push_back(
        {name, property, property->check({revision, kernels, explorations})});
    tell_apart(reviewed.results.back().finding.counterexamples);
  }
  if (options.format != ReviewFormat::kHtml) return reviewed;
  const design::Design* design = revision.design();
  std::vector<kconfig::SymbolId> shown;
  for (const char* symbol : {"VFIO_NOIOMMU", "VFIO_GROUP_NOIOMMU", "VFIO_CDEV_NOIOMMU",
                             "IOMMUFD_NOIOMMU", "VFIO", "IOMMUFD_VFIO_CONTAINER"}) {
    if (revision.has(symbol)) shown.push_back(revision.tree().find(symbol));
  }
  reviewed.page = {.name = name,
                   .about = std::string(design != nullptr ? design->about : ""),
                   .map = map_kernels(revision, kernels),
                   .graph = draw_svg(graph_dot(revision.tree(), shown)).value_or("")};
  return reviewed;
}

std::vector<std::string> revisions_to_review(const ReviewOptions& options) {
  std::vector<std::string> names = options.revisions;
  if (names.empty() && options.target.tree.empty()) {
    for (const design::Design& design : design::revisions()) names.emplace_back(design.name);
  }
  if (!options.target.tree.empty()) names.emplace_back(kTreeName);
  if (!options.gate.empty() && std::ranges::find(names, options.gate) == names.end()) {
    names.push_back(options.gate);
  }
  return names;
}

std::string report(ReviewFormat format, const std::vector<Result>& results,
                   const std::vector<RevisionPage>& pages) {
  switch (format) {
    case ReviewFormat::kText:
      return report_text(results);
    case ReviewFormat::kJson:
      return report_json(results);
    case ReviewFormat::kMarkdown:
      return report_markdown(results);
    case ReviewFormat::kHtml:
      return report_html(results, pages);
  }
  return {};
}

}  // namespace

int review_command(const ReviewOptions& options, std::ostream& out, std::ostream& err) {
  const auto wanted = chosen(options.properties);
  if (!wanted) {
    err << "noiommu: " << wanted.error() << '\n';
    return kBadUsage;
  }
  std::vector<Result> results;
  std::vector<RevisionPage> pages;
  for (const std::string& name : revisions_to_review(options)) {
    Bar bar(options.progress ? &err : nullptr);
    const auto revision = load(name, options, bar);
    if (!revision) {
      err << "noiommu: " << revision.error() << '\n';
      return kBadUsage;
    }
    Reviewed reviewed = review(name, *revision, *wanted, options, bar);
    std::ranges::move(reviewed.results, std::back_inserter(results));
    pages.push_back(std::move(reviewed.page));
  }
  if (!options.save.empty() && !save(options.save, results)) {
    err << fmt::format("noiommu: cannot write to '{}'\n", options.save);
    return kBadUsage;
  }
  out << report(options.format, results, pages);
  const bool caught = std::ranges::any_of(results, [&](const Result& result) {
    return result.revision == options.gate && result.finding.verdict == Verdict::kViolated;
  });
  return caught ? kViolatedInGate : kWell;
}

void add_review(CLI::App& app, int& exit_code) {
  CLI::App* review =
      app.add_subcommand("review", "Which configurations of which revision break which property");
  std::string footer = std::string(kExamples) + "\n\nProperties:\n";
  for (const Property& property : properties()) {
    footer += fmt::format("  {:24}{}\n", property.name, property.demand);
  }
  review->footer(footer);
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
  review
      ->add_option("--tree", options->target.tree,
                   "A Linux source tree, whose Kconfig is reviewed (instead of the five)")
      ->type_name("PATH");
  review->add_option("--arch", options->target.arch, "Of the tree (default: x86)")
      ->type_name("NAME");
  review->add_flag("--allow-shell", options->target.allow_shell,
                   "Run the shell commands that the tree's Kconfig asks for");
  review->add_option("--gate", options->gate, "Exit 1 when this revision violates a property")
      ->type_name("NAME");
  review->add_option("--save", options->save, "Write a scenario for each violation that has one")
      ->type_name("FOLDER");
  const std::map<std::string, ReviewFormat> formats{{"text", ReviewFormat::kText},
                                                    {"json", ReviewFormat::kJson},
                                                    {"markdown", ReviewFormat::kMarkdown},
                                                    {"html", ReviewFormat::kHtml}};
  review->add_option("--format", options->format, "text, json, markdown or html (default: text)")
      ->type_name("FORMAT")
      ->transform(CLI::CheckedTransformer(formats).description(""));
  review->callback([options, &exit_code] {
    options->progress = isatty(STDERR_FILENO) == 1;
    exit_code = review_command(*options, std::cout, std::cerr);
  });
}

}  // namespace noiommu::scenarios::review
