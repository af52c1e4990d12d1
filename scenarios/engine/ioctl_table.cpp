#include "scenarios/engine/ioctl_table.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace noiommu::scenarios {
namespace {

std::array<std::span<const IoctlCommand>, 2> tables() {
  return {iommufd_commands(), vfio_commands()};
}

}  // namespace

const Field* IoctlCommand::find_field(std::string_view field) const {
  const auto found = std::ranges::find(fields, field, &Field::name);
  return found == fields.end() ? nullptr : &*found;
}

const IoctlCommand* find_ioctl(std::string_view name) {
  for (const auto table : tables()) {
    const auto found = std::ranges::find(table, name, &IoctlCommand::name);
    if (found != table.end()) return &*found;
  }
  return nullptr;
}

std::vector<std::string_view> ioctl_names() {
  std::vector<std::string_view> names;
  for (const auto table : tables()) {
    for (const IoctlCommand& command : table) names.push_back(command.name);
  }
  return names;
}

// Structures cross the border in the byte order of x86-64, which is also the host's.
uint64_t load_field(const Field& field, std::span<const std::byte> bytes) {
  uint64_t value = 0;
  std::memcpy(&value, bytes.subspan(field.offset, field.width).data(), field.width);
  return value;
}

void store_field(const Field& field, uint64_t value, std::span<std::byte> bytes) {
  std::memcpy(bytes.subspan(field.offset, field.width).data(), &value, field.width);
}

}  // namespace noiommu::scenarios
