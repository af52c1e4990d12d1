// Files under `noiommu exec`: names in /dev and /sys, descriptors, and who may use them.
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "tests/exec/exec_test.h"

namespace noiommu::scenarios {
namespace {

using testing::HasSubstr;

class ExecFiles : public Exec {
 protected:
  Answer file_case(const std::string& name, const std::string& options = "") {
    return exec(NOIOMMU_PROGRAMS "/file_cases " + name, options);
  }
  static std::string command(const std::string& program) {
    return std::string(NOIOMMU_BINARY) + " exec -- " + program;
  }
  // A line of shell, with its messages.
  Answer shell(const std::string& line) {
    file("line", line);
    return noiommu("--version >/dev/null; sh ./line");
  }
};

class ExecFileCase : public ExecFiles, public testing::WithParamInterface<const char*> {};

TEST_P(ExecFileCase, GoesWell) {
  const Answer answer = file_case(GetParam());
  EXPECT_EQ(answer.code, 0);
  EXPECT_EQ(answer.err, "");
}

INSTANTIATE_TEST_SUITE_P(All, ExecFileCase,
                         testing::Values("terminal", "reopened", "closed-at-once", "mapped",
                                         "length", "fault-queue", "names", "config"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

double seconds_of_children() {
  rusage used{};
  getrusage(RUSAGE_CHILDREN, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

TEST_F(ExecFiles, LooksSeldomAtRegistersThatNobodyUses) {
  const double before = seconds_of_children();
  const Answer answer = file_case("idle");
  EXPECT_EQ(answer.code, 0) << answer.err;
  EXPECT_LT(seconds_of_children() - before, 0.5);
}

TEST_F(ExecFiles, GivesProgramsTheirTerminals) {
  EXPECT_EQ(exec("python3 -c 'import pty; pty.spawn([\"echo\", \"hello\"])'").out, "hello\r\n");
}

TEST_F(ExecFiles, AppendsToAttributes) {
  const std::string parameter = "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode";
  const Answer answer = exec("sh -c 'echo N >> " + parameter + "; cat " + parameter + "'");
  EXPECT_EQ(answer.out, "N\n") << answer.err;
  EXPECT_EQ(exec("python3 -c 'open(\"" + parameter + "\", \"a\").write(\"N\")'").err, "");
}

TEST_F(ExecFiles, LeavesTheLimitsToTheProgram) {
  const Answer few = shell("ulimit -S -n 64; " + command("sh -c 'ls /dev/vfio; ulimit -n'"));
  EXPECT_EQ(few.out, "devices\nnoiommu-0\nvfio\n64\n") << few.err;
  const Answer small = shell("ulimit -S -f 100; " + command(NOIOMMU_PROGRAMS "/file_cases mapped"));
  EXPECT_EQ(small.code, 0) << small.err;
}

class ExecAsRoot : public ExecFiles {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "this user is not root";
    ExecFiles::SetUp();
  }
};

TEST_F(ExecAsRoot, KeepsTheOwnersOfFiles) {
  const Answer answer =
      exec("sh -c 'touch x && chown 1000:1000 x && chmod 600 x && stat -c %u:%g x && cat x'");
  EXPECT_EQ(answer.out, "1000:1000\n") << answer.err;
}

TEST_F(ExecAsRoot, CanBecomeAnotherUser) {
  const Answer answer = exec(
      "setpriv --reuid=65534 --regid=65533 --clear-groups "
      "sh -c 'id -u; id -g; : <> /dev/vfio/devices/noiommu-vfio0'");
  EXPECT_EQ(answer.out, "65534\n65533\n");
  EXPECT_THAT(answer.err, HasSubstr("Permission denied"));
}

TEST_F(ExecAsRoot, RunsProgramsAsAnotherUser) {
  const Answer answer =
      exec("sh -c 'id -u; id -g; id -G; stat -c %u:%g /dev/iommu; grep CapEff /proc/self/status'",
           "--uid 1000");
  EXPECT_EQ(answer.out, "1000\n1000\n1000\n0:0\nCapEff:\t0000000000000000\n") << answer.err;
}

TEST_F(ExecAsRoot, SaysThatThereCanBeNoMoreProcesses) {
  for (const int most : {2, 3, 4}) {  // of a user that nobody is
    const Answer answer = shell(fmt::format(
        "cd / && exec setpriv --reuid={} --regid=1 --clear-groups prlimit --nproc={} timeout 20 {}",
        64120 + most, most, command("echo x")));
    EXPECT_EQ(answer.code, 2) << most;
    EXPECT_EQ(answer.out, "") << most;
    EXPECT_THAT(answer.err, HasSubstr("Resource temporarily unavailable")) << most;
  }
}

}  // namespace
}  // namespace noiommu::scenarios
