#include "scenarios/exec/call_text.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "scenarios/engine/constants.h"
#include "scenarios/engine/trace.h"
#include "uapi/vfio.h"

namespace noiommu::scenarios::exec {

namespace {

constexpr size_t kMostShown = 64;  // bytes

std::string open_flags(int flags) {
  static constexpr std::array kNames = {
      Constant{"O_CREAT", O_CREAT},         Constant{"O_EXCL", O_EXCL},
      Constant{"O_NOCTTY", O_NOCTTY},       Constant{"O_TRUNC", O_TRUNC},
      Constant{"O_APPEND", O_APPEND},       Constant{"O_NONBLOCK", O_NONBLOCK},
      Constant{"O_DSYNC", O_DSYNC},         Constant{"O_DIRECT", O_DIRECT},
      Constant{"O_NOFOLLOW", O_NOFOLLOW},   Constant{"O_CLOEXEC", O_CLOEXEC},
      Constant{"O_SYNC", O_SYNC & ~O_DSYNC}};
  std::string text = show_open_flags(flags & O_ACCMODE);
  const auto rest = static_cast<uint32_t>(flags & ~O_ACCMODE & ~O_LARGEFILE);
  return rest == 0 ? text : text + "|" + show_flags(kNames, rest);
}

std::string protection(uint64_t prot) {
  static constexpr std::array kNames = {Constant{"PROT_READ", PROT_READ},
                                        Constant{"PROT_WRITE", PROT_WRITE},
                                        Constant{"PROT_EXEC", PROT_EXEC}};
  return prot == PROT_NONE ? "PROT_NONE" : show_flags(kNames, prot);
}

std::string map_flags(uint64_t flags) {
  static constexpr std::array kNames = {
      Constant{"MAP_SHARED", MAP_SHARED}, Constant{"MAP_PRIVATE", MAP_PRIVATE},
      Constant{"MAP_FIXED", MAP_FIXED}, Constant{"MAP_LOCKED", MAP_LOCKED},
      Constant{"MAP_POPULATE", MAP_POPULATE}};
  if ((flags & MAP_TYPE) != MAP_SHARED_VALIDATE) return show_flags(kNames, flags);
  const uint64_t rest = flags & ~uint64_t{MAP_TYPE};
  return rest == 0 ? "MAP_SHARED_VALIDATE" : "MAP_SHARED_VALIDATE|" + show_flags(kNames, rest);
}

std::string pointer(uint64_t address) {
  return address == 0 ? "NULL" : fmt::format("{:#x}", address);
}

// The first of them, in hex.
std::string hex_text(std::span<const std::byte> bytes) {
  const auto shown = bytes.first(std::min(bytes.size(), kMostShown));
  return fmt::format("{{{}{}}}", show_hex(shown), shown.size() < bytes.size() ? "..." : "");
}

// In hex, or in quotes what is written to an attribute.
std::string bytes_text(const SeenCall& call, std::span<const std::byte> bytes) {
  if (call.kind != FileKind::kAttribute) return hex_text(bytes);
  const auto shown = bytes.first(std::min(bytes.size(), kMostShown));
  const std::string text(reinterpret_cast<const char*>(shown.data()), shown.size());
  return show_text(text) + (shown.size() < bytes.size() ? "..." : "");
}

// What CHECK_EXTENSION and SET_IOMMU take has names; the numbers are no flags.
std::string plain_argument(const SeenCall& call) {
  static constexpr std::array kKinds = {
      Constant{"VFIO_TYPE1_IOMMU", VFIO_TYPE1_IOMMU},
      Constant{"VFIO_SPAPR_TCE_IOMMU", VFIO_SPAPR_TCE_IOMMU},
      Constant{"VFIO_TYPE1v2_IOMMU", VFIO_TYPE1v2_IOMMU},
      Constant{"VFIO_DMA_CC_IOMMU", VFIO_DMA_CC_IOMMU},
      Constant{"VFIO_EEH", VFIO_EEH},
      Constant{"VFIO_TYPE1_NESTING_IOMMU", VFIO_TYPE1_NESTING_IOMMU},
      Constant{"VFIO_SPAPR_TCE_v2_IOMMU", VFIO_SPAPR_TCE_v2_IOMMU},
      Constant{"VFIO_NOIOMMU_IOMMU", VFIO_NOIOMMU_IOMMU},
      Constant{"VFIO_UNMAP_ALL", VFIO_UNMAP_ALL},
      Constant{"VFIO_UPDATE_VADDR", VFIO_UPDATE_VADDR}};
  const uint64_t value = call.arguments[2];
  if (call.name() != "VFIO_CHECK_EXTENSION" && call.name() != "VFIO_SET_IOMMU") {
    return pointer(value);
  }
  const auto known = std::ranges::find(kKinds, value, &Constant::value);
  return known == kKinds.end() ? fmt::format("{}", value) : std::string(known->name);
}

std::string ranges(const std::vector<uint64_t>& words) {
  std::string text = "[";
  for (size_t i = 0; i + 1 < words.size(); i += 2) {
    if (i > 0) text += ", ";
    text += fmt::format("{:#x}-{:#x}", words[i], words[i + 1]);
  }
  return text + "]";
}

// What follows a structure: descriptors, or bytes of any kind.
std::string following(const SeenCall& call, std::span<const std::byte> bytes) {
  const auto numbers = following_descriptors(call, bytes);
  if (!numbers) return hex_text(bytes.subspan(call.command->struct_size));
  const auto shown = std::span(numbers->words)
                         .first(std::min(numbers->words.size(), kMostShown / sizeof(int32_t)));
  return fmt::format("[{}{}]", fmt::join(shown, ", "),
                     shown.size() < numbers->words.size() ? ", ..." : "");
}

std::string structure(const SeenCall& call) {
  if (!call.readable) return pointer(call.arguments[2]);
  const size_t size = call.command->struct_size;
  std::string text = trace_argument(*call.command, call.before);
  text.pop_back();
  if (call.name() == "IOMMU_IOAS_ALLOW_IOVAS" && !call.words_before.empty()) {
    text += fmt::format(", ranges={}", ranges(call.words_before));
  }
  if (call.before.size() > size) text += fmt::format(", data={}", following(call, call.before));
  return text + "}";
}

std::string changes(const SeenCall& call) {
  if (call.command == nullptr || call.command->struct_size == 0 || call.after.empty()) return "";
  std::string text = trace_changes(*call.command, call.before, call.after);
  const auto add = [&text](const std::string& more) {
    if (text.empty()) {
      text = " {" + more + "}";
    } else {
      text.insert(text.size() - 1, ", " + more);
    }
  };
  if (call.name() == "IOMMU_IOAS_IOVA_RANGES" && call.words_after != call.words_before) {
    const size_t words = 2 * load_field(*call.command->find_field("num_iovas"), call.after);
    std::vector<uint64_t> known = call.words_after;
    known.resize(std::min(known.size(), words));
    add(fmt::format("ranges={}", ranges(known)));
  }
  const size_t size = call.command->struct_size;
  if (!std::ranges::equal(std::span(call.before).subspan(size),
                          std::span(call.after).subspan(size))) {
    add(fmt::format("data={}", following(call, call.after)));
  }
  return text;
}

std::string ioctl_text(const SeenCall& call) {
  if (call.command == nullptr) {
    return fmt::format("ioctl({}, {:#x}, {})", call.descriptor,
                       static_cast<uint32_t>(call.arguments[1]), pointer(call.arguments[2]));
  }
  if (!call.takes_argument()) return fmt::format("ioctl({}, {})", call.descriptor, call.name());
  std::string argument;
  if (call.command->struct_size != 0) {
    argument = structure(call);
  } else if (call.name() == "VFIO_GROUP_GET_DEVICE_FD") {
    argument = call.readable ? show_text(call.text) : pointer(call.arguments[2]);
  } else {
    argument = plain_argument(call);
  }
  return fmt::format("ioctl({}, {}, {})", call.descriptor, call.command->name, argument);
}

std::string open_text(const SeenCall& call) {
  const std::string path = show_text(call.named);
#ifdef SYS_open
  if (call.call == SYS_open || call.call == SYS_creat) {
    return fmt::format("open({}, {})", path, open_flags(call.open_flags));
  }
#endif
  const int folder = static_cast<int>(call.arguments[0]);
  return fmt::format("{}({}, {}, {})", call.call == SYS_openat2 ? "openat2" : "openat",
                     folder == AT_FDCWD ? "AT_FDCWD" : std::to_string(folder), path,
                     open_flags(call.open_flags));
}

// As strace has it, but for the address: there are the bytes.
std::string access_text(const SeenCall& call) {
  std::string text = fmt::format("{}({}, ", call.name(), call.descriptor);
  if (call.writes()) text += bytes_text(call, call.before) + ", ";
  text += fmt::format("{}", call.length());
  return text + (call.positioned() ? fmt::format(", {:#x})", call.arguments[3]) : ")");
}

std::string text_without_result(const SeenCall& call) {
  if (call.opens) return open_text(call);
  if (call.reads() || call.writes()) return access_text(call);
  const auto& arguments = call.arguments;
  switch (call.call) {
    case SYS_ioctl:
      return ioctl_text(call);
    case SYS_mmap:
      return fmt::format("mmap({}, {:#x}, {}, {}, {}, {:#x})", pointer(arguments[0]), arguments[1],
                         protection(arguments[2]), map_flags(arguments[3]), call.descriptor,
                         arguments[5]);
    default:
      return fmt::format("{}({}, ...)", call.name(), call.descriptor);
  }
}

}  // namespace

std::string call_text(const SeenCall& call) {
  const std::string text = text_without_result(call);
  if (!call.result) return text + " = ? (the kernel died in it)";
  if (call.failed()) return trace_line(text, Err(call.result->error())) + changes(call);
  if (call.call == SYS_mmap) return text + " = ?";
  std::string line = trace_line(text, static_cast<uint64_t>(**call.result));
  if (call.reads() && !call.after.empty()) return line + " " + bytes_text(call, call.after);
  return line + changes(call);
}

}  // namespace noiommu::scenarios::exec
