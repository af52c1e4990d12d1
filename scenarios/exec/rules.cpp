#include "scenarios/exec/rules.h"

#include <fmt/format.h>
#include <linux/capability.h>
#include <sys/syscall.h>

#include "scenarios/engine/words.h"

namespace noiommu::scenarios::exec {

namespace {

std::string_view opened(FileKind kind) {
  switch (kind) {
    case FileKind::kDevice:
      return "open device";
    case FileKind::kGroup:
      return "open group";
    case FileKind::kContainer:
      return "open container";
    case FileKind::kIommufd:
      return "open iommufd";
    default:
      return "attribute";
  }
}

// The names under which a call's rules stand, the closest first.
std::vector<std::string_view> headings(const SeenCall& call) {
  if (call.opens) return {opened(call.kind)};
  if (call.call == SYS_ioctl) {
    std::vector<std::string_view> names;
    if (call.command != nullptr) {
      if (call.command->name.starts_with("IOMMU_")) names.emplace_back("envelope");
      names.push_back(call.command->name);
    }
    if (call.kind == FileKind::kIommufd) names.emplace_back("iommufd");
    names.emplace_back("ioctl");
    return names;
  }
  if (call.kind == FileKind::kAttribute) return {"attribute"};
  if (call.kind == FileKind::kDevice) {
    return {call.call == SYS_mmap ? "device mmap" : "device access"};
  }
  return {"other access"};
}

}  // namespace

bool lacks_rawio(const SeenCall& call) {
  return !call.caller.effective[CAP_SYS_RAWIO];
}

std::vector<const Rule*> rules_for(const SeenCall& call) {
  if (!call.failed()) return {};
  const int error = static_cast<int>(call.result->error());
  std::vector<const Rule*> possible;
  for (const std::string_view heading : headings(call)) {
    if (!possible.empty()) break;  // the rules of the call itself know better
    for (const auto rules : {iommufd_rules(), vfio_rules()}) {
      for (const Rule& rule : rules) {
        if (rule.call != heading || rule.error != error) continue;
        if (rule.decides == nullptr) {
          possible.push_back(&rule);
        } else if (rule.decides(call)) {
          return {&rule};
        }
      }
    }
  }
  return possible;
}

std::string explanation(const SeenCall& call) {
  std::string text;
  for (const Rule* rule : rules_for(call)) {
    const std::string error = errno_name(call.result->error());
    text += text.empty() ? fmt::format("  {}: ", error) : std::string("      or: ");
    text += fmt::format("{} ({})\n", rule->text, rule->where);
  }
  return text;
}

}  // namespace noiommu::scenarios::exec
