// What a booted kernel shows and answers, in every configuration that makes a different kernel.
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/machine/machine.h"
#include "model/machine/resolve_config.h"
#include "scenarios/engine/loader.h"
#include "scenarios/engine/model_backend.h"
#include "scenarios/engine/runner.h"
#include "scenarios/review/property.h"

namespace noiommu::scenarios::review {

namespace {

constexpr const char* kWithoutIommu = "0000:00:04.0";
constexpr const char* kBehindIommu = "0000:00:05.0";

using Names = std::vector<std::string>;
using Overrides = std::map<std::string, std::string>;

bool operator<(const Config& a, const Config& b) {
  const auto key = [](const Config& c) {
    return std::tuple(c.vfio_group, c.vfio_container, c.vfio_device_cdev, c.vfio_noiommu,
                      c.vfio_group_noiommu, c.iommufd, c.iommufd_noiommu, c.iommufd_vfio_container);
  };
  return key(a) < key(b);
}
struct Less {
  bool operator()(const Config& a, const Config& b) const { return a < b; }
};

// Configurations that make the same kernel.
struct KernelBuild {
  Configured smallest;
  size_t configurations = 0;
};
using Builds = std::map<Config, KernelBuild, Less>;

Overrides overrides_of(const Revision& revision, const Configured& one) {
  Overrides overrides;
  for (const kconfig::SymbolId id : revision.inputs()) {
    const std::string& name = revision.tree().symbols[id].name;
    overrides.emplace(name, tri_name(one.value(name.c_str())));
  }
  return overrides;
}

Builds builds(const Revision& revision) {
  Builds found;
  for (const kconfig::Outcome& outcome : revision.outcomes()) {
    const Configured one(revision, outcome);
    if (!one.on("VFIO")) continue;
    const auto resolved = resolve_config(overrides_of(revision, one), *revision.design());
    if (!resolved) continue;
    auto [entry, fresh] = found.try_emplace(resolved->config, KernelBuild{one});
    ++entry->second.configurations;
    if (one.size() < entry->second.smallest.size()) entry->second.smallest = one;
  }
  return found;
}

// What a freshly booted kernel shows, with one device of each kind.
struct Sight {
  Names groups;      // of devices without an IOMMU
  Names cdevs;       // of both
  std::string cdev;  // of the device without an IOMMU; empty: it has none
  uint64_t taint = 0;
};

Sight look_at(const Config& config, const design::Design& design) {
  Machine machine({.config = config,
                   .design = design,
                   .devices = {{.bdf = kWithoutIommu}, {.bdf = kBehindIommu, .has_iommu = true}}});
  const auto process = machine.spawn();
  const auto list = [&](const std::string& path) { return process->list(path).value_or(Names()); };
  Sight sight;
  for (const std::string& name : list("/dev/vfio")) {
    if (name.starts_with("noiommu-")) sight.groups.push_back(name);
  }
  sight.cdevs = list("/dev/vfio/devices");
  const Names own = list(fmt::format("/sys/bus/pci/devices/{}/vfio-dev", kWithoutIommu));
  for (const std::string& name : sight.cdevs) {
    if (std::find(own.begin(), own.end(), name) != own.end()) sight.cdev = name;
  }
  sight.taint = machine.kernel().log().taint();
  return sight;
}

// A program, one step a line: "- {open: /dev/iommu, as: i".
struct Program {
  std::string name;
  std::vector<std::string> steps;
};

std::string scenario_text(const Revision& revision, const Configured& one, const Program& program,
                          const std::vector<std::string>& endings) {
  std::string config;
  for (const auto& [symbol, value] : overrides_of(revision, one)) {
    config += fmt::format("{}{}: {}", config.empty() ? "" : ", ", symbol, value);
  }
  std::string text = fmt::format(
      "scenario: {}-{}\nkernel:\n  revision: {}\n  config: {{{}}}\ndevices:\n"
      "- {{bdf: '{}', model: edu, iommu: none}}\n- {{bdf: '{}', model: edu, iommu: present}}\n"
      "steps:\n",
      revision.name(), program.name, revision.design()->name, config, kWithoutIommu, kBehindIommu);
  for (size_t i = 0; i < program.steps.size(); ++i)
    text += fmt::format("{}{}}}\n", program.steps[i], endings[i]);
  return text;
}

// How far the program comes.
struct Attempt {
  std::string error;  // of the first step that fails; empty: all went well
  std::string step;
  std::string scenario;  // that replays it
  std::vector<std::string> sequence;
};

Attempt attempt(const Revision& revision, const Configured& one, Program program) {
  std::vector<std::string> endings(program.steps.size());
  const auto scenarios = load_text("review.yaml", scenario_text(revision, one, program, endings));
  const ScenarioResult result =
      run_scenario(*make_model_backend({}), scenarios.at(0), {.record = true});
  Attempt attempt;
  for (size_t i = 0; i < result.answers.size() && attempt.error.empty(); ++i) {
    const AnsweredStep& step = result.answers[i];
    attempt.sequence.insert(attempt.sequence.end(), step.calls.begin(), step.calls.end());
    if (!step.answer.result.starts_with('E')) continue;
    attempt.error = step.answer.result;
    attempt.step = step.title;
    endings[i] = fmt::format(", errno: {}", attempt.error);
    program.steps.resize(i + 1);
  }
  attempt.scenario = scenario_text(revision, one, program, endings);
  return attempt;
}

Program through_container(const std::string& group, const std::string& name) {
  return {name,
          {"- {open: /dev/vfio/vfio, as: container",
           fmt::format("- {{open: /dev/vfio/{}, as: group", group),
           "- {ioctl: VFIO_GROUP_SET_CONTAINER, fd: $group, args: {fd: $container}",
           "- {ioctl: VFIO_SET_IOMMU, fd: $container, arg: 8",
           fmt::format("- {{ioctl: VFIO_GROUP_GET_DEVICE_FD, fd: $group, arg_string: '{}', as: dev",
                       kWithoutIommu),
           "- {ioctl: VFIO_DEVICE_GET_INFO, fd: $dev"}};
}

Program through_iommufd(const std::string& group) {
  return {
      "group-iommufd",
      {"- {open: /dev/iommu, as: iommufd", fmt::format("- {{open: /dev/vfio/{}, as: group", group),
       "- {ioctl: VFIO_GROUP_SET_CONTAINER, fd: $group, args: {fd: $iommufd}",
       fmt::format("- {{ioctl: VFIO_GROUP_GET_DEVICE_FD, fd: $group, arg_string: '{}', as: dev",
                   kWithoutIommu),
       "- {ioctl: VFIO_DEVICE_GET_INFO, fd: $dev"}};
}

Program through_cdev(const std::string& cdev) {
  return {"usable-cdevs",
          {"- {open: /dev/iommu, as: iommufd",
           fmt::format("- {{open: /dev/vfio/devices/{}, as: dev", cdev),
           "- {ioctl: VFIO_DEVICE_BIND_IOMMUFD, fd: $dev, args: {iommufd: $iommufd}",
           "- {ioctl: IOMMU_IOAS_ALLOC, fd: $iommufd, save: {out_ioas_id: ioas}",
           "- {ioctl: VFIO_DEVICE_ATTACH_IOMMUFD_PT, fd: $dev, args: {pt_id: $ioas}"}};
}

// What one kernel shows of a property.
struct Judgement {
  bool applies = false;
  bool violated = false;
  std::string what = {};
  std::string scenario = {};
  std::vector<std::string> sequence = {};
};
using Judge = std::function<Judgement(const Configured&, const Sight&)>;

Finding every_kernel(const Revision& revision, const std::string& nothing, const Judge& judge) {
  if (revision.design() == nullptr)
    return {Verdict::kNotApplicable, "there is no code for it", {}, 0};
  Finding finding{Verdict::kNotApplicable, nothing, {}, 0};
  std::optional<Configured> smallest;
  for (const auto& [config, build] : builds(revision)) {
    const Judgement judgement = judge(build.smallest, look_at(config, *revision.design()));
    if (!judgement.applies) continue;
    if (finding.verdict == Verdict::kNotApplicable) finding = {};
    if (!judgement.violated) continue;
    finding.configurations += build.configurations;
    if (smallest && smallest->size() <= build.smallest.size()) continue;
    smallest = build.smallest;
    finding.verdict = Verdict::kViolated;
    finding.what = judgement.what;
    finding.config = smallest->text();
    finding.scenario = judgement.scenario;
    finding.sequence = judgement.sequence;
  }
  return finding;
}

// A program that only looks, with what it sees.
Judgement seen(const Revision& revision, const Configured& one, const Program& program,
               const std::string& what) {
  const std::vector<std::string> endings(program.steps.size());
  return {.applies = true,
          .violated = true,
          .what = what,
          .scenario = scenario_text(revision, one, program, endings)};
}

}  // namespace

Finding check_usable_groups(const Revision& revision) {
  return every_kernel(
      revision, "no group of such a device is ever shown",
      [&](const Configured& one, const Sight& sight) -> Judgement {
        if (sight.groups.empty()) return {};
        const std::string& group = sight.groups.front();
        const Attempt first = attempt(revision, one, through_container(group, "usable-groups"));
        if (first.error.empty()) return {.applies = true};
        const Attempt second = attempt(revision, one, through_iommufd(group));
        return {.applies = true,
                .violated = true,
                .what = fmt::format("/dev/vfio/{} is there, and {} answers {}; with /dev/iommu as "
                                    "its container {}",
                                    group, first.step, first.error,
                                    second.error.empty()
                                        ? "it works"
                                        : fmt::format("{} answers {}", second.step, second.error)),
                .scenario = first.scenario,
                .sequence = first.sequence};
      });
}

Finding check_usable_cdevs(const Revision& revision) {
  return every_kernel(revision, "no cdev of such a device is ever shown",
                      [&](const Configured& one, const Sight& sight) -> Judgement {
                        if (sight.cdev.empty()) return {};
                        const Attempt made = attempt(revision, one, through_cdev(sight.cdev));
                        if (made.error.empty()) return {.applies = true};
                        return {
                            .applies = true,
                            .violated = true,
                            .what = fmt::format("/dev/vfio/devices/{} is there, and {} answers {}",
                                                sight.cdev, made.step, made.error),
                            .scenario = made.scenario,
                            .sequence = made.sequence};
                      });
}

Finding check_names(const Revision& revision) {
  return every_kernel(
      revision, "no cdev of such a device is ever shown",
      [&](const Configured& one, const Sight& sight) -> Judgement {
        if (sight.cdev.empty()) return {};
        const Names right{"noiommu-vfio0", "vfio1"};
        if (sight.cdevs == right) return {.applies = true};
        const std::string names = fmt::format("{}", fmt::join(sight.cdevs, ", "));
        return seen(
            revision, one,
            {"named-noiommu", {fmt::format("- {{list: /dev/vfio/devices, expect: [{}]", names)}},
            fmt::format("the cdevs of a device without an IOMMU and of one behind an IOMMU "
                        "are {}",
                        names));
      });
}

Finding check_taint(const Revision& revision) {
  return every_kernel(
      revision, "no such device is ever shown",
      [&](const Configured& one, const Sight& sight) -> Judgement {
        if (sight.cdev.empty() && sight.groups.empty()) return {};
        if ((sight.taint & Log::kTaintUser) != 0) return {.applies = true};
        return seen(revision, one,
                    {"tainted",
                     {"- {list: /dev/vfio", "- {read_file: /proc/sys/kernel/tainted, expect: '0'"}},
                    "a node is there, and the kernel is not tainted");
      });
}

}  // namespace noiommu::scenarios::review
