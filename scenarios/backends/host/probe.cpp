#include "scenarios/backends/host/probe.h"

#include <fmt/format.h>
#include <sys/capability.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <ostream>

#include <nlohmann/json.hpp>

#include "scenarios/engine/words.h"

namespace noiommu::scenarios::host {
namespace {

// Those that scenarios depend on.
constexpr std::array kSymbols = {"VFIO",
                                 "VFIO_GROUP",
                                 "VFIO_CONTAINER",
                                 "VFIO_DEVICE_CDEV",
                                 "VFIO_NOIOMMU",
                                 "VFIO_PCI",
                                 "VFIO_PCI_DMABUF",
                                 "IOMMUFD",
                                 "IOMMUFD_NOIOMMU",
                                 "IOMMUFD_VFIO_CONTAINER",
                                 "TRANSPARENT_HUGEPAGE",
                                 "HUGETLBFS"};

std::string symbol_value(const KernelConfig& config, const std::string& symbol) {
  static constexpr std::array kText = {"n", "m", "y"};
  const auto found = config.symbols.find(symbol);
  if (found != config.symbols.end()) return kText[static_cast<size_t>(found->second)];
  return config.complete ? "n" : "unknown";
}

bool no_iommu(const Function& function) {
  return function.bound() && !function.behind_iommu;
}

bool has_iommu(const Facts& facts) {
  return std::ranges::any_of(facts.functions, &Function::behind_iommu);
}

std::vector<const Function*> bound_functions(const Facts& facts) {
  std::vector<const Function*> bound;
  for (const Function& function : facts.functions) {
    if (function.bound()) bound.push_back(&function);
  }
  return bound;
}

std::vector<std::string> capability_names(uint64_t set) {
  std::vector<std::string> names;
  for (int number = 0; number < cap_max_bits(); ++number) {
    if ((set >> number & 1) != 0) names.push_back(capability_name(number));
  }
  return names;
}

std::string show_capabilities(uint64_t set) {
  const std::vector<std::string> held = capability_names(set);
  const std::vector<std::string> missing = capability_names(~set);
  if (held.empty()) return "none";
  if (missing.empty()) return "all";
  return missing.size() < held.size() ? fmt::format("all but {}", fmt::join(missing, " "))
                                      : fmt::format("{}", fmt::join(held, " "));
}

std::string show_device(const Function& function) {
  std::string text = fmt::format("{} {:04x}:{:04x}, {}", function.bdf, function.vendor,
                                 function.device, no_iommu(function) ? "no IOMMU" : "IOMMU");
  if (!function.vfio_name.empty()) {
    text += fmt::format(", {}{}", function.vfio_name, function.has_cdev ? "" : " (without node)");
  }
  if (!function.group_node.empty()) text += ", group " + function.group_node;
  return text;
}

}  // namespace

std::string probe_text(const Facts& facts) {
  std::string text;
  const auto row = [&text](std::string_view name, std::string_view value) {
    fmt::format_to(std::back_inserter(text), "{:14}{}\n", name, value);
  };
  // One row each, the name before the first.
  const auto rows = [&row](std::string_view name, const std::vector<std::string>& values) {
    if (values.empty()) row(name, "none");
    for (size_t i = 0; i < values.size(); ++i) row(i == 0 ? name : "", values[i]);
  };
  row("kernel", facts.release);
  row("configuration", (facts.config.complete ? "" : "inferred from ") + facts.config.source);
  for (const char* symbol : kSymbols) {
    row("", fmt::format("{}={}", symbol, symbol_value(facts.config, symbol)));
  }
  row("parameter",
      facts.noiommu_parameter
          ? fmt::format("vfio.enable_unsafe_noiommu_mode={}{}", *facts.noiommu_parameter,
                        facts.parameter_writable ? "" : " (cannot be changed)")
          : "vfio.enable_unsafe_noiommu_mode is not there");
  rows("nodes", facts.nodes);
  std::vector<std::string> devices;
  for (const Function* function : bound_functions(facts)) devices.push_back(show_device(*function));
  rows("vfio-pci", devices);
  row("IOMMU", has_iommu(facts) ? "present" : "none");
  row("huge pages", fmt::format("{} of 2 MiB, {} free", facts.huge.total, facts.huge.free));
  row("capabilities", show_capabilities(facts.capabilities.effective));
  row("user", fmt::format("{}", facts.uid));
  return text;
}

std::string probe_json(const Facts& facts) {
  nlohmann::ordered_json symbols = nlohmann::ordered_json::object();
  for (const char* symbol : kSymbols) symbols[symbol] = symbol_value(facts.config, symbol);
  nlohmann::ordered_json devices = nlohmann::ordered_json::array();
  for (const Function* function : bound_functions(facts)) {
    devices.push_back({{"bdf", function->bdf},
                       {"vendor", fmt::format("{:04x}", function->vendor)},
                       {"device", fmt::format("{:04x}", function->device)},
                       {"iommu", function->behind_iommu},
                       {"name", function->vfio_name},
                       {"cdev", function->has_cdev},
                       {"group", function->group_node}});
  }
  nlohmann::ordered_json json = {
      {"kernel", facts.release},
      {"config",
       {{"source", facts.config.source},
        {"complete", facts.config.complete},
        {"symbols", std::move(symbols)}}},
      {"parameter", nullptr},
      {"parameter_writable", facts.parameter_writable},
      {"nodes", facts.nodes},
      {"devices", std::move(devices)},
      {"iommu", has_iommu(facts)},
      {"huge_pages", {{"total", facts.huge.total}, {"free", facts.huge.free}}},
      {"capabilities", capability_names(facts.capabilities.effective)},
      {"uid", facts.uid}};
  if (facts.noiommu_parameter) json["parameter"] = *facts.noiommu_parameter;
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

int probe_command(bool json, std::ostream& out) {
  const Facts facts = look_around(Files());
  out << (json ? probe_json(facts) : probe_text(facts));
  out.flush();
  return out ? 0 : 2;
}

}  // namespace noiommu::scenarios::host
