#include "scenarios/engine/trace.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "scenarios/engine/value.h"
#include "scenarios/engine/words.h"

namespace noiommu::scenarios {
namespace {

bool filled_in_by_kernel(const Field& field) {
  return field.name.starts_with("out_") || field.name.starts_with("__r") || field.name == "pad" ||
         field.name == "reserved";
}

}  // namespace

std::string trace_line(std::string_view call, const Result<uint64_t>& result) {
  if (!result) return fmt::format("{} = -1 {}", call, describe_errno(result.error()));
  const bool is_address = *result > INT32_MAX;
  return is_address ? fmt::format("{} = {:#x}", call, *result)
                    : fmt::format("{} = {}", call, *result);
}

std::string show_flags(std::span<const Constant> names, uint64_t value, size_t skip) {
  std::string text;
  const auto add = [&text](std::string_view part) {
    if (!text.empty()) text += '|';
    text += part;
  };
  uint64_t unnamed = 0;
  for (uint64_t rest = value; rest != 0; rest &= rest - 1) {
    const uint64_t bit = rest & -rest;
    const auto name = std::ranges::find(names, bit, &Constant::value);
    if (name == names.end()) {
      unnamed |= bit;
    } else {
      add(name->name.substr(skip));
    }
  }
  if (unnamed != 0 || text.empty()) add(unnamed == 0 ? "0" : fmt::format("{:#x}", unnamed));
  return text;
}

std::string show_field(const Field& field, uint64_t value) {
  switch (field.show) {
    case Show::kHex:
      return value == 0 ? "0" : fmt::format("{:#x}", value);
    case Show::kFlags:
      return show_flags(constants_with_prefix(field.flag_prefix), value, field.flag_prefix.size());
    case Show::kDecimal:
      break;
  }
  if (!field.is_signed) return fmt::format("{}", value);
  const unsigned unused_bits = 64 - 8 * field.width;
  return fmt::format("{}", std::bit_cast<int64_t>(value << unused_bits) >> unused_bits);
}

std::string trace_argument(const IoctlCommand& command, std::span<const std::byte> bytes) {
  std::string text = "{";
  for (const Field& field : command.fields) {
    const uint64_t value = load_field(field, bytes);
    if (value == 0 && filled_in_by_kernel(field)) continue;
    if (text.size() > 1) text += ", ";
    text += fmt::format("{}={}", field.name, show_field(field, value));
  }
  return text + "}";
}

std::string trace_changes(const IoctlCommand& command, std::span<const std::byte> before,
                          std::span<const std::byte> after) {
  std::string text;
  for (const Field& field : command.fields) {
    const uint64_t value = load_field(field, after);
    if (value == load_field(field, before)) continue;
    text += text.empty() ? " {" : ", ";
    text += fmt::format("{}={}", field.name, show_field(field, value));
  }
  return text.empty() ? text : text + "}";
}

std::string show_open_flags(int flags) {
  switch (flags) {
    case O_RDONLY:
      return "O_RDONLY";
    case O_WRONLY:
      return "O_WRONLY";
    case O_RDWR:
      return "O_RDWR";
    default:
      return fmt::format("{:#x}", flags);
  }
}

std::string show_backing(Backing backing) {
  switch (backing) {
    case Backing::kAnon:
      return "anon";
    case Backing::kShared:
      return "shared";
    case Backing::kHuge:
      return "huge";
    case Backing::kMemfd:
      return "memfd";
    case Backing::kReadOnly:
      return "ro";
    case Backing::kNone:
      return "none";
  }
  return "?";
}

std::string show_hex(std::span<const std::byte> bytes) {
  std::string text;
  text.reserve(2 * bytes.size());
  for (const std::byte byte : bytes) text += fmt::format("{:02x}", static_cast<unsigned>(byte));
  return text;
}

std::string show_text(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted += {'\\', c};
    } else if (c == '\n') {
      quoted += "\\n";
    } else if (byte < ' ' || byte > '~') {
      quoted += fmt::format("\\x{:02x}", byte);
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

}  // namespace noiommu::scenarios
