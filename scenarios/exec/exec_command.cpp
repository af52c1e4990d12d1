#include "scenarios/exec/exec_command.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <iostream>
#include <iterator>
#include <map>
#include <memory>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <CLI/CLI.hpp>

#include "scenarios/engine/words.h"
#include "scenarios/exec/guardian.h"
#include "scenarios/exec/observers.h"
#include "scenarios/exec/sandbox.h"
#include "scenarios/exec/seccomp_filter.h"
#include "scenarios/exec/setup_error.h"
#include "scenarios/exec/supervisor.h"

namespace noiommu::scenarios::exec {

namespace {

constexpr int kBadUsage = 2;

int capability(const std::string& name) {
  for (int number = 0; number <= CAP_LAST_CAP; ++number) {
    if (name == capability_name(number)) return number;
  }
  throw CLI::ValidationError("--cap-drop", "'" + name + "' is no capability such as CAP_SYS_RAWIO");
}

// What the program would get if it ran alone is for the program; a trace that nobody reads any
// longer does not end it.
OwnedFd take_signals() {
  // The terminal sends them to the program as well.
  for (const int number : {SIGINT, SIGQUIT, SIGPIPE}) signal(number, SIG_IGN);
  sigset_t passed_on;
  sigemptyset(&passed_on);
  for (const int number : {SIGTERM, SIGHUP}) sigaddset(&passed_on, number);
  sigprocmask(SIG_BLOCK, &passed_on, nullptr);
  return OwnedFd(signalfd(-1, &passed_on, SFD_CLOEXEC | SFD_NONBLOCK));
}

int run(const ExecOptions& options, MachineConfig config) {
  Observation observation(options.observation, options.machine, options.command,
                          options.memory.placement);
  DmaCheck* check = nullptr;  // of what is made further down
  config.dma_watch = [&check](const std::string& bdf, PhysAddr start, uint64_t length,
                              bool to_memory) {
    if (check != nullptr) check->transfer(bdf, start, length, to_memory);
  };
  Machine machine(config);
  ProgramPages pages(machine.memory());
  enter_namespaces(options.uid);
  const OwnedFd filesystem = new_filesystem();
  struct stat about {};
  fstat(filesystem.get(), &about);
  NodeFiles nodes(machine, filesystem.get());
  DescriptorFiles descriptors(filesystem.get(), "open");
  const int first_descriptor = first_free_descriptor();
  observation.start();
  Guardian guardian({.command = options.command, .prepare = [&](std::string& wrong) {
                       if (!drop_capabilities(options.dropped_capabilities)) {
                         wrong = fmt::format("cannot drop capabilities: {}", std::strerror(errno));
                         return -1;
                       }
                       if (!become(options.uid)) {
                         wrong = fmt::format("cannot become user {}: {}", options.uid,
                                             std::strerror(errno));
                         return -1;
                       }
                       auto listener = install_filter(first_descriptor);
                       if (listener) return *listener;
                       const int error = static_cast<int>(listener.error());
                       wrong = fmt::format("the kernel refuses seccomp user notification: {}{}",
                                           std::strerror(error),
                                           error == EBUSY ? "\n  another noiommu exec, or a "
                                                            "container's manager, watches already"
                                                          : "");
                       return -1;
                     }});
  const OwnedFd signals = take_signals();
  DmaCheck dma_check(options.dma_checking, descriptors, pages,
                     [](const std::string& text) { std::cerr << text << std::flush; });
  check = &dma_check;
  Observers observers;
  observers.add(dma_check);
  if (Observer* seen = observation.observer()) observers.add(*seen);
  Listener listener(guardian.listener());
  Supervisor supervisor({.machine = machine,
                         .pages = pages,
                         .nodes = nodes,
                         .descriptors = descriptors,
                         .listener = listener,
                         .filesystem = about.st_dev,
                         .first_descriptor = first_descriptor,
                         .observer = &observers});
  supervisor.run(guardian.over_fd(), signals.get(),
                 [&guardian](int signal) { guardian.pass_on(signal); });
  const int status = guardian.status();
  supervisor.stop();
  observation.finish(machine);
  return status;
}

}  // namespace

int exec_command(const ExecOptions& options) {
  auto config = machine_config(options.machine);
  if (!config) {
    std::cerr << "noiommu exec: " << config.error() << '\n';
    return kBadUsage;
  }
  config->memory = options.memory;
  try {
    return run(options, *config);
  } catch (const SetupError& error) {
    std::cerr << "noiommu exec: " << error.what() << '\n';
  } catch (const std::invalid_argument& error) {
    std::cerr << "noiommu exec: " << error.what() << '\n';
  } catch (const std::system_error& error) {
    std::cerr << "noiommu exec: cannot make a thread: " << error.what() << '\n';
  }
  return kBadUsage;
}

void add_exec(CLI::App& app, std::vector<std::string> rest, int& exit_code) {
  CLI::App* exec = app.add_subcommand(
      "exec", "Run a program on a modelled kernel: noiommu exec [OPTIONS] -- PROGRAM [ARGUMENTS]");
  auto options = std::make_shared<ExecOptions>();
  exec->add_option("--revision", options->machine.revision,
                   "The kernel's design (default: mainline)")
      ->type_name("NAME");
  exec->add_option("--config", options->machine.config, "A symbol over the default configuration")
      ->type_name("SYMBOL=y|m|n")
      ->allow_extra_args(false);
  exec->add_option("--param", options->machine.params, "A boot parameter, e.g. of vfio")
      ->type_name("MODULE.NAME=VALUE")
      ->allow_extra_args(false);
  exec->add_option("--device", options->machine.devices,
                   "A device (default: one edu function, 0000:00:04.0)")
      ->type_name("[MODEL@]BDF[,iommu=none|present][,id=VVVV:DDDD]")
      ->allow_extra_args(false);
  const std::map<std::string, DmaChecking> checkings{
      {"off", DmaChecking::kOff}, {"report", DmaChecking::kReport}, {"abort", DmaChecking::kAbort}};
  exec->add_option("--dma-check", options->dma_checking,
                   "What to do when a device without an IOMMU leaves the pinned pages:\n"
                   "report, abort or off (default: report)")
      ->type_name("WHAT")
      ->transform(CLI::CheckedTransformer(checkings).description(""));
  exec->add_option_function<std::vector<std::string>>(
          "--cap-drop",
          [options](const std::vector<std::string>& names) {
            for (const std::string& name : names) {
              options->dropped_capabilities.push_back(capability(name));
            }
          },
          "A capability that the program does not have")
      ->type_name("CAP_NAME")
      ->allow_extra_args(false);
  using Placement = mm::MemoryConfig::Placement;
  const std::map<std::string, Placement> placements{{"scattered", Placement::kScattered},
                                                    {"contiguous", Placement::kContiguous}};
  exec->add_option("--frames", options->memory.placement,
                   "How page frames lie, scattered or contiguous (default: scattered)")
      ->type_name("LAYOUT")
      ->transform(CLI::CheckedTransformer(placements).description(""));
  exec->add_option("--uid", options->uid, "The program's user id (default: 0)")->type_name("UID");
  add_observation_options(*exec, options->observation);
  exec->prefix_command();
  exec->callback([exec, options, rest = std::move(rest), &exit_code] {
    options->command = exec->remaining();
    // A "--" behind the program's name is the program's.
    std::vector<std::string> all = rest;
    if (options->command.empty() && !all.empty()) all.erase(all.begin());
    std::ranges::move(all, std::back_inserter(options->command));
    if (options->command.empty()) throw CLI::RequiredError("PROGRAM");
    exit_code = exec_command(*options);
  });
}

std::vector<std::string> take_command(std::vector<std::string>& words) {
  if (words.empty() || words.front() != "exec") return {};
  const auto mark = std::ranges::find(words, "--");
  std::vector<std::string> rest(mark, words.end());
  words.erase(mark, words.end());
  return rest;
}

}  // namespace noiommu::scenarios::exec
