#include "scenarios/engine/scenario_loader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "scenarios/engine/step_loader.h"
#include "scenarios/engine/words.h"

namespace noiommu::scenarios {
namespace {

bool all_upper_case(std::string_view symbol) {
  return std::ranges::all_of(symbol, [](unsigned char c) {
    return std::isupper(c) != 0 || std::isdigit(c) != 0 || c == '_';
  });
}

std::map<std::string, Tristate> load_config(const Yaml& node) {
  std::map<std::string, Tristate> config;
  const YamlMap symbols(node);
  for (const YamlMap::Entry& entry : symbols.entries()) {
    if (entry.name.starts_with("CONFIG_")) {
      entry.key.fail(fmt::format("write '{}' without CONFIG_", entry.name));
    }
    if (!all_upper_case(entry.name)) {
      entry.key.fail(fmt::format("'{}' is not a Kconfig symbol", entry.name));
    }
    config[entry.name] = entry.value.one_of<Tristate>(
        {{"y", Tristate::kYes}, {"m", Tristate::kModule}, {"n", Tristate::kNo}});
  }
  return config;
}

std::map<std::string, std::string> load_params(const Yaml& node) {
  std::map<std::string, std::string> params;
  const YamlMap names(node);
  for (const YamlMap::Entry& entry : names.entries()) {
    const size_t dot = entry.name.find('.');
    if (dot == std::string::npos || dot == 0 || dot + 1 == entry.name.size()) {
      entry.key.fail(fmt::format("'{}' must read module.parameter", entry.name));
    }
    params[entry.name] = entry.value.text();
  }
  return params;
}

design::Design load_design(const Yaml& node) {
  const std::string name = node.text();
  if (const design::Design* design = design::find(name)) return *design;
  std::vector<std::string_view> known;
  for (const auto* list : {&design::revisions(), &design::variants()}) {
    for (const design::Design& one : *list) known.push_back(one.name);
  }
  node.fail(unknown_word(node.what(), name, known));
}

KernelNeeds load_kernel(const Yaml& node) {
  const YamlMap map(node);
  map.allow({"revision", "config", "params"});
  KernelNeeds kernel;
  if (const Yaml* revision = map.find("revision")) {
    kernel.design = load_design(*revision);
  }
  if (const Yaml* config = map.find("config")) kernel.config = load_config(*config);
  if (const Yaml* params = map.find("params")) kernel.params = load_params(*params);
  return kernel;
}

// `shape` has an h for each digit in hex.
bool has_shape(std::string_view text, std::string_view shape) {
  return std::ranges::equal(shape, text, [](char wanted, char c) {
    return wanted == 'h' ? std::string_view("0123456789abcdef").find(c) != std::string_view::npos
                         : wanted == c;
  });
}

std::string load_uuid(const Yaml& node) {
  std::string uuid = node.text();
  if (!has_shape(uuid, "hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh")) {
    node.fail(fmt::format("bdf: '{}' is not the UUID that a mediated device has", uuid));
  }
  return uuid;
}

// "0000:00:04.0": domain, bus, slot and function in hex; a bus has 32 slots of 8 functions.
std::string load_bdf(const Yaml& node) {
  std::string bdf = node.text();
  const bool shaped = has_shape(bdf, "hhhh:hh:hh.h");
  if (!shaped || std::stoi(bdf.substr(8, 2), nullptr, 16) > 31 || bdf.back() > '7') {
    node.fail(fmt::format("bdf: '{}' is not a PCI address such as 0000:00:04.0", bdf));
  }
  return bdf;
}

std::vector<DeviceNeeds> load_devices(const Yaml& list) {
  std::vector<DeviceNeeds> devices;
  for (const Yaml& item : list.items()) {
    const YamlMap map(Yaml(item.file(), item.node(), "this device"));
    map.allow({"bdf", "model", "iommu"});
    DeviceNeeds device;
    device.model = map.require("model").one_of<DeviceNeeds::Model>(
        {{"edu", DeviceNeeds::Model::kEdu},
         {"edu-flr", DeviceNeeds::Model::kEduFlr},
         {"mediated", DeviceNeeds::Model::kMediated}});
    const bool mediated = device.model == DeviceNeeds::Model::kMediated;
    device.bdf = mediated ? load_uuid(map.require("bdf")) : load_bdf(map.require("bdf"));
    if (std::ranges::find(devices, device.bdf, &DeviceNeeds::bdf) != devices.end()) {
      map.require("bdf").fail(fmt::format("device {} is listed twice", device.bdf));
    }
    device.behind_iommu = map.require("iommu").one_of<bool>({{"none", false}, {"present", true}});
    if (mediated && device.behind_iommu) {
      map.require("iommu").fail("iommu: no IOMMU is in front of a mediated device");
    }
    devices.push_back(std::move(device));
  }
  return devices;
}

ProcessState load_process(const Yaml& node) {
  const YamlMap map(node);
  map.allow({"drop_caps", "memlock", "uid"});
  ProcessState process;
  if (const Yaml* caps = map.find("drop_caps")) {
    for (const Yaml& cap : caps->items()) {
      process.dropped_capabilities.push_back(load_capability(cap));
    }
  }
  if (const Yaml* memlock = map.find("memlock")) process.memlock = memlock->integer();
  if (const Yaml* uid = map.find("uid")) {
    if (uid->integer() > UINT32_MAX) uid->fail("uid: does not fit 32 bits");
    process.uid = static_cast<uint32_t>(uid->integer());
  }
  return process;
}

}  // namespace

Scenario load_scenario(const Yaml& document) {
  const YamlMap map(document);
  map.allow({"scenario", "about", "kernel", "devices", "process", "steps"});
  Scenario scenario;
  scenario.file = document.file();
  scenario.line = document.line();
  scenario.name = map.require("scenario").text();
  if (scenario.name.empty()) map.require("scenario").fail("a scenario needs a name");
  if (const Yaml* about = map.find("about")) scenario.about = about->text();
  if (const Yaml* kernel = map.find("kernel")) scenario.kernel = load_kernel(*kernel);
  if (const Yaml* devices = map.find("devices")) scenario.devices = load_devices(*devices);
  if (const Yaml* process = map.find("process")) scenario.process = load_process(*process);
  for (const Yaml& step : map.require("steps").items()) {
    if (!scenario.steps.empty() && scenario.steps.back().kills) {
      step.fail("a step after one that kills the process");
    }
    scenario.steps.push_back(load_step(Yaml(step.file(), step.node(), "a step")));
  }
  if (scenario.steps.empty()) map.require("steps").fail("a scenario needs at least one step");
  return scenario;
}

}  // namespace noiommu::scenarios
