#include "scenarios/engine/machine_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "scenarios/engine/model_backend.h"
#include "scenarios/engine/nearest.h"

namespace noiommu::scenarios {

namespace {

using Wrong = tl::unexpected<std::string>;

// "NAME=VALUE" in two; nothing when there is no "=".
std::optional<std::pair<std::string, std::string>> split_pair(const std::string& text) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos) return std::nullopt;
  return std::pair(text.substr(0, equals), text.substr(equals + 1));
}

tl::expected<design::Design, std::string> find_design(const std::string& name) {
  std::vector<std::string_view> names;
  for (const design::Design& one : design::revisions()) {
    if (one.name == name) return one;
    names.push_back(one.name);
  }
  return Wrong(fmt::format("--revision: {}", unknown_word("revision", name, names)));
}

// "edu@0000:00:04.0,iommu=none", of which only the address must be there.
tl::expected<DeviceNeeds, std::string> parse_device(const std::string& text) {
  static const std::map<std::string, DeviceNeeds::Model> kModels = {
      {"edu", DeviceNeeds::Model::kEdu},
      {"edu-flr", DeviceNeeds::Model::kEduFlr},
      {"mediated", DeviceNeeds::Model::kMediated}};
  DeviceNeeds device;
  const std::string name = text.substr(0, text.find(','));
  const std::string rest = text.substr(name.size());
  const size_t at = name.find('@');
  const std::string model = at == std::string::npos ? "edu" : name.substr(0, at);
  device.bdf = at == std::string::npos ? name : name.substr(at + 1);
  device.behind_iommu = rest == ",iommu=present";
  const bool known = rest.empty() || device.behind_iommu || rest == ",iommu=none";
  if (!kModels.contains(model) || !known) {
    return Wrong(
        fmt::format("--device {}: write BDF, BDF,iommu=present or MODEL@BDF,iommu=none with a "
                    "model of edu, edu-flr or mediated",
                    text));
  }
  device.model = kModels.at(model);
  return device;
}

}  // namespace

tl::expected<MachineConfig, std::string> machine_config(const MachineOptions& options) {
  static const std::map<std::string, Tristate> kValues = {
      {"y", Tristate::kYes}, {"m", Tristate::kModule}, {"n", Tristate::kNo}};
  KernelNeeds kernel;
  auto design = find_design(options.revision);
  if (!design) return Wrong(design.error());
  kernel.design = *design;
  for (const std::string& text : options.config) {
    const auto pair = split_pair(text);
    if (!pair || !kValues.contains(pair->second)) {
      return Wrong(fmt::format("--config {}: write SYMBOL=y, m or n", text));
    }
    kernel.config[pair->first] = kValues.at(pair->second);
  }
  for (const std::string& text : options.params) {
    const auto pair = split_pair(text);
    if (!pair) return Wrong(fmt::format("--param {}: write module.parameter=VALUE", text));
    kernel.params[pair->first] = pair->second;
  }
  static const std::vector<std::string> kTwo = {"0000:00:04.0", "0000:00:05.0"};
  std::vector<DeviceNeeds> devices;
  for (const std::string& text : options.devices.empty() ? kTwo : options.devices) {
    auto device = parse_device(text);
    if (!device) return Wrong(device.error());
    if (std::ranges::find(devices, device->bdf, &DeviceNeeds::bdf) != devices.end()) {
      return Wrong(fmt::format("--device {}: {} is there already", text, device->bdf));
    }
    devices.push_back(std::move(*device));
  }
  return machine_config(kernel, devices);
}

}  // namespace noiommu::scenarios
