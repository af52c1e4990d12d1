#include "scenarios/exec/rules.h"

#include <fmt/format.h>
#include <sys/syscall.h>

#include "scenarios/engine/words.h"
#include "uapi/iommufd.h"
#include "uapi/vfio.h"

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
      return "open attribute";
  }
}

std::string_view access(int call) {
  switch (call) {
    case SYS_mmap:
      return "mmap";
    case SYS_lseek:
      return "lseek";
    case SYS_ftruncate:
    case SYS_fallocate:
      return "resize";
    case SYS_fsync:
    case SYS_fdatasync:
      return "sync";
    case SYS_sendfile:
    case SYS_splice:
    case SYS_copy_file_range:
      return "splice";
    case SYS_dup:
    case SYS_fcntl:
      return "duplicate";
    default:
      return "transfer";
  }
}

std::string_view accessed(const SeenCall& call) {
  switch (call.kind) {
    case FileKind::kDevice:
      return call.call == SYS_mmap ? "device mmap" : "device transfer";
    case FileKind::kFault:
      return "fault";
    case FileKind::kDmaBuf:
      return "dma-buf";
    case FileKind::kAttribute:
      return "attribute";
    default:
      return "other";
  }
}

std::vector<std::string> ioctl_headings(const SeenCall& call) {
  std::vector<std::string> names = {"file"};
  const bool iommufd = call.kind == FileKind::kIommufd;
  if (call.command != nullptr && suits(call.kind, call.command->name)) {
    const std::string name(call.command->name);
    if (iommufd && name.starts_with("IOMMU_")) names.emplace_back("envelope");
    const bool get_pa = iommufd && call.command->number == IOMMU_IOAS_NOIOMMU_GET_PA;
    names.push_back(get_pa                              ? "GET_PA"  // which has had two names
                    : call.kind == FileKind::kContainer ? "container " + name
                                                        : name);
    switch (call.command->number) {
      case IOMMU_IOAS_MAP:
      case IOMMU_IOAS_MAP_FILE:
      case IOMMU_IOAS_COPY:
      case VFIO_IOMMU_MAP_DMA:
        if (iommufd) names.emplace_back("mapping");
        break;
      case IOMMU_HWPT_ALLOC:
      case VFIO_DEVICE_ATTACH_IOMMUFD_PT:
      case VFIO_GROUP_GET_DEVICE_FD:
        names.emplace_back("filling");
        break;
      default:
        break;
    }
  }
  if (iommufd) names.emplace_back("iommufd");
  names.emplace_back("ioctl");
  return names;
}

// The names under which a call's rules stand, from the outside in.
std::vector<std::string> headings(const SeenCall& call) {
  if (call.opens) return {std::string(opened(call.kind)), "open"};
  if (call.call == SYS_ioctl) return ioctl_headings(call);
  return {std::string(access(call.call)), "file", std::string(accessed(call))};
}

}  // namespace

std::vector<const Rule*> rules_for(const SeenCall& call) {
  if (!call.failed()) return {};
  const int error = static_cast<int>(call.result->error());
  std::vector<const Rule*> possible;
  for (const std::string& heading : headings(call)) {
    for (const auto rules : {access_rules(), container_rules(), device_rules(), iommufd_rules()}) {
      for (const Rule& rule : rules) {
        if (rule.call != heading || rule.error != error) continue;
        if (rule.decides == nullptr) {
          possible.push_back(&rule);
        } else if (rule.decides(call)) {
          return {&rule};
        }
      }
    }
    if (!possible.empty()) break;
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
