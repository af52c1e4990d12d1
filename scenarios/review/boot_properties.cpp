// What a booted kernel shows and answers, in every configuration that makes a different kernel.
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "model/machine/resolve_config.h"
#include "scenarios/engine/scenario.h"
#include "scenarios/review/paths.h"
#include "scenarios/review/property.h"

namespace noiommu::scenarios::review {

namespace {

using Names = std::vector<std::string>;

// Something that a kernel shows to be wrong. Those of one kind are one counterexample.
struct Fault {
  std::string kind;
  std::string what;
  Run run = {};
  Names nodes = {};
};

struct Judgement {
  bool applies = false;
  std::vector<Fault> faults = {};
};
using Judge = std::function<Judgement(const Boot& boot)>;

// The counterexamples of one property, one for each kind, in the order in which they are found.
class Counterexamples {
 public:
  void add(const Fault& fault, const std::string& config, size_t configurations) {
    const auto known = std::ranges::find(kinds_, fault.kind);
    if (known != kinds_.end()) {  // a smaller configuration has shown it
      Counterexample& counterexample = found_[static_cast<size_t>(known - kinds_.begin())];
      counterexample.configurations += configurations;
      if (fault.nodes.size() <= counterexample.nodes.size()) return;
      counterexample.nodes = fault.nodes;
      counterexample.nodes_config = config;
      return;
    }
    kinds_.push_back(fault.kind);
    found_.push_back({.what = fault.what,
                      .config = config,
                      .configurations = configurations,
                      .nodes = fault.nodes,
                      .nodes_config = config,
                      .scenario = fault.run.scenario,
                      .sequence = fault.run.sequence});
  }
  [[nodiscard]] std::vector<Counterexample> take() { return std::move(found_); }

 private:
  Names kinds_;
  std::vector<Counterexample> found_;
};

Finding every_kernel(const Subject& subject, const std::string& nothing, const Judge& judge) {
  const Revision& revision = subject.revision;
  if (revision.design() == nullptr) return Finding::not_applicable("there is no code for it");
  Counterexamples counterexamples;
  Finding finding = Finding::not_applicable(nothing);
  for (const KernelBuild& kernel : subject.kernels) {
    ++finding.states;
    const Judgement judgement =
        judge({revision, kernel.smallest, *revision.design(), kernel.config});
    if (judgement.applies && finding.verdict == Verdict::kNotApplicable) {
      finding.verdict = Verdict::kHolds;
      finding.why.clear();
    }
    for (const Fault& fault : judgement.faults) {
      counterexamples.add(fault, kernel.smallest.text(), kernel.configurations);
    }
  }
  finding.counterexamples = counterexamples.take();
  if (!finding.counterexamples.empty()) finding.verdict = Verdict::kViolated;
  return finding;
}

// Of a program whose failure is a fault: what is there, and what it answers.
Fault failing(const Boot& boot, const std::string& kind, const std::string& there, const Run& run) {
  return {.kind = kind + run.step + run.error,
          .what = fmt::format("{}, and {} answers {}", there, run.step, run.error),
          .run = run,
          .nodes = draw_nodes(boot, Devices::kWithoutIommu)};
}

// Both readings of seed 002 and section 14: a program that wants /dev/vfio/vfio, and one that takes
// /dev/iommu.
void judge_group(const Boot& boot, const Sight& sight, const std::string& before,
                 Judgement& judgement) {
  if (sight.group.empty()) return;
  judgement.applies = true;
  Run first = run(boot, through_container(sight, "usable-nodes"));
  if (first.error.empty()) return;
  const Run second = run(boot, through_iommufd(sight, "usable-nodes"));
  Fault fault =
      failing(boot, "group", fmt::format("{}/dev/vfio/{} is there", before, sight.group), first);
  fault.what += second.error.empty()
                    ? "; with /dev/iommu as its container it works"
                    : fmt::format("; with /dev/iommu as its container {} answers {}", second.step,
                                  second.error);
  judgement.faults.push_back(std::move(fault));
}

void judge_cdev(const Boot& boot, const Sight& sight, Judgement& judgement) {
  if (sight.cdev.empty()) return;
  judgement.applies = true;
  Run tried = run(boot, through_cdev(sight, "usable-nodes"));
  if (tried.error.empty()) return;
  judgement.faults.push_back(
      failing(boot, "cdev", fmt::format("/dev/vfio/devices/{} is there", sight.cdev), tried));
}

// What a program that looks at a file or a folder sees.
Run seen(const Boot& boot, Devices devices, const std::string& name, std::vector<std::string> steps,
         bool without_rawio = false) {
  return run(boot, {name, std::move(steps), devices, without_rawio});
}

std::string listing(const std::string& path, const Names& names) {
  if (names.empty()) return fmt::format("- {{list: {}", path);  // perhaps it is not there
  return fmt::format("- {{list: {}, expect: [{}]", path, fmt::join(names, ", "));
}
std::string taint_is(uint64_t taint) {
  return fmt::format("- {{read_file: /proc/sys/kernel/tainted, expect: '{}'", taint);
}

// The kernel that users of groups had before the series, in the same configuration.
std::optional<Boot> as_before(const Revision& before, const std::vector<KernelBuild>& kernels,
                              const Boot& boot) {
  std::map<std::string, std::string> overrides;
  for (const auto& [symbol, value] : boot.configured.overrides()) {
    if (before.has(symbol.c_str())) overrides[symbol] = value;
  }
  overrides.insert_or_assign("VFIO_NOIOMMU", std::string("y"));
  const auto resolved = resolve_config(overrides, *before.design());
  if (!resolved) return std::nullopt;
  for (const KernelBuild& kernel : kernels) {
    if (kernel.config != resolved->config) continue;
    return Boot{before, kernel.smallest, *before.design(), kernel.config};
  }
  return std::nullopt;
}

// A line of the documented table: whether a feature is there for who comes by a path.
struct Cell {
  const char* name;
  bool documented;
  Program program;
};

std::vector<Cell> documented_cells(const Sight& sight, const design::Design& design) {
  const std::string get_pa = get_pa_step(design);
  std::vector<Cell> cells{
      {"the group gives the device", true, through_container(sight, "feature-table")},
      {"the group's container maps memory", false,
       with(through_container(sight, "feature-table"),
            {kMemoryStep,
             "- {ioctl: VFIO_IOMMU_MAP_DMA, fd: $container, args: {flags: 3, vaddr: "
             "$memory, iova: 0x10000, size: 4K}"})},
      {"the group gives an IOAS with physical addresses", false,
       with(through_iommufd(sight, "feature-table"),
            {"- {ioctl: IOMMU_IOAS_ALLOC, fd: $iommufd, save: {out_ioas_id: ioas}", kMemoryStep,
             kMapStep, get_pa})},
      {"the cdev gives the device",
       true,
       {"feature-table",
        {"- {open: /dev/iommu, as: iommufd",
         fmt::format("- {{open: /dev/vfio/devices/{}, as: dev", sight.cdev),
         "- {ioctl: VFIO_DEVICE_BIND_IOMMUFD, fd: $dev, args: {iommufd: $iommufd}",
         "- {ioctl: VFIO_DEVICE_GET_INFO, fd: $dev"}}},
      {"the cdev joins a container",
       false,
       {"feature-table",
        {fmt::format("- {{open: /dev/vfio/devices/{}, as: dev", sight.cdev),
         "- {open: /dev/vfio/vfio, as: container",
         "- {ioctl: VFIO_GROUP_SET_CONTAINER, fd: $dev, args: {fd: $container}"}}},
      {"the cdev gives an IOAS with physical addresses", true,
       with(through_cdev(sight, "feature-table"), {kMemoryStep, kMapStep, get_pa})}};
  if (design.says_fixed_iova_is_ignored) {
    cells.push_back({"IOMMU_IOAS_MAP_FIXED_IOVA is honoured", false,
                     with(through_cdev(sight, "feature-table"),
                          {kMemoryStep, fmt::format("{}, expect: {{iova: 0x10000}}", kMapStep)})});
  }
  return cells;
}

}  // namespace

Finding check_usable_nodes(const Subject& subject) {
  return every_kernel(subject, "no such device is ever shown", [](const Boot& boot) -> Judgement {
    Judgement judgement;
    const Sight sight = look_at(boot, Devices::kWithoutIommu);
    if (!boot.config.vfio_noiommu) return judgement;
    if (boot.design.group_may_be_absent) {
      const Boot kept{boot.revision, boot.configured, *design::find("kept-group"), boot.config};
      judge_group(kept, look_at(kept, Devices::kWithoutIommu),
                  sight.group.empty() ? "were the group kept: " : "", judgement);
    }
    judge_group(boot, sight, "", judgement);
    judge_cdev(boot, sight, judgement);
    if (sight.group.empty() && sight.cdev.empty()) {
      judgement.applies = true;
      judgement.faults.push_back(
          {.kind = "none",
           .what = "the device is bound, and no node leads to it",
           .run = seen(boot, Devices::kWithoutIommu, "usable-nodes",
                       {"- {readlink: /sys/bus/pci/devices/0000:00:04.0/driver",
                        listing("/dev/vfio", sight.entries)}),
           .nodes = draw_nodes(boot, Devices::kWithoutIommu)});
    }
    return judgement;
  });
}

Finding check_cdev_as_configured(const Subject& subject) {
  return every_kernel(
      subject, "no kernel has cdevs and no-IOMMU mode", [](const Boot& boot) -> Judgement {
        if (!boot.config.vfio_device_cdev || !boot.config.vfio_noiommu) return {};
        const Sight sight = look_at(boot, Devices::kWithoutIommu);
        Judgement judgement{.applies = true};
        if (sight.cdev.empty()) {
          judgement.faults.push_back(
              {.kind = "missing",
               .what = "cdevs and no-IOMMU mode are built, and the device has no cdev",
               .run = seen(boot, Devices::kWithoutIommu, "cdev-as-configured",
                           {listing("/dev/vfio", sight.entries)}),
               .nodes = draw_nodes(boot, Devices::kWithoutIommu)});
        } else if (!boot.configured.noiommu_cdev()) {
          const Run tried = run(boot, through_cdev(sight, "cdev-as-configured"));
          if (tried.error.empty()) {
            judgement.faults.push_back(
                {.kind = "unasked",
                 .what = fmt::format("the option for such cdevs is off, and {} works", sight.cdev),
                 .run = tried,
                 .nodes = draw_nodes(boot, Devices::kWithoutIommu)});
          }
        }
        return judgement;
      });
}

Finding check_names(const Subject& subject) {
  return every_kernel(
      subject, "no cdev of such a device is ever shown", [](const Boot& boot) -> Judgement {
        const Sight sight = look_at(boot, Devices::kBoth);
        if (sight.cdev.empty()) return {};
        Judgement judgement{.applies = true};
        if (sight.cdevs == Names{"noiommu-vfio0", "vfio1"}) return judgement;
        const std::string names = fmt::format("{}", fmt::join(sight.cdevs, ", "));
        judgement.faults.push_back(
            {.kind = names,
             .what = fmt::format(
                 "the cdevs of a device without an IOMMU and of one behind an IOMMU are {}", names),
             .run = seen(boot, Devices::kBoth, "named-noiommu",
                         {listing("/dev/vfio/devices", sight.cdevs)}),
             .nodes = draw_nodes(boot, Devices::kBoth)});
        return judgement;
      });
}

Finding check_taint(const Subject& subject) {
  return every_kernel(subject, "no such device is ever shown", [](const Boot& boot) -> Judgement {
    const Sight sight = look_at(boot, Devices::kWithoutIommu);
    if (sight.cdev.empty() && sight.group.empty()) return {};
    Judgement judgement{.applies = true};
    if ((sight.taint & Log::kTaintUser) != 0) return judgement;
    judgement.faults.push_back(
        {.kind = "untainted",
         .what = "a node is there, and the kernel is not tainted",
         .run = seen(boot, Devices::kWithoutIommu, "tainted",
                     {listing("/dev/vfio", sight.entries), taint_is(sight.taint)}),
         .nodes = draw_nodes(boot, Devices::kWithoutIommu)});
    return judgement;
  });
}

Finding check_emulated(const Subject& subject) {
  return every_kernel(
      subject, "no mediated device is ever shown", [](const Boot& boot) -> Judgement {
        const Sight sight = look_at(boot, Devices::kMediated);
        if (sight.cdevs.empty() && sight.group.empty()) return {};
        Judgement judgement{.applies = true};
        const auto fault = [&](const std::string& kind, const std::string& what, Run run) {
          judgement.faults.push_back({kind, what, std::move(run), {}});
        };
        if (!sight.cdevs.empty() && sight.cdevs != Names{"vfio0"}) {
          fault("name", fmt::format("the cdev of a mediated device is {}", sight.cdevs.front()),
                seen(boot, Devices::kMediated, "emulated-untouched",
                     {listing("/dev/vfio/devices", sight.cdevs)}));
        }
        if (sight.group.starts_with("noiommu-")) {
          fault("group", fmt::format("the group of a mediated device is {}", sight.group),
                seen(boot, Devices::kMediated, "emulated-untouched",
                     {listing("/dev/vfio", sight.entries)}));
        }
        if (sight.taint != 0) {
          fault("taint", "a mediated device taints the kernel",
                seen(boot, Devices::kMediated, "emulated-untouched", {taint_is(sight.taint)}));
        }
        if (sight.cdevs.empty()) return judgement;
        Run opened =
            seen(boot, Devices::kMediated, "emulated-untouched",
                 {fmt::format("- {{open: /dev/vfio/devices/{}", sight.cdevs.front())}, true);
        if (!opened.error.empty()) {
          const std::string what = fmt::format(
              "the cdev of a mediated device answers {} without CAP_SYS_RAWIO", opened.error);
          fault("capability", what, std::move(opened));
        }
        return judgement;
      });
}

Finding check_feature_table(const Subject& subject) {
  const design::Design* design = subject.revision.design();
  if (design != nullptr && design->get_pa == design::GetPa::kNone) {
    return Finding::not_applicable("the table was written with the series");
  }
  return every_kernel(subject, "no kernel has both paths", [](const Boot& boot) -> Judgement {
    const Sight sight = look_at(boot, Devices::kWithoutIommu);
    const bool both = !sight.group.empty() && sight.has_container &&
                      boot.configured.noiommu_group() && boot.configured.noiommu_cdev();
    if (!both) return {};
    Judgement judgement{.applies = true};
    for (const Cell& cell : documented_cells(sight, boot.design)) {
      Run tried = run(boot, cell.program);
      if (tried.error.empty() == cell.documented) continue;
      judgement.faults.push_back({.kind = cell.name,
                                  .what = cell.documented
                                              ? fmt::format("documented: {}; {} answers {}",
                                                            cell.name, tried.step, tried.error)
                                              : fmt::format("documented as not so: {}", cell.name),
                                  .run = std::move(tried)});
    }
    return judgement;
  });
}

Finding check_regression(const Subject& subject) {
  const Revision& revision = subject.revision;
  if (!revision.cycles().empty()) {
    return Finding::not_applicable("a tree with a cycle has no configurations");
  }
  const auto before = Revision::load("v7.0");
  const std::vector<KernelBuild> kernels = before->kernels();
  Finding finding = lost_configurations(*before, revision);
  const auto judge = [&](const Boot& boot) -> Judgement {
    const Sight sight = look_at(boot, Devices::kWithoutIommu);
    if (sight.group.empty() || !boot.configured.noiommu_group()) return {};
    Judgement judgement{.applies = true};
    const auto then = as_before(*before, kernels, boot);
    if (!then) return judgement;
    for (const Program& program :
         {through_container(sight, "no-regression"), through_iommufd(sight, "no-regression"),
          Program{"no-regression",
                  {fmt::format("- {{write_file: {}, text: 'N'", kNoiommuParameterPath)}}}) {
      Run now = run(boot, program);
      if (now.error.empty() || !run(*then, program).error.empty()) continue;
      judgement.faults.push_back(failing(boot, program.name, "it works in v7.0", now));
    }
    return judgement;
  };
  Finding programs = every_kernel(subject, "", judge);
  finding.states += programs.states;
  for (Counterexample& one : programs.counterexamples) {
    finding.counterexamples.push_back(std::move(one));
  }
  if (!finding.counterexamples.empty()) finding.verdict = Verdict::kViolated;
  return finding;
}

}  // namespace noiommu::scenarios::review
