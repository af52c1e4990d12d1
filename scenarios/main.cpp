// The command line: `noiommu run`, `list`, `show`, `tree`, `inspect` and `probe`, each one add_*
// function below; `noiommu kconfig`, `review` and `bench` have folders of their own.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "scenarios/backends/host/host_backend.h"
#include "scenarios/backends/host/probe.h"
#include "scenarios/benchmark/bench_command.h"
#include "scenarios/engine/commands.h"
#include "scenarios/engine/comparison.h"
#include "scenarios/engine/model_backend.h"
#include "scenarios/engine/tree.h"
#include "scenarios/engine/value.h"
#include "scenarios/exec/exec_command.h"
#include "scenarios/inspect/inspect_command.h"
#include "scenarios/kconfig/command_line.h"
#include "scenarios/review/review_command.h"

namespace {

using noiommu::scenarios::Backend;
using noiommu::scenarios::Format;
using noiommu::scenarios::InspectOptions;
using noiommu::scenarios::RunOne;
using noiommu::scenarios::RunOptions;
using noiommu::scenarios::Scenario;
using noiommu::scenarios::TreeOptions;
using noiommu::scenarios::host::HostBackend;
using noiommu::scenarios::host::HostOptions;

constexpr const char* kAbout =
    "A model of VFIO no-IOMMU mode and iommufd. Runs scenarios: programs of system calls, each\n"
    "with what a real kernel answers.";

constexpr const char* kExamples = R"(Examples:
  noiommu run                          run the self-tests
  noiommu run my.yaml scenarios/       run a file and every *.yaml below a folder
  noiommu run --filter 'get-pa-*'      run the scenarios with such names
  noiommu run --trace my.yaml          show every system call and its answer
  noiommu run --format junit > r.xml   report to a build server
  noiommu probe                        what this machine offers to scenarios
  noiommu run --backend host           run them on this machine's own kernel
  noiommu run --backend both           and show where the model differs from it
  noiommu list                         which scenarios there are
  noiommu show get-pa-lengths          one scenario's YAML, to learn from or to copy
  noiommu inspect my.yaml --at 6       what iommufd keeps after step 6

Exit codes:
  0  every scenario passed or was skipped
  1  a scenario failed, or was skipped under --require
  2  bad usage or a bad scenario file; nothing ran)";

constexpr const char* kInspectExamples = R"(Examples:
  noiommu inspect get_pa_mapped                  what is open when its last step is over
  noiommu inspect get_pa_mapped --at 7           after step 7
  noiommu inspect my.yaml --all                  every entry of the page tables
  noiommu inspect my.yaml --iova 0x200000        one translation, and why GET_PA answers so
  noiommu inspect my.yaml --iova 2M --length 4K --ioas 2
  noiommu inspect my.yaml --format json | jq .contexts[0].objects

Steps count from 1, as failures report them. Page tables do not lie in the memory of the machine, so
that entries that lead to one are shown without its address; those of an HWPT behind an IOMMU are
kept in the same format. GET_PA is IOMMU_IOAS_NOIOMMU_GET_PA.

Exit codes:
  0  the steps went as they must
  1  a step failed; what is there at that moment is shown
  2  bad usage or a bad scenario file, or there is no such step or IOAS)";

bool wants_colour() {
  const char* no_colour = std::getenv("NO_COLOR");
  return isatty(STDOUT_FILENO) == 1 && (no_colour == nullptr || *no_colour == '\0');
}

Format format_named(const std::string& word) {
  const std::map<std::string, Format> formats{{"text", Format::kText},
                                              {"json", Format::kJson},
                                              {"junit", Format::kJunit},
                                              {"tap", Format::kTap}};
  const auto found = formats.find(word);
  if (found != formats.end()) return found->second;
  throw CLI::ValidationError("--format", "'" + word + "' is not text, json, junit or tap");
}

void add_frames(CLI::App* command, noiommu::mm::MemoryConfig& memory) {
  using Placement = noiommu::mm::MemoryConfig::Placement;
  const std::map<std::string, Placement> placements{{"scattered", Placement::kScattered},
                                                    {"contiguous", Placement::kContiguous}};
  command
      ->add_option("--frames", memory.placement,
                   "How page frames lie, scattered or contiguous (default: scattered)")
      ->type_name("LAYOUT")
      ->transform(CLI::CheckedTransformer(placements).description(""));
}

void add_json_format(CLI::App* command, bool& json) {
  const std::map<std::string, bool> formats{{"text", false}, {"json", true}};
  command->add_option("--format", json, "text or json (default: text)")
      ->type_name("FORMAT")
      ->transform(CLI::CheckedTransformer(formats).description(""));
}

uint64_t integer(const std::string& option, const std::string& text) {
  const auto number = noiommu::scenarios::parse_integer(text);
  if (!number) throw CLI::ValidationError(option, number.error());
  return *number;
}

enum class Choice { kModel, kHost, kBoth };

// "A=B", two PCI addresses.
void add_bdf(HostOptions& host, const std::string& text) {
  const size_t equals = text.find('=');
  const std::string ours = text.substr(0, equals);
  const std::string real = equals == std::string::npos ? "" : text.substr(equals + 1);
  if (!noiommu::scenarios::host::is_bdf(ours) || !noiommu::scenarios::host::is_bdf(real)) {
    throw CLI::ValidationError("--bdf", "'" + text + "' is not like 0000:00:04.0=0000:03:00.0");
  }
  for (const auto& [known, target] : host.bdfs) {
    if (known == ours || target == real) {
      throw CLI::ValidationError("--bdf", "'" + text + "' names a device twice");
    }
  }
  host.bdfs[ours] = real;
}

struct HostOnly {
  HostOptions options;
  double seconds = 30;
};

void add_host_options(CLI::App* run, const std::shared_ptr<HostOnly>& host) {
  run->add_option_function<std::vector<std::string>>(
         "--bdf",
         [host](const std::vector<std::string>& all) {
           for (const std::string& text : all) add_bdf(host->options, text);
         },
         "A scenario's device and the one of this machine that takes its place (host)")
      ->type_name("SCENARIO=REAL")
      ->allow_extra_args(false);
  run->add_option("--timeout", host->seconds, "Time limit for each scenario (host; default: 30)")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.001, 86400.0).description(""));
}

// How `choice` runs a scenario.
RunOne runner(Choice choice, const noiommu::mm::MemoryConfig& memory, const HostOnly& host) {
  const std::shared_ptr<const Backend> model = noiommu::scenarios::make_model_backend(memory);
  if (choice == Choice::kModel) {
    return [model](const Scenario& scenario) { return run_scenario(*model, scenario); };
  }
  HostOptions options = host.options;
  options.limit = std::chrono::milliseconds(static_cast<int64_t>(host.seconds * 1000));
  const auto real = std::make_shared<HostBackend>(options);
  if (choice == Choice::kHost) {
    return [real](const Scenario& scenario) { return real->run(scenario, false); };
  }
  return [model, real](const Scenario& scenario) {
    const auto on_model = [&](const Scenario& one) {
      return run_scenario(*model, one, {.record = true});
    };
    const auto on_host = [&](const Scenario& one) { return real->run(one, true); };
    return run_on_both(on_model, on_host, scenario);
  };
}

void add_run(CLI::App& app, int& exit_code) {
  CLI::App* run = app.add_subcommand("run", "Run scenarios and report what differs");
  auto options = std::make_shared<RunOptions>();
  run->add_option("PATH", options->paths,
                  "Scenario files, or folders with *.yaml at any depth (default: the self-tests)");
  run->add_option_function<std::string>(
         "--format", [options](const std::string& word) { options->format = format_named(word); },
         "text, json, junit or tap (default: text)")
      ->type_name("FORMAT");
  run->add_option("--filter", options->filter, "Only scenarios whose name matches, e.g. 'map-*'")
      ->type_name("GLOB");
  run->add_option("--jobs", options->jobs,
                  "Scenarios to run at the same time (default: 1); model only: on the\n"
                  "host they share the devices and run one after the other")
      ->type_name("N")
      ->check(CLI::Range(1, 256).description(""));
  run->add_flag("--trace", options->trace, "Show every system call and its answer");
  auto memory = std::make_shared<noiommu::mm::MemoryConfig>();
  add_frames(run, *memory);
  run->add_flag("--require", options->require, "A skipped scenario is a failure of the run");
  auto choice = std::make_shared<Choice>(Choice::kModel);
  const std::map<std::string, Choice> choices{
      {"model", Choice::kModel}, {"host", Choice::kHost}, {"both", Choice::kBoth}};
  run->add_option("--backend", *choice,
                  "model; host, the kernel of this machine; or both, to\n"
                  "show only where they differ (default: model)")
      ->type_name("WHICH")
      ->transform(CLI::CheckedTransformer(choices).description(""));
  auto host = std::make_shared<HostOnly>();
  add_host_options(run, host);
  run->callback([options, memory, choice, host, &exit_code] {
    options->colour = wants_colour();
    options->progress = isatty(STDERR_FILENO) == 1;
    options->brief = *choice == Choice::kBoth;
    if (*choice != Choice::kModel) options->jobs = 1;
    exit_code = run_command(runner(*choice, *memory, *host), *options, std::cout, std::cerr);
  });
}

void add_list(CLI::App& app, int& exit_code) {
  CLI::App* list = app.add_subcommand("list", "Name the scenarios in files and folders");
  auto paths = std::make_shared<std::vector<std::string>>();
  list->add_option("PATH", *paths, "Files or folders (default: all that come with the program)");
  list->callback([paths, &exit_code] {
    exit_code = noiommu::scenarios::list_command(*paths, std::cout, std::cerr);
  });
}

void add_show(CLI::App& app, int& exit_code) {
  CLI::App* show = app.add_subcommand("show", "Print one scenario's YAML");
  auto name = std::make_shared<std::string>();
  auto paths = std::make_shared<std::vector<std::string>>();
  show->add_option("NAME", *name, "The scenario's name")->required();
  show->add_option("PATH", *paths, "Where to look (default: all that come with the program)");
  show->callback([name, paths, &exit_code] {
    exit_code = noiommu::scenarios::show_command(*name, *paths, std::cout, std::cerr);
  });
}

void add_tree(CLI::App& app, int& exit_code) {
  CLI::App* tree = app.add_subcommand("tree", "Draw /dev and /sys of a kernel");
  auto options = std::make_shared<TreeOptions>();
  tree->add_option("--config", options->machine.config, "A symbol over the default configuration")
      ->type_name("SYMBOL=y|m|n");
  tree->add_option("--param", options->machine.params, "A boot parameter, e.g. of vfio")
      ->type_name("MODULE.NAME=VALUE");
  tree->add_option("--device", options->machine.devices,
                   "An edu function, without an IOMMU unless said (default: one, 0000:00:04.0)")
      ->type_name("BDF[,iommu=present]");
  add_json_format(tree, options->json);
  tree->callback([options, &exit_code] {
    exit_code = noiommu::scenarios::tree_command(*options, std::cout, std::cerr);
  });
}

void add_inspect(CLI::App& app, int& exit_code) {
  CLI::App* inspect =
      app.add_subcommand("inspect", "Show what iommufd keeps in the middle of a scenario");
  inspect->footer(kInspectExamples);
  auto options = std::make_shared<InspectOptions>();
  const auto lookup = [options]() -> noiommu::scenarios::LookupRequest& {
    if (!options->lookup) options->lookup.emplace();
    return *options->lookup;
  };
  inspect->add_option("SCENARIO", options->scenario, "Its name, or a file that holds only one")
      ->required();
  inspect->add_option("PATH", options->paths,
                      "Where to look for the name (default: all that come with the program)");
  inspect->add_option("--at", options->at, "The last step to run (default: all run)")
      ->type_name("STEP");
  CLI::Option* iova = inspect->add_option_function<std::string>(
      "--iova", [lookup](const std::string& text) { lookup().iova = integer("--iova", text); },
      "Show one translation instead, in every IOAS that has it");
  iova->type_name("X");
  inspect
      ->add_option_function<std::string>(
          "--length",
          [lookup](const std::string& text) { lookup().length = integer("--length", text); },
          "How much to ask GET_PA for (default: all)")
      ->type_name("N")
      ->needs(iova);
  inspect
      ->add_option_function<uint32_t>(
          "--ioas", [lookup](uint32_t id) { lookup().ioas = id; }, "Only in this IOAS")
      ->type_name("ID")
      ->needs(iova);
  inspect->add_flag("--all", options->all, "Every entry of the page tables, however many are alike")
      ->excludes(iova);
  add_json_format(inspect, options->json);
  add_frames(inspect, options->memory);
  inspect->callback([options, &exit_code] {
    exit_code = noiommu::scenarios::inspect_command(*options, std::cout, std::cerr);
  });
}

void add_probe(CLI::App& app, int& exit_code) {
  CLI::App* probe = app.add_subcommand("probe", "Show what this machine offers to scenarios");
  auto json = std::make_shared<bool>(false);
  add_json_format(probe, *json);
  probe->callback([json, &exit_code] {
    exit_code = noiommu::scenarios::host::probe_command(*json, std::cout);
  });
}

int run_program(std::vector<std::string> words) {
  int exit_code = noiommu::scenarios::kBadInput;
  CLI::App app{kAbout, "noiommu"};
  app.require_subcommand(1);
  app.footer(kExamples);
  add_run(app, exit_code);
  add_list(app, exit_code);
  add_show(app, exit_code);
  add_tree(app, exit_code);
  add_inspect(app, exit_code);
  add_probe(app, exit_code);
  noiommu::scenarios::add_kconfig(app, exit_code);
  noiommu::scenarios::review::add_review(app, exit_code);
  noiommu::scenarios::benchmark::add_bench(app, exit_code);
  noiommu::scenarios::exec::add_exec(app, noiommu::scenarios::exec::take_command(words), exit_code);
  try {
    std::ranges::reverse(words);  // as CLI11 wants them
    app.parse(std::move(words));
  } catch (const CLI::ParseError& error) {
    const bool asked_for_help = app.exit(error) == 0;
    return asked_for_help ? noiommu::scenarios::kAllPassed : noiommu::scenarios::kBadInput;
  }
  return exit_code;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run_program({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    std::cerr << "noiommu: internal error: " << error.what() << '\n';
    return noiommu::scenarios::kBadInput;
  }
}
