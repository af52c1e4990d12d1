#include "scenarios/review/search.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <unordered_map>
#include <utility>

#include "model/kernel/state_text.h"
#include "scenarios/engine/loader.h"
#include "scenarios/engine/model_backend.h"
#include "scenarios/engine/scenario.h"
#include "scenarios/engine/step_runner.h"
#include "scenarios/review/paths.h"

namespace noiommu::scenarios::review {

namespace {

using Reach = SearchAction::Reach;
using Kind = SearchAction::Kind;

// Everything that a program can open, in the order in which a state lists it.
const std::vector<std::string> kNames{"iommufd", "container", "group", "cdev", "dev"};

std::vector<SearchAction> alphabet(const Sight& sight, const Boot& boot, bool without_rawio) {
  std::vector<SearchAction> all;
  const auto open = [&](const std::string& path, const std::string& name) {
    all.push_back({.name = "open " + path,
                   .steps = {fmt::format("- {{open: {}, as: {}", path, name)},
                   .wants = {},
                   .gives = name});
    all.push_back({.name = "close " + name,
                   .steps = {fmt::format("- {{close: ${}", name)},
                   .wants = {name},
                   .takes = name});
  };
  const auto call = [&](SearchAction action) { all.push_back(std::move(action)); };
  // Bus mastering on, and a transfer.
  const auto dma = [&](const std::string& fd) {
    call({"DMA of " + fd,
          {fmt::format("- {{pwrite: {{fd: ${}, offset: 0x70000000004, u16: 0x507}}", fd),
           fmt::format("- {{pwrite: {{fd: ${}, offset: 0x98, u32: 1}}", fd)},
          {fd}});
  };
  if (sight.has_iommufd) open("/dev/iommu", "iommufd");
  if (!sight.cdev.empty()) {
    open("/dev/vfio/devices/" + sight.cdev, "cdev");
    call({"BIND",
          {"- {ioctl: VFIO_DEVICE_BIND_IOMMUFD, fd: $cdev, args: {iommufd: $iommufd}"},
          {"cdev", "iommufd"},
          "",
          "",
          Reach::kDevice});
    call({"ATTACH",
          {"- {ioctl: VFIO_DEVICE_ATTACH_IOMMUFD_PT, fd: $cdev, args: {pt_id: $ioas}"},
          {"cdev"}});
    call({"DETACH", {"- {ioctl: VFIO_DEVICE_DETACH_IOMMUFD_PT, fd: $cdev"}, {"cdev"}});
    dma("cdev");
  }
  if (sight.has_container) open("/dev/vfio/vfio", "container");
  if (!sight.group.empty()) {
    open("/dev/vfio/" + sight.group, "group");
    for (const char* with : {"container", "iommufd"}) {
      if (std::string(with) == "container" ? !sight.has_container : !sight.has_iommufd) continue;
      call({fmt::format("SET_CONTAINER to {}", with),
            {fmt::format("- {{ioctl: VFIO_GROUP_SET_CONTAINER, fd: $group, args: {{fd: ${}}}",
                         with)},
            {"group", with}});
    }
    call({"UNSET_CONTAINER", {"- {ioctl: VFIO_GROUP_UNSET_CONTAINER, fd: $group"}, {"group"}});
    call({"GET_DEVICE_FD", {get_device_step()}, {"group"}, "dev", "", Reach::kDevice});
    call({"close dev", {"- {close: $dev"}, {"dev"}, "", "dev"});
    dma("dev");
  }
  if (sight.has_container) {
    call({"SET_IOMMU", {"- {ioctl: VFIO_SET_IOMMU, fd: $container, arg: 8"}, {"container"}});
  }
  if (sight.has_iommufd) {
    call({"IOAS_ALLOC",
          {"- {ioctl: IOMMU_IOAS_ALLOC, fd: $iommufd, save: {out_ioas_id: ioas}"},
          {"iommufd"},
          "ioas"});
    call({"MAP", {kMemoryStep, kMapStep}, {"iommufd"}});
    if (boot.design.get_pa != design::GetPa::kNone) {
      call({"GET_PA", {get_pa_step(boot.design)}, {"iommufd"}, "", "", Reach::kPhysicalAddress});
    }
  }
  const auto write = [&](const std::string& name, const std::string& path, const std::string& text,
                         Kind kind) {
    call({name,
          {fmt::format("- {{write_file: {}, text: '{}'", path, text)},
          {},
          "",
          "",
          Reach::kNothing,
          kind});
  };
  write("parameter N", kNoiommuParameterPath, "N", Kind::kClears);
  write("parameter Y", kNoiommuParameterPath, "Y", Kind::kSets);
  write("unbind", "/sys/bus/pci/drivers/vfio-pci/unbind", kBdf, Kind::kCall);
  write("bind", "/sys/bus/pci/drivers/vfio-pci/bind", kBdf, Kind::kRegisters);
  if (!without_rawio) {
    call({"drop CAP_SYS_RAWIO", {"- {drop_cap: CAP_SYS_RAWIO"}, {}});
    call({"raise CAP_SYS_RAWIO", {"- {raise_cap: CAP_SYS_RAWIO"}, {}});
  }
  return all;
}

// The steps of each action, ready to run.
std::vector<std::vector<Step>> load(const std::vector<SearchAction>& actions) {
  std::string text = "scenario: all\nsteps:\n";
  for (const SearchAction& action : actions) {
    for (const std::string& step : action.steps) text += step + "}\n";
  }
  std::vector<Step> steps = load_text("search.yaml", text).at(0).steps;
  std::vector<std::vector<Step>> loaded;
  auto next = steps.begin();
  for (const SearchAction& action : actions) {
    const auto end = next + static_cast<std::ptrdiff_t>(action.steps.size());
    loaded.emplace_back(std::make_move_iterator(next), std::make_move_iterator(end));
    next = end;
  }
  return loaded;
}

// A kernel with one program on it, which has come some way.
class Walk {
 public:
  Walk(const MachineConfig& machine, const ProcessState& process,
       const std::vector<SearchAction>& actions, const std::vector<std::vector<Step>>& steps)
      : session_(make_model_session(machine, process)),
        runner_(*session_),
        process_(*process_of(*session_)),
        actions_(actions),
        steps_(steps) {}
  ~Walk() { runner_.finish(); }
  Walk(const Walk&) = delete;
  Walk& operator=(const Walk&) = delete;

  [[nodiscard]] bool may(uint32_t action) const {
    const SearchAction& one = actions_[action];
    return std::ranges::all_of(one.wants, [&](const std::string& name) { return is_open(name); }) &&
           (one.gives.empty() || !is_open(one.gives));
  }

  Ending take(uint32_t action) {
    for (const Step& step : steps_[action]) {
      runner_.run(step);
      const std::string& result = runner_.answer().result;
      if (runner_.blocked()) return result == "killed" ? Ending::kKilled : Ending::kNeverReturns;
      if (result.starts_with('E')) return Ending::kFailed;
    }
    const SearchAction& one = actions_[action];
    if (!one.gives.empty()) open_.push_back(one.gives);
    std::erase(open_, one.takes);
    if (one.takes == "iommufd") std::erase(open_, "ioas");
    return Ending::kWell;
  }

  [[nodiscard]] std::string state() const {
    StateText text;
    text.value("capable", process_.capable(CAP_SYS_RAWIO) ? 1 : 0);
    text.value("taint", taint());
    text.value("ioas", runner_.variables().get("ioas"));
    for (const std::string& name : kNames) {
      if (!is_open(name)) continue;
      const auto file = process_.file(static_cast<int>(runner_.variables().get(name)));
      text.value(name, 1);
      if (file && text.meet(file->get())) (*file)->describe(text);
    }
    std::string state = text.text();
    for (const char* folder : {"/dev/vfio", "/dev/vfio/devices"}) {
      for (const std::string& node : process_.list(folder).value_or(std::vector<std::string>())) {
        state += node + '\n';
      }
    }
    return state + parameter();
  }

  [[nodiscard]] uint64_t taint() const { return process_.kernel().log().taint(); }
  [[nodiscard]] bool capable() const { return process_.capable(CAP_SYS_RAWIO); }

 private:
  [[nodiscard]] bool is_open(const std::string& name) const {
    return std::ranges::find(open_, name) != open_.end();
  }
  [[nodiscard]] std::string parameter() const {
    const auto fd = session_->open(kNoiommuParameterPath, O_RDONLY);
    if (!fd) return {};
    std::array<std::byte, 1> value{};
    const uint64_t at = session_->scratch(value.size());
    static_cast<void>(session_->read(*fd, at, value.size()));
    static_cast<void>(session_->peek(at, value));
    static_cast<void>(session_->close(*fd));
    return {static_cast<char>(value[0])};
  }

  const std::unique_ptr<Session> session_;
  StepRunner runner_;
  Process& process_;
  const std::vector<SearchAction>& actions_;
  const std::vector<std::vector<Step>>& steps_;
  std::vector<std::string> open_;
};

class Search {
 public:
  explicit Search(Exploration& found)
      : found_(found),
        steps_(load(found.actions)),
        machine_(found.boot.machine(Devices::kWithoutIommu)) {
    if (found.without_rawio) process_.dropped_capabilities = {CAP_SYS_RAWIO};
  }

  void run() {
    note(walk_to({})->state(), SearchState::kNone, 0, 0, !found_.without_rawio);
    for (uint32_t state = 0; state < found_.states.size(); ++state) {
      if (found_.states[state].depth >= found_.depth) break;
      expand(state);
    }
  }

 private:
  std::unique_ptr<Walk> walk_to(const std::vector<uint32_t>& path) const {
    auto walk = std::make_unique<Walk>(machine_, process_, found_.actions, steps_);
    for (const uint32_t action : path) walk->take(action);
    return walk;
  }

  uint32_t note(std::string text, uint32_t parent, uint32_t action, uint32_t depth, bool capable) {
    const auto [entry, fresh] =
        known_.try_emplace(std::move(text), static_cast<uint32_t>(found_.states.size()));
    if (fresh) found_.states.push_back({parent, action, depth, capable});
    return entry->second;
  }

  void expand(uint32_t state) {
    const std::vector<uint32_t> path = found_.path(state, {});
    const uint32_t depth = found_.states[state].depth + 1;
    std::vector<SearchState::Try> tries(found_.actions.size());
    std::unique_ptr<Walk> walk;
    for (uint32_t action = 0; action < tries.size(); ++action) {
      if (!walk) walk = walk_to(path);
      if (!walk->may(action)) continue;
      SearchState::Try& tried = tries[action];
      const uint64_t before = walk->taint();
      tried.ending = walk->take(action);
      tried.taint = walk->taint();
      tried.warned = (tried.taint & ~before & Log::kTaintWarn) != 0;
      const bool over = tried.ending == Ending::kKilled || tried.ending == Ending::kNeverReturns;
      if (!over) tried.to = note(walk->state(), state, action, depth, walk->capable());
      if (tried.to != state) walk.reset();
    }
    found_.states[state].tries = std::move(tries);
  }

  Exploration& found_;
  const std::vector<std::vector<Step>> steps_;
  const MachineConfig machine_;
  ProcessState process_;
  std::unordered_map<std::string, uint32_t> known_;
};

}  // namespace

std::vector<uint32_t> Exploration::path(uint32_t state, std::vector<uint32_t> more) const {
  std::ranges::reverse(more);
  for (; states[state].parent != SearchState::kNone; state = states[state].parent) {
    more.push_back(states[state].action);
  }
  std::ranges::reverse(more);
  return more;
}

Program Exploration::program(const std::string& name, const std::vector<uint32_t>& path) const {
  Program program{.name = name, .steps = {}, .without_rawio = without_rawio};
  for (const uint32_t action : path) {
    const auto& steps = actions[action].steps;
    program.steps.insert(program.steps.end(), steps.begin(), steps.end());
  }
  return program;
}

Explorations explore(const Revision& revision, const std::vector<KernelBuild>& kernels,
                     size_t depth, const std::function<void(size_t, size_t)>& progress) {
  Explorations found{.depth = depth};
  for (const KernelBuild& kernel : kernels) {
    const Boot boot{revision, kernel.smallest, *revision.design(), kernel.config};
    const Sight sight = look_at(boot, Devices::kWithoutIommu);
    if (sight.group.empty() && sight.cdev.empty()) continue;
    for (const bool without_rawio : {false, true}) {
      found.all.push_back({.boot = boot,
                           .configurations = kernel.configurations,
                           .without_rawio = without_rawio,
                           .actions = alphabet(sight, boot, without_rawio),
                           .states = {},
                           .depth = depth});
    }
  }
  for (size_t i = 0; i < found.all.size(); ++i) {
    if (progress) progress(i, found.all.size());
    Search(found.all[i]).run();
  }
  return found;
}

}  // namespace noiommu::scenarios::review
