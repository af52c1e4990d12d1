#include "scenarios/exec/call_text.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <utility>

#include "scenarios/engine/constants.h"
#include "scenarios/engine/trace.h"

namespace noiommu::scenarios::exec {

namespace {

constexpr size_t kMostShown = 64;  // bytes

struct Flag {
  int value;
  std::string_view name;
};

std::string join_flags(std::string first, uint64_t flags, std::span<const Flag> names) {
  for (const Flag& flag : names) {
    const auto value = static_cast<uint64_t>(flag.value);
    if ((flags & value) != value) continue;
    first += fmt::format("{}{}", first.empty() ? "" : "|", flag.name);
    flags &= ~value;
  }
  if (flags != 0) first += fmt::format("{}{:#x}", first.empty() ? "" : "|", flags);
  return first;
}

std::string open_flags(int flags) {
  static constexpr std::array kNames = {
      Flag{O_CREAT, "O_CREAT"},       Flag{O_EXCL, "O_EXCL"},         Flag{O_TRUNC, "O_TRUNC"},
      Flag{O_APPEND, "O_APPEND"},     Flag{O_NONBLOCK, "O_NONBLOCK"}, Flag{O_CLOEXEC, "O_CLOEXEC"},
      Flag{O_NOFOLLOW, "O_NOFOLLOW"}, Flag{O_SYNC, "O_SYNC"}};
  return join_flags(show_open_flags(flags & O_ACCMODE),
                    static_cast<uint32_t>(flags & ~O_ACCMODE & ~O_LARGEFILE), kNames);
}

std::string protection(uint64_t prot) {
  static constexpr std::array kNames = {
      Flag{PROT_READ, "PROT_READ"}, Flag{PROT_WRITE, "PROT_WRITE"}, Flag{PROT_EXEC, "PROT_EXEC"}};
  return prot == PROT_NONE ? "PROT_NONE" : join_flags("", prot, kNames);
}

std::string map_flags(uint64_t flags) {
  static constexpr std::array kNames = {Flag{MAP_SHARED_VALIDATE, "MAP_SHARED_VALIDATE"},
                                        Flag{MAP_SHARED, "MAP_SHARED"},
                                        Flag{MAP_PRIVATE, "MAP_PRIVATE"},
                                        Flag{MAP_FIXED, "MAP_FIXED"},
                                        Flag{MAP_POPULATE, "MAP_POPULATE"},
                                        Flag{MAP_LOCKED, "MAP_LOCKED"}};
  return join_flags("", flags, kNames);
}

std::string pointer(uint64_t address) {
  return address == 0 ? "NULL" : fmt::format("{:#x}", address);
}

// In hex, or in quotes what is written to an attribute.
std::string bytes_text(const SeenCall& call, std::span<const std::byte> bytes) {
  const auto shown = bytes.first(std::min(bytes.size(), kMostShown));
  const char* rest = shown.size() < bytes.size() ? "..." : "";
  if (call.kind != FileKind::kAttribute) return fmt::format("{{{}{}}}", show_hex(shown), rest);
  const std::string text(reinterpret_cast<const char*>(shown.data()), shown.size());
  return show_text(text) + rest;
}

// The kinds of IOMMU have names; their numbers are no flags.
std::string plain_argument(const SeenCall& call) {
  const uint64_t value = call.arguments[2];
  const bool kind = call.name() == "VFIO_CHECK_EXTENSION" || call.name() == "VFIO_SET_IOMMU";
  for (const Constant& constant : constants_with_prefix("VFIO_")) {
    if (kind && constant.value == value && constant.name.ends_with("_IOMMU")) {
      return std::string(constant.name);
    }
  }
  return fmt::format("{}", value);
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
  const auto rest = bytes.subspan(call.command->struct_size);
  const bool descriptors =
      call.name() == "VFIO_DEVICE_PCI_HOT_RESET" ||
      (call.name() == "VFIO_DEVICE_SET_IRQS" && (call.field("flags") & 4) != 0);
  if (!descriptors || rest.size() % sizeof(int32_t) != 0) {
    return fmt::format("{{{}}}", show_hex(rest.first(std::min(rest.size(), kMostShown))));
  }
  std::vector<int32_t> words(rest.size() / sizeof(int32_t));
  std::memcpy(words.data(), rest.data(), rest.size());
  return fmt::format("[{}]", fmt::join(words, ", "));
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
  const std::string path = show_text(call.path);
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

std::string text_without_result(const SeenCall& call) {
  if (call.opens) return open_text(call);
  const auto& arguments = call.arguments;
  switch (call.call) {
    case SYS_ioctl:
      return ioctl_text(call);
    case SYS_read:
      return fmt::format("read({}, {})", call.descriptor, arguments[2]);
    case SYS_pread64:
      return fmt::format("pread({}, {}, {:#x})", call.descriptor, arguments[2], arguments[3]);
    case SYS_write:
      return fmt::format("write({}, {}, {})", call.descriptor, bytes_text(call, call.before),
                         arguments[2]);
    case SYS_pwrite64:
      return fmt::format("pwrite({}, {}, {}, {:#x})", call.descriptor,
                         bytes_text(call, call.before), arguments[2], arguments[3]);
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
  const bool reads = call.call == SYS_read || call.call == SYS_pread64;
  if (reads && !call.after.empty()) return line + " " + bytes_text(call, call.after);
  return line + changes(call);
}

}  // namespace noiommu::scenarios::exec
