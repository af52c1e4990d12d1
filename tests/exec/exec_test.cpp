// Unmodified programs on the model: what they see, what they keep, and what is left of them.
#include "tests/exec/exec_test.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <thread>
#include <vector>

namespace noiommu::scenarios {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

using namespace std::chrono_literals;

TEST_F(Exec, ListsTheNodesOfTheMachineAndSaysNothingOfItsOwn) {
  const Answer answer = exec("/bin/ls /dev/vfio/devices");
  EXPECT_EQ(answer.out, "noiommu-vfio0\n");
  EXPECT_EQ(answer.err, "");
  EXPECT_EQ(answer.code, 0);
}

TEST_F(Exec, ExitsAsTheProgramDoes) {
  EXPECT_EQ(exec("sh -c 'exit 42'").code, 42);
  EXPECT_EQ(exec("sh -c 'kill -SEGV $$'").code, 128 + SIGSEGV);
  const Answer missing = exec("/no/such/program");
  EXPECT_EQ(missing.code, 127);
  EXPECT_THAT(missing.err, HasSubstr("cannot run '/no/such/program': No such file or directory"));
}

TEST_F(Exec, LeavesTheRestOfTheMachineAsItIs) {
  const Answer answer = exec("sh -c 'echo x > /dev/null; ls /sys/class/net; cat /proc/self/comm'");
  EXPECT_EQ(answer.code, 0) << answer.err;
  EXPECT_THAT(answer.out, AllOf(HasSubstr("lo"), HasSubstr("cat")));
}

TEST_F(Exec, ExplainsBadOptions) {
  const Answer device = exec("true", "--device 04.0,iommu=maybe");
  EXPECT_EQ(device.code, 2);
  EXPECT_THAT(device.err, HasSubstr("--device 04.0,iommu=maybe"));
  const Answer revision = exec("true", "--revision v44");
  EXPECT_EQ(revision.code, 2);
  EXPECT_THAT(revision.err, HasSubstr("did you mean 'v4'?"));
}

TEST_F(Exec, PassesTheSelfTestOfTheKernel) {
  const Answer answer = exec(NOIOMMU_PROGRAMS "/noiommu_selftest");
  EXPECT_EQ(answer.code, 0) << answer.out << answer.err;
  EXPECT_EQ(answer.err, "");
}

TEST_F(Exec, ShowsWhereEarlierRevisionsDiffer) {
  const Answer v4 = exec(NOIOMMU_PROGRAMS "/noiommu_selftest", "--revision v4");
  EXPECT_EQ(v4.code, 1);
  EXPECT_THAT(v4.out, AllOf(HasSubstr("not ok 10 get_pa_of_mapped_memory"),
                            HasSubstr("not ok 13 device_cdev_open_wants_rawio")));
  const Answer v6 = exec(NOIOMMU_PROGRAMS "/noiommu_selftest", "--revision v6");
  EXPECT_THAT(v6.out, AllOf(HasSubstr("not ok 10 get_pa_of_mapped_memory"),
                            HasSubstr("\nok 13 device_cdev_open_wants_rawio")));
  const Answer v7 = exec(NOIOMMU_PROGRAMS "/noiommu_selftest", "--revision v7.0");
  EXPECT_THAT(v7.out, HasSubstr("not ok 1 device_cdev_open"));
}

TEST_F(Exec, GivesAProgramWithoutTheCapabilityNoDevice) {
  const std::string program = "sh -c 'exec 3<>/dev/vfio/devices/noiommu-vfio0'";
  EXPECT_EQ(exec(program).code, 0);
  const Answer dropped = exec(program, "--cap-drop CAP_SYS_RAWIO");
  EXPECT_NE(dropped.code, 0);
  EXPECT_THAT(dropped.err, HasSubstr("Operation not permitted"));
  const Answer user = exec(program, "--uid 1000");
  EXPECT_THAT(user.err, HasSubstr("Permission denied"));
}

TEST_F(Exec, TakesWhatIsWrittenToSysfs) {
  const Answer answer = exec(
      "sh -c 'cd /sys/bus/pci/drivers/vfio-pci; echo 0000:00:04.0 > unbind; ls /dev/vfio/devices;"
      " echo N > /sys/module/vfio/parameters/enable_unsafe_noiommu_mode;"
      " cat /sys/module/vfio/parameters/enable_unsafe_noiommu_mode; echo 0000:00:04.0 > bind'",
      "--device 0000:00:04.0 --device 0000:00:05.0");
  EXPECT_EQ(answer.out, "noiommu-vfio1\nN\n");
  EXPECT_NE(answer.code, 0) << "a device without an IOMMU was bound without the parameter";
}

class ExecCase : public Exec, public testing::WithParamInterface<const char*> {};

TEST_P(ExecCase, GoesWell) {
  const Answer answer = run_case(GetParam());
  EXPECT_EQ(answer.code, 0);
  EXPECT_EQ(answer.err, "");
}

INSTANTIATE_TEST_SUITE_P(All, ExecCase,
                         testing::Values("descriptors", "last-close", "socket", "unmapped",
                                         "discarded", "fork", "shared", "bar", "interrupt",
                                         "threads", "signals", "killed-owner", "capability",
                                         "pagemap", "vectors", "group", "unbind"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

TEST_F(Exec, TellsADeviceThatIsGivenAnIova) {
  const Answer answer = run_case("wrong-address");
  EXPECT_EQ(answer.code, 0);
  EXPECT_THAT(answer.err, AllOf(HasSubstr("0000:00:04.0 reads 64 bytes at 0x200000"),
                                HasSubstr("0x200000 is an IOVA of IOAS 2: the memory lies at 0x")));
}

TEST_F(Exec, TellsADeviceThatIsGivenAMappingThatIsGone) {
  EXPECT_THAT(run_case("stale-address").err,
              HasSubstr("it was mapped at IOVA 0x200000 of IOAS 2, and is no longer"));
}

TEST_F(Exec, TellsADeviceThatLeavesTheRun) {
  EXPECT_THAT(run_case("past-the-run").err, AllOf(HasSubstr("are adjacent only up to there"),
                                                  HasSubstr("IOVA 0x201000 goes on at 0x")));
  EXPECT_EQ(run_case("past-the-run", "--frames contiguous").err, "");
}

TEST_F(Exec, StopsTheProgramWhenAskedTo) {
  const Answer answer = run_case("wrong-address", "--dma-check=abort");
  EXPECT_EQ(answer.code, 128 + SIGABRT);
  EXPECT_THAT(answer.err, HasSubstr("the program is stopped (--dma-check=abort)"));
  EXPECT_EQ(run_case("wrong-address", "--dma-check=off").err, "");
}

TEST_F(Exec, ServesTwoHundredProcessesAtOnce) {
  EXPECT_EQ(run_case("many 200").code, 0);
}

// Processes of `program`, or of any when it is empty, that have the word `mark` among their
// arguments; the oldest first.
std::vector<pid_t> running(const std::string& program, const std::string& mark) {
  std::vector<pid_t> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    std::ifstream file(entry.path() / "cmdline", std::ios::binary);
    std::vector<std::string> words;
    for (std::string word; std::getline(file, word, '\0');) words.push_back(word);
    const bool its = !words.empty() && (program.empty() || words.front() == program);
    if (its && std::ranges::find(words, mark) != words.end()) {
      found.push_back(std::stoi(entry.path().filename()));
    }
  }
  std::ranges::sort(found);
  return found;
}

// An argument that no other process has.
std::string new_mark() {
  static int marks = 0;
  return fmt::format("mark-{}-{}", getpid(), ++marks);
}

bool none_is_left(const std::string& mark) {
  for (int i = 0; i < 500; ++i) {
    if (running("", mark).empty()) return true;
    std::this_thread::sleep_for(10ms);
  }
  return false;
}

constexpr const char* kCases = NOIOMMU_PROGRAMS "/exec_cases";

TEST_F(Exec, LeavesNoProcessBehind) {
  const std::string mark = new_mark();
  EXPECT_EQ(run_case("leave-child " + mark).code, 7);
  EXPECT_EQ(run_case("abort " + mark).code, 128 + SIGABRT);
  EXPECT_TRUE(none_is_left(mark));
}

// Whoever is killed, the rest goes, too.
class ExecKilled : public Exec, public testing::WithParamInterface<const char*> {};

TEST_P(ExecKilled, LeavesNoProcessBehind) {
  const std::string mark = new_mark();
  const std::string command =
      fmt::format("exec timeout 60 {} exec -- {} hang {}", NOIOMMU_BINARY, kCases, mark);
  std::unique_ptr<FILE, decltype(&pclose)> pipe(popen(command.c_str(), "r"), pclose);
  std::array<char, 16> line{};
  ASSERT_NE(fgets(line.data(), line.size(), pipe.get()), nullptr);
  const std::vector<pid_t> victims = running(GetParam(), mark);
  ASSERT_FALSE(victims.empty());
  ASSERT_EQ(kill(victims.front(), SIGKILL), 0);
  EXPECT_NE(pclose(pipe.release()), 0);
  EXPECT_TRUE(none_is_left(mark));
}

INSTANTIATE_TEST_SUITE_P(All, ExecKilled, testing::Values(NOIOMMU_BINARY, kCases),
                         [](const auto& info) {
                           return info.index == 0 ? "Supervisor" : "Program";
                         });

// Debian's own programs, where they are installed.
class ExecDebian : public Exec {
 protected:
  void need(const std::string& program) {
    const std::string look = "command -v " + program + " >/dev/null";
    if (std::system(look.c_str()) != 0) GTEST_SKIP() << "there is no " << program;
  }
};

TEST_F(ExecDebian, Lspci) {
  need("lspci");
  if (IsSkipped()) return;
  const Answer answer = exec("lspci -v -s 00:04.0");
  EXPECT_THAT(answer.out,
              AllOf(HasSubstr("Device 1234:11e8 (rev 10)"),
                    HasSubstr("Memory at e0000000 (32-bit, non-prefetchable)"),
                    HasSubstr("IOMMU group 0"), HasSubstr("Kernel driver in use: vfio-pci")));
}

TEST_F(ExecDebian, Driverctl) {
  need("driverctl");
  if (IsSkipped()) return;
  EXPECT_THAT(exec("driverctl list-devices").out, HasSubstr("0000:00:04.0 vfio-pci [*]"));
}

// Without huge pages it does not take physical addresses, and so no device without an IOMMU.
TEST_F(ExecDebian, DpdkLooksForVfio) {
  need("dpdk-testpmd");
  if (IsSkipped()) return;
  const Answer answer = exec(
      "dpdk-testpmd --no-huge -m 64 -a 0000:00:04.0 --no-telemetry --log-level=lib.eal:debug"
      " -l 0 -- --total-num-mbufs=2048 </dev/null");
  EXPECT_THAT(answer.out + answer.err, AllOf(HasSubstr("IOMMU type 8 (No-IOMMU) is supported"),
                                             HasSubstr("VFIO support initialized")));
}

TEST_F(ExecDebian, DpdkUsesNoIommuMode) {
  need("dpdk-testpmd");
  if (IsSkipped()) return;
  constexpr const char* kPages = "/proc/sys/vm/nr_hugepages";
  int before = 0;
  std::ifstream(kPages) >> before;
  std::ofstream(kPages) << 64 << std::flush;
  int now = 0;
  std::ifstream(kPages) >> now;
  if (now < 64) GTEST_SKIP() << "no huge pages, and no right to have them";
  const Answer answer = exec(
      "dpdk-testpmd -m 64 --in-memory --single-file-segments -a 0000:00:04.0 -l 0"
      " --log-level=lib.eal:debug -- --total-num-mbufs=2048 </dev/null",
      "--device edu@0000:00:04.0,id=8086:10d3");
  std::ofstream(kPages) << before << std::flush;
  const std::string all = answer.out + answer.err;
  EXPECT_THAT(all, HasSubstr("probe driver: 8086:10d3 net_e1000_em"));
  EXPECT_THAT(all, HasSubstr("Using IOMMU type 8 (No-IOMMU)"));
  EXPECT_THAT(all, HasSubstr("PCI memory mapped at"));
  // The driver has met a device that is none of its own.
  EXPECT_THAT(all, HasSubstr("vendorID=0x8086 deviceID=0x10d3: failed to init HW"));
}

}  // namespace
}  // namespace noiommu::scenarios
