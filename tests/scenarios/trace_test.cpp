// How system calls read in a trace.
#include "scenarios/engine/trace.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <span>

#include "uapi/iommufd.h"
#include "uapi/vfio.h"

namespace noiommu::scenarios {
namespace {

template <class Struct>
std::string argument(std::string_view command, const Struct& value) {
  return trace_argument(*find_ioctl(command), std::as_bytes(std::span(&value, 1)));
}

TEST(Trace, ResultsAreValuesAddressesOrErrnos) {
  EXPECT_EQ(trace_line("close(3)", 0), "close(3) = 0");
  EXPECT_EQ(trace_line("mmap()", 0x7f0000001000), "mmap() = 0x7f0000001000");
  EXPECT_EQ(trace_line("close(3)", Err(EBADF)), "close(3) = -1 EBADF (Bad file descriptor)");
}

TEST(Trace, ArgumentsNameFieldsAndFlags) {
  iommu_ioas_map map{};
  map.size = sizeof(map);
  map.flags = 0x17;
  map.ioas_id = 2;
  map.user_va = 0x7f0000000000;
  map.length = 0x1000;
  EXPECT_EQ(argument("IOMMU_IOAS_MAP", map),
            "{size=40, flags=FIXED_IOVA|WRITEABLE|READABLE|0x10, ioas_id=2, "
            "user_va=0x7f0000000000, length=0x1000, iova=0}");
}

TEST(Trace, ReservedFieldsShowOnlyWhenSet) {
  iommu_ioas_map map{};
  EXPECT_EQ(argument("IOMMU_IOAS_MAP", map).find("__reserved"), std::string::npos);
  map.__reserved = 1;
  EXPECT_NE(argument("IOMMU_IOAS_MAP", map).find("__reserved=1"), std::string::npos);
}

TEST(Trace, DescriptorsAreSigned) {
  EXPECT_EQ(argument("VFIO_GROUP_SET_CONTAINER", int32_t{-1}), "{fd=-1}");
}

TEST(Trace, ChangesAreWhatTheCallWrote) {
  const IoctlCommand& command = *find_ioctl("VFIO_DEVICE_GET_INFO");
  vfio_device_info before{};
  before.argsz = sizeof(before);
  vfio_device_info after = before;
  const auto changes = [&] {
    return trace_changes(command, std::as_bytes(std::span(&before, 1)),
                         std::as_bytes(std::span(&after, 1)));
  };
  EXPECT_EQ(changes(), "");
  after.flags = VFIO_DEVICE_FLAGS_PCI;
  after.num_regions = 9;
  EXPECT_EQ(changes(), " {flags=PCI, num_regions=9}");
}

TEST(Trace, SmallThings) {
  EXPECT_EQ(show_open_flags(O_RDWR), "O_RDWR");
  EXPECT_EQ(show_open_flags(O_RDONLY), "O_RDONLY");
  EXPECT_EQ(show_open_flags(O_WRONLY), "O_WRONLY");
  EXPECT_EQ(show_backing(Backing::kHuge), "huge");
  EXPECT_EQ(show_text("a\"b\n\x01"), "\"a\\\"b\\n\\x01\"");
  EXPECT_EQ(show_hex(std::as_bytes(std::span("\x01\xff", 2))), "01ff");
}

}  // namespace
}  // namespace noiommu::scenarios
