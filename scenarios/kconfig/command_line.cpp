#include "scenarios/kconfig/command_line.h"

#include <unistd.h>

#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "scenarios/kconfig/commands.h"

namespace noiommu::scenarios {

namespace {

constexpr const char* kExamples = R"(Examples:
  noiommu kconfig eval VFIO=y IOMMUFD=m            the .config of mainline with these
  noiommu kconfig eval --tree ~/linux --config .config
  noiommu kconfig check --revision v4-without-depends
  noiommu kconfig check --tree ~/linux --never     symbols that nobody can set there
  noiommu kconfig list --revision mainline --count
  noiommu kconfig explain VFIO_NOIOMMU VFIO=y IOMMUFD=y
  noiommu kconfig diff v6 mainline
  noiommu kconfig graph VFIO_NOIOMMU --format svg > graph.svg

Revisions: v7.0, v4, v5, v6, mainline; v5-mail, v4-without-iommu-support, v4-without-depends;
rejected-group-unless-noiommu, rejected-group-needs-container, rejected-noiommu-selects-container.

Exit codes:
  0  well
  1  check found something, list has a cycle, explain found no way
  2  bad usage, or text that cannot be read)";

// The options of one subcommand; they live as long as the parser.
struct Parts {
  KconfigOptions options;
  KconfigValues values;
  std::vector<std::string> symbols;
  std::string symbol;
  std::string wanted = "y";
  std::string before;
  std::string after;
  bool count = false;
  bool svg = false;
};

using PartsPtr = std::shared_ptr<Parts>;

void add_format(CLI::App* command, const PartsPtr& parts) {
  const std::map<std::string, KconfigFormat> formats{{"text", KconfigFormat::kText},
                                                     {"json", KconfigFormat::kJson},
                                                     {"markdown", KconfigFormat::kMarkdown}};
  command->add_option("--format", parts->options.format, "text, json or markdown (default: text)")
      ->type_name("FORMAT")
      ->transform(CLI::CheckedTransformer(formats).description(""));
}

void add_tree_options(CLI::App* command, const PartsPtr& parts) {
  command->add_option("--arch", parts->options.target.arch, "Of a tree (default: x86)")
      ->type_name("ARCH");
  command->add_flag("--allow-shell", parts->options.target.allow_shell,
                    "Run the shell commands of a tree's text; without it they count as n");
}

void add_target(CLI::App* command, const PartsPtr& parts) {
  auto* revision =
      command->add_option("--revision", parts->options.target.revision, "(default: mainline)")
          ->type_name("NAME");
  command->add_option("--tree", parts->options.target.tree, "A folder with a Linux tree")
      ->type_name("PATH")
      ->excludes(revision);
  add_tree_options(command, parts);
}

void add_values(CLI::App* command, const PartsPtr& parts) {
  command->add_option("--config", parts->values.config_file, "A .config to start from")
      ->type_name("FILE");
  command->add_option("VALUE", parts->values.assignments, "SYMBOL=VALUE, over the .config");
}

template <class Run>
void on_call(CLI::App* command, const PartsPtr& parts, int& exit_code, Run run) {
  command->callback([parts, &exit_code, run] {
    parts->options.progress = isatty(STDERR_FILENO) == 1;
    exit_code = run(*parts);
  });
}

void add_eval(CLI::App* kconfig, int& exit_code) {
  CLI::App* eval =
      kconfig->add_subcommand("eval", "The complete .config, as olddefconfig makes it");
  const auto parts = std::make_shared<Parts>();
  add_target(eval, parts);
  add_format(eval, parts);
  add_values(eval, parts);
  on_call(eval, parts, exit_code,
          [](const Parts& p) { return kconfig_eval(p.options, p.values, std::cout, std::cerr); });
}

void add_check(CLI::App* kconfig, int& exit_code) {
  CLI::App* check =
      kconfig->add_subcommand("check", "Cycles, and selects without the target's dependencies");
  const auto parts = std::make_shared<Parts>();
  add_target(check, parts);
  add_format(check, parts);
  add_values(check, parts);
  check->add_flag("--never", parts->options.never,
                  "Also the symbols with a prompt that no configuration shows");
  on_call(check, parts, exit_code,
          [](const Parts& p) { return kconfig_check(p.options, p.values, std::cout, std::cerr); });
}

void add_list(CLI::App* kconfig, int& exit_code) {
  CLI::App* list = kconfig->add_subcommand("list", "All distinct configurations");
  const auto parts = std::make_shared<Parts>();
  add_target(list, parts);
  add_format(list, parts);
  list->add_option("--symbol", parts->symbols, "A symbol to vary (default: those of the review)")
      ->type_name("SYMBOL");
  list->add_flag("--count", parts->count, "Only how many there are");
  on_call(list, parts, exit_code, [](const Parts& p) {
    return kconfig_list(p.options, p.symbols, p.count, std::cout, std::cerr);
  });
}

void add_explain(CLI::App* kconfig, int& exit_code) {
  CLI::App* explain =
      kconfig->add_subcommand("explain", "Why a symbol has its value, and what would change it");
  const auto parts = std::make_shared<Parts>();
  add_target(explain, parts);
  add_format(explain, parts);
  explain->add_option("SYMBOL", parts->symbol, "The symbol")->required();
  add_values(explain, parts);
  explain->add_option("--want", parts->wanted, "The value to reach (default: y)")
      ->type_name("n|m|y")
      ->check(CLI::IsMember({"n", "m", "y"}).description(""));
  on_call(explain, parts, exit_code, [](const Parts& p) {
    return kconfig_explain(p.options, p.values, p.symbol, p.wanted, std::cout, std::cerr);
  });
}

void add_diff(CLI::App* kconfig, int& exit_code) {
  CLI::App* diff = kconfig->add_subcommand("diff", "What differs between two revisions or trees");
  const auto parts = std::make_shared<Parts>();
  diff->add_option("A", parts->before, "A revision, or the folder of a tree")->required();
  diff->add_option("B", parts->after, "Another")->required();
  add_tree_options(diff, parts);
  add_format(diff, parts);
  on_call(diff, parts, exit_code, [](const Parts& p) {
    return kconfig_diff(p.options, p.before, p.after, std::cout, std::cerr);
  });
}

void add_graph(CLI::App* kconfig, int& exit_code) {
  CLI::App* graph = kconfig->add_subcommand("graph", "Dependencies as a Graphviz graph");
  const auto parts = std::make_shared<Parts>();
  add_target(graph, parts);
  graph->add_option("SYMBOL", parts->symbols, "Symbols; what they need is drawn with them")
      ->required();
  const std::map<std::string, bool> formats{{"dot", false}, {"svg", true}};
  graph->add_option("--format", parts->svg, "dot or svg, which wants Graphviz (default: dot)")
      ->type_name("FORMAT")
      ->transform(CLI::CheckedTransformer(formats).description(""));
  on_call(graph, parts, exit_code, [](const Parts& p) {
    return kconfig_graph(p.options, p.symbols, p.svg, std::cout, std::cerr);
  });
}

}  // namespace

void add_kconfig(CLI::App& app, int& exit_code) {
  CLI::App* kconfig = app.add_subcommand("kconfig", "Read Kconfig text and evaluate it");
  kconfig->require_subcommand(1);
  kconfig->footer(kExamples);
  add_eval(kconfig, exit_code);
  add_check(kconfig, exit_code);
  add_list(kconfig, exit_code);
  add_explain(kconfig, exit_code);
  add_diff(kconfig, exit_code);
  add_graph(kconfig, exit_code);
}

}  // namespace noiommu::scenarios
