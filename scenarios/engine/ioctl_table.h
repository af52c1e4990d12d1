// Every ioctl command of VFIO and iommufd, as data: what the loader checks names against, what the
// runner lays arguments out with, and what the trace reads them back with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

namespace noiommu::scenarios {

// How a field reads best.
enum class Show { kDecimal, kHex, kFlags };

struct Field {
  std::string_view name;
  uint32_t offset = 0;  // bytes from the start of the structure
  uint32_t width = 0;   // bytes
  bool is_signed = false;
  Show show = Show::kDecimal;
  std::string_view flag_prefix = {};  // for kFlags: what the names of its bits have in common
};

struct IoctlCommand {
  std::string_view name;
  uint32_t number = 0;
  // Bytes of the full structure; 0: the argument is a plain number or a string.
  uint32_t struct_size = 0;
  // What `size` or `argsz` holds unless the scenario says otherwise. It is the first field; 0: the
  // structure has no such field. Spec: scenario-format.md, "Default sizes".
  uint32_t default_size = 0;
  std::span<const Field> fields = {};

  [[nodiscard]] const Field* find_field(std::string_view field) const;
};

// Several commands may share a number: it means another thing on another kind of descriptor.
[[nodiscard]] std::span<const IoctlCommand> iommufd_commands();
[[nodiscard]] std::span<const IoctlCommand> vfio_commands();

// nullptr when there is no such command.
[[nodiscard]] const IoctlCommand* find_ioctl(std::string_view name);
[[nodiscard]] std::vector<std::string_view> ioctl_names();

// The value of one field of an argument, zero-extended. `bytes` holds the full structure.
[[nodiscard]] uint64_t load_field(const Field& field, std::span<const std::byte> bytes);
// Stores `value` cut to the field.
void store_field(const Field& field, uint64_t value, std::span<std::byte> bytes);

}  // namespace noiommu::scenarios
