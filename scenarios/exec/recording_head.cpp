#include "scenarios/exec/recording_head.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>

#include "scenarios/engine/trace.h"
#include "scenarios/engine/words.h"

namespace noiommu::scenarios::exec {

namespace {

// "NAME=VALUE", each as a key.
std::string map_of_pairs(const std::string& key, const std::vector<std::string>& pairs) {
  if (pairs.empty()) return "";
  std::vector<std::string> entries;
  for (const std::string& pair : pairs) {
    const size_t equals = pair.find('=');
    entries.push_back(
        fmt::format("{}: {}", pair.substr(0, equals), show_text(pair.substr(equals + 1))));
  }
  return fmt::format("  {}: {{{}}}\n", key, fmt::join(entries, ", "));
}

std::string devices_text(const MachineOptions& options) {
  std::string text = "devices:\n";
  const auto machine = machine_config(options);
  if (!machine) return "";
  for (const DeviceConfig& device : machine->devices) {
    const char* model = device.mediated ? "mediated" : device.flr ? "edu-flr" : "edu";
    text += fmt::format("- {{bdf: '{}', model: {}, iommu: {}}}\n", device.bdf, model,
                        device.has_iommu ? "present" : "none");
    if (!device.id) continue;
    text += fmt::format("# {} had the id {:04x}:{:04x}, which a scenario cannot say.\n", device.bdf,
                        device.id->first, device.id->second);
  }
  return text;
}

std::string process_text(const ProcessFacts& process) {
  std::vector<std::string> entries;
  if (process.uid != 0) entries.push_back(fmt::format("uid: {}", process.uid));
  if (process.memlock != UINT64_MAX) entries.push_back(fmt::format("memlock: {}", process.memlock));
  std::vector<std::string> dropped;
  for (size_t i = 0; i < process.capabilities.size(); ++i) {
    if (!process.capabilities[i]) dropped.push_back(capability_name(static_cast<int>(i)));
  }
  if (!dropped.empty()) {
    entries.push_back(fmt::format("drop_caps: [{}]", fmt::join(dropped, ", ")));
  }
  return entries.empty() ? "" : fmt::format("process: {{{}}}\n", fmt::join(entries, ", "));
}

}  // namespace

std::string recording_head(const RecordedRun& run) {
  std::string text = "# Recorded with noiommu exec:";
  for (const std::string& word : run.command) text += " " + show_text(word);
  text += '\n';
  if (run.placement == mm::MemoryConfig::Placement::kContiguous) {
    text += "# Run with --frames contiguous\n";
  }
  for (const auto& [process, calls] : run.others) {
    text += fmt::format("# Not recorded: process {}, {} call{}\n", process, calls,
                        calls == 1 ? "" : "s");
  }
  const std::string program = std::filesystem::path(run.command.front()).filename();
  text += fmt::format("scenario: {}\n", show_text("recorded-" + program));
  text += "about: what a program asked of the kernel, and what it was told\n";
  text += fmt::format("kernel:\n  revision: {}\n", run.machine.revision);
  text += map_of_pairs("config", run.machine.config) + map_of_pairs("params", run.machine.params);
  text += devices_text(run.machine);
  if (run.process) text += process_text(*run.process);
  return text;
}

}  // namespace noiommu::scenarios::exec
