#include "scenarios/engine/machine_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <sstream>
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

struct Device {
  DeviceNeeds needs;
  std::optional<std::pair<uint16_t, uint16_t>> id;
};

// "VVVV:DDDD" in hex.
std::optional<std::pair<uint16_t, uint16_t>> parse_id(std::string_view text) {
  constexpr size_t kDigits = 4;
  if (text.size() != 2 * kDigits + 1 || text[kDigits] != ':') return std::nullopt;
  uint16_t vendor = 0;
  uint16_t device = 0;
  const char* middle = text.data() + kDigits;
  const bool well = std::from_chars(text.data(), middle, vendor, 16).ptr == middle &&
                    std::from_chars(middle + 1, text.end(), device, 16).ptr == text.end();
  return well ? std::optional(std::pair(vendor, device)) : std::nullopt;
}

// "edu@0000:00:04.0,iommu=none,id=8086:10d3", of which only the address must be there.
tl::expected<Device, std::string> parse_device(const std::string& text) {
  static const std::map<std::string, DeviceNeeds::Model> kModels = {
      {"edu", DeviceNeeds::Model::kEdu},
      {"edu-flr", DeviceNeeds::Model::kEduFlr},
      {"mediated", DeviceNeeds::Model::kMediated}};
  const Wrong wrong(
      fmt::format("--device {}: write BDF, BDF,iommu=present or MODEL@BDF,iommu=none,id=VVVV:DDDD; "
                  "a model is edu, edu-flr or mediated",
                  text));
  Device device;
  std::istringstream parts(text);
  std::string name;
  std::getline(parts, name, ',');
  const size_t at = name.find('@');
  const auto model = kModels.find(at == std::string::npos ? "edu" : name.substr(0, at));
  if (model == kModels.end()) return wrong;
  device.needs.model = model->second;
  device.needs.bdf = at == std::string::npos ? name : name.substr(at + 1);
  for (std::string part; std::getline(parts, part, ',');) {
    if (part == "iommu=present") {
      device.needs.behind_iommu = true;
    } else if (part.starts_with("id=")) {
      device.id = parse_id(part.substr(3));
      if (!device.id) return wrong;
    } else if (part != "iommu=none") {
      return wrong;
    }
  }
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
  static const std::vector<std::string> kOne = {"0000:00:04.0"};
  std::vector<DeviceNeeds> devices;
  std::vector<std::optional<std::pair<uint16_t, uint16_t>>> ids;
  for (const std::string& text : options.devices.empty() ? kOne : options.devices) {
    auto device = parse_device(text);
    if (!device) return Wrong(device.error());
    if (std::ranges::find(devices, device->needs.bdf, &DeviceNeeds::bdf) != devices.end()) {
      return Wrong(fmt::format("--device {}: {} is there already", text, device->needs.bdf));
    }
    devices.push_back(device->needs);
    ids.push_back(device->id);
  }
  auto config = machine_config(kernel, devices);
  for (size_t i = 0; config && i < ids.size(); ++i) config->devices[i].id = ids[i];
  return config;
}

}  // namespace noiommu::scenarios
