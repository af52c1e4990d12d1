// What `noiommu exec` shows of a program, and writes down of it.
#include <gmock/gmock.h>

#include <fstream>
#include <sstream>
#include <string>

#include <nlohmann/json.hpp>

#include "tests/scenarios/command_line_test.h"

namespace noiommu::scenarios {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr const char* kNode = "/dev/vfio/devices/noiommu-vfio0";

class ExecObserver : public CommandLine {
 protected:
  void SetUp() override {
    const Answer answer = noiommu("exec -- true");
    if (answer.code == 2) GTEST_SKIP() << answer.err;
    ASSERT_EQ(answer.code, 0) << answer.err;
  }
  [[nodiscard]] Answer exec(const std::string& options, const std::string& program) const {
    return noiommu("exec " + options + " -- " + program);
  }
  [[nodiscard]] Answer observed(const std::string& options, const std::string& more = "") const {
    return exec(options, std::string(NOIOMMU_PROGRAMS) + "/observed " + kNode + " " + more);
  }
  // A file that was written in the test's folder.
  [[nodiscard]] std::string written(const std::string& name) const {
    return noiommu("list >/dev/null; cat " + name).out;
  }
};

TEST_F(ExecObserver, SaysNothingUnasked) {
  const Answer answer = observed("");
  EXPECT_EQ(answer.code, 0);
  EXPECT_EQ(answer.out, "0x10\n");
  EXPECT_THAT(answer.err, IsEmpty());
}

TEST_F(ExecObserver, TraceDecodesEveryCall) {
  const Answer answer = observed("--trace");
  EXPECT_EQ(answer.code, 0);
  EXPECT_THAT(answer.err, HasSubstr("openat(AT_FDCWD, \"/dev/iommu\", O_RDWR) = 513\n"));
  EXPECT_THAT(answer.err,
              HasSubstr("ioctl(513, IOMMU_IOAS_ALLOC, {size=12, flags=0}) = 0 {out_ioas_id=2}\n"));
  EXPECT_THAT(answer.err, HasSubstr("= 0 {length=0xff0, out_phys=0x1"));
  EXPECT_THAT(answer.err, HasSubstr("= -1 EEXIST (File exists)\n"));
  EXPECT_THAT(answer.err, HasSubstr("pread(512, 2, 0x70000000004) = 2 {0301}\n"));
  EXPECT_THAT(answer.err, HasSubstr("pwrite(512, {0701}, 2, 0x70000000004) = 2\n"));
  EXPECT_THAT(answer.err, HasSubstr("index=1, start=0, count=1, data=["));
  EXPECT_THAT(answer.err, HasSubstr("mmap(NULL, 0x1000, PROT_READ|PROT_WRITE, MAP_SHARED, 512, "));
  EXPECT_THAT(answer.err, Not(HasSubstr("[pid")));
}

TEST_F(ExecObserver, TraceTellsProcessesApartAndGoesToAFile) {
  const Answer answer = observed("--trace-to calls", "fork");
  EXPECT_EQ(answer.code, 0);
  EXPECT_THAT(answer.err, IsEmpty());
  EXPECT_THAT(written("calls"),
              ContainsRegex("\\[pid [0-9]+\\] ioctl\\(513, IOMMU_IOAS_ALLOC, .*out_ioas_id=4"));
}

TEST_F(ExecObserver, TraceShowsPathsAsTheProgramHasThem) {
  const Answer answer =
      exec("--trace", "sh -c 'cd /dev/vfio/devices; exec 3<>noiommu-vfio0; exec 4<>../../iommu'");
  EXPECT_THAT(answer.err, HasSubstr("openat(AT_FDCWD, \"noiommu-vfio0\", O_RDWR|O_CREAT) = "));
  EXPECT_THAT(answer.err, HasSubstr("openat(AT_FDCWD, \"../../iommu\", O_RDWR|O_CREAT) = "));
}

TEST_F(ExecObserver, TraceShowsWhatSeveralBuffersHold) {
  const Answer answer = exec("--trace", NOIOMMU_PROGRAMS "/recorded several-buffers");
  EXPECT_THAT(answer.err, HasSubstr("pwritev(513, {06000000}, 4, 0x70000000004) = 4\n"));
  EXPECT_THAT(answer.err, HasSubstr("preadv(513, 4, 0x70000000004) = 4 {0600"));
}

TEST_F(ExecObserver, TraceSaysWhereItCuts) {
  const Answer answer = exec("--trace", NOIOMMU_PROGRAMS "/recorded many-vectors");
  EXPECT_THAT(answer.err, HasSubstr("data=[-1, -1, "));
  EXPECT_THAT(answer.err, HasSubstr("-1, ...]}) = -1 EINVAL (Invalid argument)\n"));
}

TEST_F(ExecObserver, TraceShowsNoLeftoverAsAnArgument) {
  const Answer answer = exec("--trace", NOIOMMU_PROGRAMS "/recorded no-argument");
  EXPECT_THAT(answer.err, HasSubstr("ioctl(512, VFIO_GET_API_VERSION) = 0\n"));
  EXPECT_THAT(answer.err, HasSubstr("ioctl(512, VFIO_CHECK_EXTENSION, VFIO_UNMAP_ALL) = "));
  EXPECT_EQ(exec("--record r.yaml", NOIOMMU_PROGRAMS "/recorded no-argument").code, 0);
  EXPECT_THAT(written("r.yaml"), Not(HasSubstr("4711")));
}

// Watching must not take memory for every file that was ever open.
TEST_F(ExecObserver, ForgetsWhatIsClosed) {
  const auto most_memory = [this](const std::string& options) {
    // The parent of the program's parent.
    const Answer answer =
        exec(options, "sh -c '" NOIOMMU_PROGRAMS
                      "/recorded opens >/dev/null; grep VmHWM /proc/$(cut -d\" \" "
                      "-f4 /proc/$PPID/stat)/status'");
    std::istringstream line(answer.out);
    std::string key;
    uint64_t kilobytes = 0;
    line >> key >> kilobytes;
    return kilobytes;
  };
  const uint64_t unwatched = most_memory("");
  EXPECT_GT(unwatched, 0U);
  constexpr uint64_t kKilobytesMore = 16 << 10;  // a kilobyte a file would be 20,000
  EXPECT_LT(most_memory("--trace-to /dev/null"), unwatched + kKilobytesMore);
}

TEST_F(ExecObserver, AFileThatCannotBeWrittenIsBadUsage) {
  const Answer answer = exec("--record /nowhere/r.yaml", "true");
  EXPECT_EQ(answer.code, 2);
  EXPECT_EQ(answer.err, "noiommu exec: cannot write /nowhere/r.yaml: No such file or directory\n");
}

TEST_F(ExecObserver, ExplainsOnlyWhatFailed) {
  const Answer answer = observed("--explain");
  EXPECT_EQ(answer.code, 0);
  EXPECT_THAT(answer.err, Not(HasSubstr("IOMMU_IOAS_ALLOC")));
  EXPECT_THAT(answer.err, HasSubstr("  EINVAL: the device file is not bound to an iommufd yet"));
  EXPECT_THAT(answer.err, HasSubstr("  ENOENT: nothing is mapped at that iova"));
  EXPECT_THAT(answer.err, HasSubstr("  EEXIST: something is mapped in that range already"));
  EXPECT_THAT(answer.err, HasSubstr("  EINVAL: size is below that of the structure"));
}

TEST_F(ExecObserver, ExplainsAMissingCapability) {
  const Answer answer = observed("--explain", "weak");
  EXPECT_EQ(answer.code, 1);
  EXPECT_THAT(answer.err, HasSubstr("= -1 EPERM (Operation not permitted)\n"
                                    "  EPERM: the process lacks CAP_SYS_RAWIO"));
}

TEST_F(ExecObserver, ExplainsAWriteToAnAttribute) {
  const Answer answer =
      exec("--explain", "sh -c 'echo 2 > /sys/module/vfio/parameters/enable_unsafe_noiommu_mode'");
  EXPECT_THAT(answer.err, HasSubstr("write(1, \"2\\n\", 2) = -1 EINVAL (Invalid argument)\n"
                                    "  EINVAL: the text is no value of the attribute"));
}

TEST_F(ExecObserver, ExplainsWhyAProgramFindsNoDevice) {
  const std::string list = "ls /sys/bus/pci/devices/0000:00:04.0/vfio-dev";
  EXPECT_THAT(exec("--explain", list).err, HasSubstr("hides the device"));
  EXPECT_THAT(exec("--explain", "ls /sys/bus/pci/devices").err, IsEmpty());
  EXPECT_THAT(exec("--explain", "sh -c '" + list + "; exec 3<>" + kNode + "'").err, IsEmpty());
}

TEST_F(ExecObserver, ARecordingReplays) {
  EXPECT_EQ(observed("--record r.yaml").code, 0);
  const Answer replay = noiommu("run --trace r.yaml");
  EXPECT_EQ(replay.code, 0) << replay.out << written("r.yaml");
  const std::string recording = written("r.yaml");
  EXPECT_THAT(recording, HasSubstr("- ioctl: IOMMU_IOAS_NOIOMMU_GET_PA\n"));
  EXPECT_THAT(recording, HasSubstr("expect: {length: 0xff0, out_phys: nonzero, "
                                   "out_phys_page_offset: 0x10}\n"));
  EXPECT_THAT(recording, HasSubstr("offset: 0x80, u64: $pa1}\n- pwrite"));
  EXPECT_THAT(recording, HasSubstr("- sleep: 1"));
  EXPECT_THAT(recording, HasSubstr("data_s32: [$event]\n"));
  EXPECT_THAT(recording, HasSubstr("- munmap: {at: $region, length: 0x1000}\n- close: $device\n"));
}

TEST_F(ExecObserver, ARecordingIsOfTheFirstProcess) {
  EXPECT_EQ(observed("--record r.yaml", "fork").code, 0);
  EXPECT_EQ(noiommu("run r.yaml").code, 0);
  EXPECT_THAT(written("r.yaml"), ContainsRegex("# Not recorded: process [0-9]+, 1 call\n"));
}

TEST_F(ExecObserver, ARecordingKnowsTheMachineAndTheProcess) {
  EXPECT_EQ(exec("--record r.yaml --revision v6 --config VFIO_DEBUGFS=n --device 0000:00:07.0 "
                 "--uid 1000",
                 std::string("sh -c 'exec 4<>/dev/vfio/vfio; exec 4<&-; exec 5<>") + kNode + "'")
                .code,
            2);
  const Answer replay = noiommu("run r.yaml");
  EXPECT_EQ(replay.code, 0) << replay.out << replay.err << written("r.yaml");
  const std::string recording = written("r.yaml");
  EXPECT_THAT(recording, HasSubstr("revision: v6\n"));
  EXPECT_THAT(recording, HasSubstr("- {bdf: '0000:00:07.0', model: edu, iommu: none}\n"));
  EXPECT_THAT(recording, HasSubstr("uid: 1000"));
  EXPECT_THAT(recording, HasSubstr("as: container\n- close: $container\n"));
  EXPECT_THAT(recording, HasSubstr("errno: EACCES\n"));
}

TEST_F(ExecObserver, ARecordingOfAWriteToAnAttributeReplays) {
  const std::string parameter = "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode";
  EXPECT_EQ(exec("--record r.yaml", "sh -c 'echo N > " + parameter + "'").code, 0);
  EXPECT_EQ(noiommu("run r.yaml").code, 0);
  EXPECT_THAT(written("r.yaml"), HasSubstr("- write_file: \"" + parameter + "\"\n"));
}

TEST_F(ExecObserver, ARecordingOfNothingReplays) {
  EXPECT_EQ(exec("--record r.yaml", "true").code, 0);
  EXPECT_EQ(noiommu("run r.yaml").code, 0);
}

// Programs whose recording must be answered alike, with options before "--".
class ExecRecording : public ExecObserver, public testing::WithParamInterface<const char*> {};

TEST_P(ExecRecording, Replays) {
  const std::string line = GetParam();
  const size_t split = line.find("-- ");
  const Answer recorded = exec("--record r.yaml " + line.substr(0, split),
                               NOIOMMU_PROGRAMS "/" + line.substr(split + 3));
  EXPECT_EQ(recorded.code, 0) << recorded.err;
  const Answer replay = noiommu("run r.yaml");
  EXPECT_EQ(replay.code, 0) << replay.out << replay.err << written("r.yaml");
}

INSTANTIATE_TEST_SUITE_P(
    Programs, ExecRecording,
    testing::Values(
        "-- noiommu_selftest", "-- exec_cases last-close", "-- exec_cases socket",
        "-- exec_cases unmapped", "-- exec_cases discarded", "-- exec_cases fork",
        "-- exec_cases shared", "-- exec_cases interrupt", "-- exec_cases threads",
        "-- exec_cases signals", "-- exec_cases killed-owner", "-- exec_cases capability",
        "-- exec_cases pagemap", "-- exec_cases group", "-- exec_cases unbind",
        "-- exec_cases wrong-address", "-- exec_cases stale-address", "-- exec_cases past-the-run",
        "--revision v4 -- recorded old-get-pa", "--revision v5 -- recorded old-get-pa",
        "-- recorded busy-waiting", "-- exec_cases bar", "-- memory_cases no-first-thread",
        "-- descriptor_cases other-calls", "-- exec_cases vectors", "-- recorded reused-iova",
        "-- recorded copied", "-- recorded growing-file", "-- recorded several-buffers",
        "-- recorded lost-memory", "-- recorded several-kinds", "-- recorded read-only-argument",
        "-- recorded wake-up", "-- recorded no-argument", "-- recorded no-descriptor-left",
        "-- recorded memory-file", "--device edu@0000:00:04.0,id=8086:10d3 -- recorded device-id"));

// What `recorded` does in a case, written down.
TEST_F(ExecObserver, ARecordingSaysWhatItLeavesOut) {
  const auto recording = [this](const std::string& options, const std::string& program) {
    EXPECT_EQ(exec("--record r.yaml " + options, NOIOMMU_PROGRAMS "/" + program).code, 0);
    return written("r.yaml");
  };
  EXPECT_THAT(recording("", "recorded read-only-argument"),
              HasSubstr("# IOMMU_IOAS_ALLOC, whose argument cannot be written to\n"));
  EXPECT_THAT(recording("", "recorded growing-file"),
              HasSubstr("# IOMMU_IOAS_MAP_FILE on a memfd without memory\n"));
  EXPECT_THAT(recording("", "exec_cases vectors"),
              HasSubstr("# pread on $device, whose buffer is not there\n"));
  EXPECT_THAT(recording("", "exec_cases descriptors"),
              ContainsRegex("# process [0-9]+: IOMMU_IOAS_ALLOC on \\$iommufd\n"));
  EXPECT_THAT(recording("--device edu@0000:00:04.0,id=8086:10d3", "recorded device-id"),
              HasSubstr("# 0000:00:04.0 had the id 8086:10d3, which a scenario cannot say.\n"));
}

TEST_F(ExecObserver, ARecordingKnowsHowFramesLay) {
  const std::string program = NOIOMMU_PROGRAMS "/recorded own-data";
  EXPECT_EQ(exec("--record r.yaml --frames contiguous", program).code, 0);
  EXPECT_THAT(written("r.yaml"), HasSubstr("# Run with --frames contiguous\n"));
  EXPECT_EQ(noiommu("run --frames contiguous r.yaml").code, 0);
}

// Huge pages are known by their file system.
TEST_F(ExecObserver, ARecordingIsNotMisledByAName) {
  ASSERT_EQ(noiommu("list >/dev/null; cp " NOIOMMU_PROGRAMS "/recorded huge").code, 0);
  EXPECT_EQ(exec("--record r.yaml", "./huge own-data").code, 0);
  EXPECT_THAT(written("r.yaml"), HasSubstr("backing: anon}"));
  EXPECT_EQ(noiommu("run r.yaml").code, 0);
}

TEST_F(ExecObserver, ReportsWhatIsLeft) {
  const Answer answer = observed("--report");
  EXPECT_THAT(answer.err, HasSubstr("noiommu exec: 22 calls, 4 failed, by 1 process\n"));
  EXPECT_THAT(answer.err, ContainsRegex("IOMMU_IOAS_MAP +3  2 failed\n"));
  EXPECT_THAT(answer.err, HasSubstr("pinned: 3 pages at most, 0 at exit\n"));
  EXPECT_THAT(answer.err, HasSubstr("open at exit:\n  /dev/iommu\n"));
  EXPECT_THAT(answer.err, HasSubstr("IOAS 2 with 0 mappings\n"));
  EXPECT_THAT(answer.err, HasSubstr("kernel taint: U"));
  EXPECT_THAT(answer.err, HasSubstr("Adding kernel taint for vfio-noiommu cdev\n"));
}

TEST_F(ExecObserver, ReportsAsJson) {
  EXPECT_THAT(observed("--report-to r.json").err, IsEmpty());
  const auto report = nlohmann::json::parse(written("r.json"));
  EXPECT_EQ(report["processes"], 1);
  EXPECT_EQ(report["calls"]["IOMMU_IOAS_MAP"]["failed"], 2);
  EXPECT_EQ(report["pinned_pages"]["most"], 3);
  EXPECT_EQ(report["open_at_exit"][0], "/dev/iommu");
  EXPECT_EQ(report["taint"], 64);
}

}  // namespace
}  // namespace noiommu::scenarios
