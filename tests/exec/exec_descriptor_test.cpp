// Descriptors of devices, by whatever name they were opened and whatever number they have got.
#include <algorithm>

#include "tests/exec/exec_test.h"

namespace noiommu::scenarios {
namespace {

using testing::HasSubstr;

class ExecDescriptors : public Exec, public testing::WithParamInterface<const char*> {};

TEST_P(ExecDescriptors, AreLikeThoseOfTheKernel) {
  const Answer answer = exec(std::string(NOIOMMU_PROGRAMS "/descriptor_cases ") + GetParam());
  EXPECT_EQ(answer.code, 0);
  EXPECT_EQ(answer.err, "");
}

INSTANTIATE_TEST_SUITE_P(All, ExecDescriptors,
                         testing::Values("duplicates", "other-calls", "ways-to-open", "low-limit",
                                         "allocations"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

TEST_F(Exec, LeavesArgumentsAsTheyAre) {
  EXPECT_EQ(exec("echo '[a,b]' '[]' --trace '{}'").out, "[a,b] [] --trace {}\n");
  EXPECT_EQ(exec("sh -c '[ -e /dev/iommu ] && echo there'").out, "there\n");
  EXPECT_EQ(noiommu("exec echo a -- b").out, "a -- b\n");
  EXPECT_EQ(noiommu("exec -- echo -- b").out, "-- b\n");
  const Answer nothing = noiommu("exec --");
  EXPECT_EQ(nothing.code, 2);
  EXPECT_THAT(nothing.err, HasSubstr("PROGRAM is required"));
}

TEST_F(Exec, PassesSignalsOn) {
  const Answer answer = exec(
      "sh -c 'trap \"echo caught; exit 7\" TERM; echo $$; kill -TERM $(cut -d\" \" -f4 "
      "/proc/$PPID/stat); for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.1; done'");
  EXPECT_THAT(answer.out, HasSubstr("caught\n"));
  EXPECT_EQ(answer.code, 7);
}

TEST_F(Exec, DoesNotMakeFilesInSysfs) {
  const std::string folder = "/sys/bus/pci/devices/0000:00:04.0/";
  const Answer made = exec("sh -c 'echo 1 > " + folder + "reset'");
  EXPECT_NE(made.code, 0);
  EXPECT_THAT(made.err, HasSubstr("Permission denied"));
  EXPECT_NE(exec("mkdir " + folder + "folder").code, 0);
  EXPECT_NE(exec("rm " + folder + "class").code, 0);
  EXPECT_EQ(exec("sh -c 'echo none > " + folder + "driver_override'").code, 0);
}

TEST_F(Exec, AsksForCapabilitiesInTheFirstUserNamespace) {
  const Answer answer =
      exec("unshare -Ur sh -c ': <> /dev/vfio/devices/noiommu-vfio0'", "--cap-drop CAP_SYS_RAWIO");
  EXPECT_NE(answer.code, 0);
  EXPECT_THAT(answer.err, HasSubstr("Operation not permitted"));
}

TEST_F(Exec, TellsWhatItCouldNotWrite) {
  const Answer full = exec("true", "--report-to /dev/full");
  EXPECT_EQ(full.code, 0) << "the program's own";
  EXPECT_THAT(full.err, HasSubstr("cannot write /dev/full: No space left on device"));
}

}  // namespace
}  // namespace noiommu::scenarios
