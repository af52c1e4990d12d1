#include "scenarios/exec/exit_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include <nlohmann/json.hpp>

#include "model/vfio/device_file.h"
#include "scenarios/inspect/snapshot.h"

namespace noiommu::scenarios::exec {

namespace {

std::string plural(uint64_t count, std::string_view word, std::string_view ending = "s") {
  return fmt::format("{} {}{}", count, word, count == 1 ? "" : ending);
}

std::string describe(const ObjectFacts& object) {
  if (const auto* device = std::get_if<DeviceFacts>(&object.is)) {
    return fmt::format("device {}{}{}", object.id, device->bdf.empty() ? "" : " ", device->bdf);
  }
  if (const auto* ioas = std::get_if<IoasFacts>(&object.is)) {
    return fmt::format("IOAS {} with {}", object.id, plural(ioas->areas.size(), "mapping"));
  }
  if (const auto* hwpt = std::get_if<HwptFacts>(&object.is)) {
    return fmt::format("HWPT {} of IOAS {}", object.id, hwpt->ioas);
  }
  return fmt::format("fault queue {}", object.id);
}

std::vector<std::string> taint_words(uint64_t taint) {
  std::vector<std::string> words;
  if ((taint & Log::kTaintUser) != 0) words.emplace_back("U (user: a device without an IOMMU)");
  if ((taint & Log::kTaintDie) != 0) words.emplace_back("D (the kernel died)");
  if ((taint & Log::kTaintWarn) != 0) words.emplace_back("W (the kernel warned)");
  return words;
}

// Those that an ioctl made have no path.
std::string name_of(const SeenCall& call) {
  if (!call.path.empty()) return call.path;
  if (const auto* device = dynamic_cast<const vfio::DeviceFile*>(call.file.get())) {
    return "[vfio-device] " + device->device().info.name;
  }
  return call.kind == FileKind::kFault ? "[iommufd-fault]" : "[dma-buf]";
}

}  // namespace

void ExitReport::learn(const FileRef& file, const std::string& name) {
  const auto same = [&](const Known& known) { return known.file.lock() == file; };
  std::erase_if(files_, [](const Known& known) { return known.file.expired(); });
  if (file && std::ranges::none_of(files_, same)) files_.push_back({file, name});
}

uint64_t ExitReport::pinned() const {
  uint64_t sum = 0;
  for (const auto& memory : memories_) {
    if (const auto alive = memory.lock()) sum += alive->pinned_vm;
  }
  return sum;
}

void ExitReport::count_pins(const Client& client) {
  if (memories_.insert(client.task()->memory).second) {
    std::erase_if(memories_, [](const auto& memory) { return memory.expired(); });
  }
  pinned_at_most_ = std::max(pinned_at_most_, pinned());
}

void ExitReport::seen(const SeenCall& call, const Client& client) {
  Count& count = counts_[call.name()];
  ++count.calls;
  if (call.failed()) ++count.failed;
  processes_.insert(call.process);
  learn(call.file, name_of(call));
  count_pins(client);
}

void ExitReport::exiting(const Client& client) {
  exited_ = true;
  count_pins(client);
  pinned_at_exit_ = pinned();
  open_at_exit_.clear();
  iommufds_.clear();
  std::vector<OpenContext> contexts;
  const auto context = [&](const std::shared_ptr<iommufd::Context>& wanted) -> OpenContext& {
    const auto found = std::ranges::find(contexts, wanted, &OpenContext::context);
    if (found != contexts.end()) return *found;
    contexts.push_back({.context = wanted});
    return contexts.back();
  };
  for (const Known& known : files_) {
    const FileRef file = known.file.lock();
    if (!file) continue;
    open_at_exit_.push_back(known.name);
    if (auto iommufd = std::dynamic_pointer_cast<iommufd::Context>(file)) {
      context(iommufd);
    } else if (const auto* device = dynamic_cast<const vfio::DeviceFile*>(file.get())) {
      const auto bound = device->bound();
      if (!bound) continue;
      context(bound->context)
          .devices.push_back({bound->device_id, device->device().info.name, device->device().name});
    }
  }
  for (const OpenContext& open : contexts) {
    try {
      const ContextFacts facts = read_context(open);
      Iommufd& iommufd = iommufds_.emplace_back();
      iommufd.pinned = facts.pinned();
      for (const ObjectFacts& object : facts.objects) iommufd.objects.push_back(describe(object));
    } catch (const std::out_of_range&) {
      // Another process is changing it; whoever exits last sees it at rest.
    }
  }
}

std::string ExitReport::text(Machine& machine) const {
  uint64_t calls = 0;
  uint64_t failed = 0;
  for (const auto& [name, count] : counts_) {
    calls += count.calls;
    failed += count.failed;
  }
  std::string text = fmt::format("noiommu exec: {}, {} failed, by {}\n", plural(calls, "call"),
                                 failed, plural(processes_.size(), "process", "es"));
  for (const auto& [name, count] : counts_) {
    text += fmt::format("  {:<36}{:>6}", name, count.calls);
    if (count.failed > 0) text += fmt::format("  {} failed", count.failed);
    text += '\n';
  }
  text += fmt::format("pinned: {} at most, {} at exit\n", plural(pinned_at_most_, "page"),
                      pinned_at_exit_);
  const bool killed = !exited_ && !processes_.empty();
  text += fmt::format("open at exit:{}\n", killed                  ? " unknown, it was killed"
                                           : open_at_exit_.empty() ? " nothing"
                                                                   : "");
  for (const std::string& name : open_at_exit_) text += fmt::format("  {}\n", name);
  for (const Iommufd& iommufd : iommufds_) {
    text += fmt::format("left in an iommufd: {}, {} pinned\n",
                        plural(iommufd.objects.size(), "object"), plural(iommufd.pinned, "page"));
    for (const std::string& object : iommufd.objects) text += fmt::format("  {}\n", object);
  }
  const auto taint = taint_words(machine.kernel().log().taint());
  text += fmt::format("kernel taint: {}\n", taint.empty() ? "none" : "");
  if (!taint.empty()) text.pop_back();
  for (const std::string& word : taint) text += word + (&word == &taint.back() ? "\n" : ", ");
  text += "kernel log:\n";
  for (const LogLine& line : machine.kernel().log().lines()) {
    text += fmt::format("  {}\n", line.text);
  }
  return text;
}

std::string ExitReport::json(Machine& machine) const {
  using Json = nlohmann::ordered_json;
  Json calls = Json::object();
  for (const auto& [name, count] : counts_) {
    calls[name] = {{"calls", count.calls}, {"failed", count.failed}};
  }
  Json left = Json::array();
  for (const Iommufd& one : iommufds_) {
    left.push_back({{"objects", one.objects}, {"pinned_pages", one.pinned}});
  }
  Json log = Json::array();
  for (const LogLine& line : machine.kernel().log().lines()) {
    log.push_back({{"level", static_cast<int>(line.level)}, {"text", line.text}});
  }
  const Json report = {{"processes", processes_.size()},
                       {"calls", calls},
                       {"pinned_pages", {{"most", pinned_at_most_}, {"at_exit", pinned_at_exit_}}},
                       {"exited", exited_},
                       {"open_at_exit", open_at_exit_},
                       {"iommufds_at_exit", left},
                       {"taint", machine.kernel().log().taint()},
                       {"log", log}};
  return report.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace noiommu::scenarios::exec
