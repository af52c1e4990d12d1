#include "scenarios/backends/host/requirements.h"

#include <fmt/format.h>
#include <sys/capability.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "model/machine/resolve_config.h"
#include "scenarios/engine/model_backend.h"
#include "scenarios/engine/words.h"

namespace noiommu::scenarios::host {
namespace {

using Reason = std::optional<std::string>;

constexpr uint32_t kEduVendor = 0x1234;
constexpr uint32_t kEduDevice = 0x11e8;

// Those that VFIO, iommufd and the opening of their nodes ask for.
constexpr std::array kWanted = {CAP_SYS_RAWIO, CAP_IPC_LOCK, CAP_SYS_ADMIN, CAP_DAC_OVERRIDE};

// "7.3.4-rc1" is {7, 3}.
std::pair<unsigned, unsigned> version(const std::string& release) {
  std::pair<unsigned, unsigned> number;
  const char* end = release.data() + release.size();
  const auto [dot, error] = std::from_chars(release.data(), end, number.first);
  if (error == std::errc{} && dot != end) std::from_chars(dot + 1, end, number.second);
  return number;
}

Reason check_revision(const Facts& facts, const Scenario& scenario) {
  const auto running = version(facts.release);
  constexpr std::pair kMerged{7U, 3U};
  const std::string_view wanted = scenario.kernel.design.name;
  if (wanted == "mainline") {
    if (running >= kMerged) return std::nullopt;
    return fmt::format("the kernel is {}, the scenario wants mainline, 7.3 or later",
                       facts.release);
  }
  if (wanted == "v7.0") {
    if (running.first == 7 && running < kMerged) return std::nullopt;
    return fmt::format("the kernel is {}, the scenario wants 7.0", facts.release);
  }
  return "the scenario wants a revision of the series that no release has";
}

// The symbols that the scenario's kernel has, the default ones and what follows from its own.
tl::expected<std::map<std::string, bool>, std::string> wanted_symbols(const KernelNeeds& kernel) {
  const auto overrides = config_overrides(kernel);
  std::map<std::string, bool> wanted;
  for (const auto& [symbol, value] : kernel.config) wanted[symbol] = value != Tristate::kNo;
  // What the revision does not know is compared as it stands.
  auto resolved = resolve_config(overrides, kernel.design);
  if (!resolved) resolved = resolve_config({}, kernel.design);
  if (!resolved) return tl::unexpected(resolved.error());
  for (const auto& [symbol, value] : resolved->symbols) wanted.try_emplace(symbol, value);
  return wanted;
}

Reason check_config(const Facts& facts, const Scenario& scenario) {
  const auto wanted = wanted_symbols(scenario.kernel);
  if (!wanted) return wanted.error();
  const KernelConfig& config = facts.config;
  for (const auto& [symbol, on] : *wanted) {
    const auto found = config.symbols.find(symbol);
    if (found == config.symbols.end() && !config.complete) continue;  // nothing speaks against it
    const bool is_on = found != config.symbols.end() && found->second != Tristate::kNo;
    if (is_on == on) continue;
    return fmt::format("{} is {} here, the scenario wants {} (from {})", symbol,
                       is_on ? "on" : "off", on ? "on" : "off", config.source);
  }
  return std::nullopt;
}

Reason check_parameters(const Facts& facts, const Files& files, const Scenario& scenario) {
  bool noiommu = true;
  for (const auto& [name, text] : scenario.kernel.params) {
    if (name == kNoiommuParameter) {
      noiommu = is_yes(text);
      continue;
    }
    const size_t dot = name.find('.');
    const std::string path =
        "/sys/module/" + name.substr(0, dot) + "/parameters/" + name.substr(dot + 1);
    const auto value = files.read(path);
    if (!value) return fmt::format("the parameter {} cannot be read", name);
    if (*value != text) return fmt::format("{} is {}, the scenario wants {}", name, *value, text);
  }
  // Without VFIO_NOIOMMU there is no parameter, and the configuration has been compared.
  if (!facts.noiommu_parameter || facts.parameter_writable) return std::nullopt;
  if (is_yes(*facts.noiommu_parameter) == noiommu) return std::nullopt;
  return fmt::format("{} is {} and cannot be changed", kNoiommuParameter, *facts.noiommu_parameter);
}

Reason check_device(const Facts& facts, const BdfMap& bdfs, const DeviceNeeds& needs) {
  if (needs.model == DeviceNeeds::Model::kMediated) return "mediated devices are left alone here";
  const auto mapped = bdfs.find(needs.bdf);
  const std::string& bdf = mapped == bdfs.end() ? needs.bdf : mapped->second;
  const Function* function = facts.find(bdf);
  if (function == nullptr) {
    return fmt::format("there is no function {}{}", bdf,
                       mapped == bdfs.end() ? "; --bdf names another" : "");
  }
  if (!function->bound()) {
    return fmt::format("{} belongs to {}, not to vfio-pci", bdf,
                       function->driver.empty() ? "no driver" : function->driver);
  }
  if (function->vendor != kEduVendor || function->device != kEduDevice) {
    return fmt::format("{} is {:04x}:{:04x}, the scenario wants edu, 1234:11e8", bdf,
                       function->vendor, function->device);
  }
  const bool wants_flr = needs.model == DeviceNeeds::Model::kEduFlr;
  if (function->flr != wants_flr) {
    return fmt::format("{} {} a function-level reset", bdf, wants_flr ? "lacks" : "has");
  }
  if (function->behind_iommu != needs.behind_iommu) {
    return fmt::format("{} is {} an IOMMU", bdf, needs.behind_iommu ? "not behind" : "behind");
  }
  return std::nullopt;
}

bool has(uint64_t set, int capability) {
  return (set >> capability & 1) != 0;
}

Reason check_process(const Facts& facts, const Scenario& scenario) {
  const ProcessState& state = scenario.process;
  const auto lacks = [&facts](int capability) -> Reason {
    if (has(facts.capabilities.permitted, capability)) return std::nullopt;
    return fmt::format("this process lacks {}", capability_name(capability));
  };
  for (const int capability : kWanted) {
    const bool dropped = std::ranges::find(state.dropped_capabilities, capability) !=
                         state.dropped_capabilities.end();
    if (dropped) continue;
    if (auto reason = lacks(capability)) return reason;
  }
  uint64_t memlock = state.memlock;
  for (const Step& step : scenario.steps) {
    if (step.error) continue;
    const auto* limit = std::get_if<RlimitStep>(&step.action);
    if (limit != nullptr) memlock = std::max(memlock, limit->memlock);
    const auto* raise = std::get_if<CapabilityStep>(&step.action);
    if (raise == nullptr || !raise->effective) continue;
    if (auto reason = lacks(raise->capability)) return reason;
  }
  if (state.uid != facts.uid) {
    for (const int capability : {CAP_SETUID, CAP_SETGID}) {
      if (auto reason = lacks(capability)) return reason;
    }
  }
  if (memlock > facts.memlock_most) {
    return fmt::format("RLIMIT_MEMLOCK cannot exceed {} here", facts.memlock_most);
  }
  return std::nullopt;
}

Reason check_huge_pages(const Facts& facts, const Scenario& scenario) {
  const bool wanted = std::ranges::any_of(scenario.steps, [](const Step& step) {
    const auto* mmap = std::get_if<MmapStep>(&step.action);
    return mmap != nullptr && mmap->backing == Backing::kHuge && !step.error;
  });
  if (!wanted || facts.huge.free > 0) return std::nullopt;
  return fmt::format("no free huge page of 2 MiB ({} reserved)", facts.huge.total);
}

// The function that a write to a file of the PCI bus is about; empty: none, or none that exists.
std::string touched_function(const Facts& facts, const DeviceMap& map, const WriteFileStep& write) {
  const std::string path = map.real_path(write.path);
  for (const Function& function : facts.functions) {
    if (path.find("/" + function.bdf + "/") != std::string::npos) return function.bdf;
  }
  const bool driver_file = path.starts_with("/sys/bus/pci/");
  for (const Function& function : facts.functions) {
    if (driver_file && map.real_text(write.text).find(function.bdf) != std::string::npos) {
      return function.bdf;
    }
  }
  return {};
}

// Ids that a driver should take from now on: it then takes every free function that has them.
bool takes_by_id(const std::string& path) {
  return path.starts_with("/sys/bus/pci/drivers/") &&
         (path.ends_with("/new_id") || path.ends_with("/remove_id"));
}

Reason check_writes(const Facts& facts, const BdfMap& bdfs, const Scenario& scenario) {
  const DeviceMap map(facts, scenario.devices, bdfs);
  const auto is_own = [&map](const std::string& bdf) {
    return std::ranges::find(map.own(), bdf) != map.own().end();
  };
  for (const Step& step : scenario.steps) {
    const auto* write = std::get_if<WriteFileStep>(&step.action);
    if (write == nullptr) continue;
    const std::string touched = touched_function(facts, map, *write);
    if (!touched.empty() && !is_own(touched)) {
      return fmt::format("it writes to {}, which is not one of its devices", touched);
    }
    if (!takes_by_id(write->path)) continue;
    for (const Function& function : facts.functions) {
      if (function.driver.empty() && !is_own(function.bdf)) {
        return fmt::format("it writes to {}, and {} has no driver", write->path, function.bdf);
      }
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> unmet(const Facts& facts, const Files& files, const BdfMap& bdfs,
                                 const Scenario& scenario) {
  const bool has_vfio = std::ranges::any_of(
      facts.nodes, [](const std::string& node) { return node.starts_with("/dev/vfio"); });
  // Without groups the folder comes and goes with the devices.
  const bool driver = files.exists("/sys/bus/pci/drivers/vfio-pci");
  if (!has_vfio && !driver) return "there is no /dev/vfio: no VFIO in this kernel, or not loaded";
  if (auto reason = check_revision(facts, scenario)) return reason;
  if (auto reason = check_config(facts, scenario)) return reason;
  if (auto reason = check_parameters(facts, files, scenario)) return reason;
  for (const DeviceNeeds& needs : scenario.devices) {
    if (auto reason = check_device(facts, bdfs, needs)) return reason;
  }
  if (auto reason = check_process(facts, scenario)) return reason;
  if (auto reason = check_huge_pages(facts, scenario)) return reason;
  return check_writes(facts, bdfs, scenario);
}

}  // namespace noiommu::scenarios::host
