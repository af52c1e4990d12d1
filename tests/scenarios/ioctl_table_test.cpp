// The table of ioctl commands against the user API and the scenario format.
#include "scenarios/engine/ioctl_table.h"

#include <gtest/gtest.h>

#include <array>
#include <set>

#include "uapi/iommufd.h"
#include "uapi/vfio.h"

namespace noiommu::scenarios {
namespace {

std::vector<const IoctlCommand*> all_commands() {
  std::vector<const IoctlCommand*> commands;
  for (const std::string_view name : ioctl_names()) commands.push_back(find_ioctl(name));
  return commands;
}

TEST(IoctlTable, NamesAreUnique) {
  const auto names = ioctl_names();
  EXPECT_EQ(std::set(names.begin(), names.end()).size(), names.size());
}

// 0x3b64 to 0x3b78 are VFIO's, 0x3b80 to 0x3b95 are iommufd's.
TEST(IoctlTable, EveryIommufdNumberHasACommand) {
  std::set<uint32_t> numbers;
  for (const IoctlCommand& command : iommufd_commands()) numbers.insert(command.number);
  EXPECT_EQ(*numbers.begin(), 0x3b80U);
  EXPECT_EQ(*numbers.rbegin(), 0x3b95U);
  EXPECT_EQ(numbers.size(), 0x16U);
}

TEST(IoctlTable, FieldsLieInsideTheirStructure) {
  for (const IoctlCommand* command : all_commands()) {
    SCOPED_TRACE(command->name);
    EXPECT_EQ(command->struct_size == 0, command->fields.empty());
    for (const Field& field : command->fields) {
      EXPECT_LE(field.offset + field.width, command->struct_size) << field.name;
      EXPECT_EQ(field.show == Show::kFlags, !field.flag_prefix.empty()) << field.name;
    }
  }
}

TEST(IoctlTable, TheSizeFieldComesFirst) {
  for (const IoctlCommand* command : all_commands()) {
    if (command->default_size == 0) continue;
    SCOPED_TRACE(command->name);
    const Field& size = command->fields[0];
    EXPECT_TRUE(size.name == "size" || size.name == "argsz");
    EXPECT_EQ(size.offset, 0U);
    EXPECT_EQ(size.width, 4U);
  }
}

TEST(IoctlTable, GrownStructuresKeepTheirFirstSize) {
  EXPECT_EQ(find_ioctl("VFIO_DEVICE_BIND_IOMMUFD")->default_size, 16U);
  EXPECT_EQ(find_ioctl("VFIO_DEVICE_ATTACH_IOMMUFD_PT")->default_size, 12U);
  EXPECT_EQ(find_ioctl("VFIO_DEVICE_DETACH_IOMMUFD_PT")->default_size, 8U);
  EXPECT_EQ(find_ioctl("VFIO_DEVICE_BIND_IOMMUFD")->struct_size, 24U);
  EXPECT_EQ(find_ioctl("IOMMU_HWPT_ALLOC")->default_size, sizeof(iommu_hwpt_alloc));
}

TEST(IoctlTable, SetContainerPointsToABareDescriptor) {
  const IoctlCommand* command = find_ioctl("VFIO_GROUP_SET_CONTAINER");
  EXPECT_EQ(command->struct_size, 4U);
  EXPECT_EQ(command->default_size, 0U);
  EXPECT_TRUE(command->find_field("fd")->is_signed);
}

TEST(IoctlTable, BothFormsOfGetPaExist) {
  EXPECT_EQ(find_ioctl("IOMMU_IOAS_GET_PA")->number, 0x3b95U);
  EXPECT_NE(find_ioctl("IOMMU_IOAS_GET_PA")->find_field("out_length"), nullptr);
  EXPECT_EQ(find_ioctl("IOMMU_IOAS_NOIOMMU_GET_PA")->find_field("out_length"), nullptr);
  EXPECT_EQ(find_ioctl("IOMMU_IOAS_GET_PB"), nullptr);
}

TEST(IoctlTable, FieldsAreStoredAndLoadedInPlace) {
  const IoctlCommand* command = find_ioctl("IOMMU_OPTION");
  std::array<std::byte, sizeof(iommu_option)> bytes{};
  store_field(*command->find_field("op"), 0x12345, bytes);
  store_field(*command->find_field("val64"), UINT64_MAX, bytes);
  EXPECT_EQ(load_field(*command->find_field("op"), bytes), 0x2345U);  // cut to 16 bits
  EXPECT_EQ(load_field(*command->find_field("__reserved"), bytes), 0U);
  EXPECT_EQ(load_field(*command->find_field("val64"), bytes), UINT64_MAX);
}

}  // namespace
}  // namespace noiommu::scenarios
