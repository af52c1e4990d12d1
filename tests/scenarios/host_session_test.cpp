// Scenarios on real system calls: ordinary files, /dev/null and the process's own memory.
#include "scenarios/backends/host/host_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>

#include "scenarios/backends/host/isolated_run.h"
#include "scenarios/backends/host/process_state.h"
#include "scenarios/engine/loader.h"
#include "tests/scenarios/host_tree.h"

namespace noiommu::scenarios::host {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using namespace std::chrono_literals;

// The host's session without its requirements.
class AnyMachine : public Backend {
 public:
  Files files;
  DeviceMap map;
  bool enters = false;  // the `process` keys are obeyed

  [[nodiscard]] std::string name() const override { return "any"; }
  [[nodiscard]] std::optional<std::string> unmet(const Scenario& /*scenario*/) const override {
    return std::nullopt;
  }
  [[nodiscard]] std::unique_ptr<Session> start(const Scenario& scenario) const override {
    if (enters && !enter(scenario.process)) throw Unmet("not permitted");
    return make_host_session(files, map);
  }
};

class HostSteps : public testing::Test {
 protected:
  // The result of a scenario with these keys and steps.
  [[nodiscard]] ScenarioResult run(const std::string& text,
                                   std::chrono::milliseconds limit = 60s) const {
    const auto scenarios = load_text("x.yaml", "scenario: s\n" + text);
    return run_isolated(backend, scenarios.at(0), false, limit).result;
  }
  void expect_pass(const std::string& text) const { EXPECT_EQ(run(text).reason, ""); }

  AnyMachine backend;
};

TEST_F(HostSteps, DescriptorsAreTheLowestFreeOnes) {
  const ScenarioResult result = run(R"(steps:
- {open: /dev/null, as: a}
- {dup: $a, as: b}
- {close: $a}
- {eventfd: , as: c}
- {mmap: {length: 4K, backing: memfd}, as: m}
- {read_event: $c, errno: EAGAIN}
)");
  EXPECT_EQ(result.reason, "");
  EXPECT_THAT(result.trace,
              ElementsAre("open(\"/dev/null\", O_RDWR) = 3", "dup(3) = 4", "close(3) = 0",
                          "eventfd(0, EFD_NONBLOCK) = 3", HasSubstr("{fd=5}"),
                          "read(3, 8) = -1 EAGAIN (Resource temporarily unavailable)",
                          "close(3) = 0", "close(4) = 0", "close(5) = 0"));
}

TEST_F(HostSteps, MemoryOfEveryKindHoldsWhatIsStored) {
  for (const char* backing : {"anon", "shared", "memfd"}) {
    expect_pass(fmt::format(R"(steps:
- {{mmap: {{length: 16K, backing: {}, touch: true}}, as: m}}
- {{peek: {{at: $m+0x3000, length: 3}}, expect: {{data: '010000'}}}}
- {{poke: {{at: $m+0xffb, data: '112233445566778899'}}}}
- {{peek: {{at: $m+0xffa, length: 11}}, expect: {{data: '0011223344556677889900'}}}}
- {{munmap: {{at: $m, length: 16K}}}}
- {{peek: {{at: $m, length: 1}}, errno: EFAULT}}
)",
                            backing));
  }
}

TEST_F(HostSteps, ABadAddressIsEfault) {
  expect_pass(R"(steps:
- {poke: {at: 0, data: '00'}, errno: EFAULT}
- {peek: {at: 0xffffffffffffffff, length: 1}, errno: EFAULT}
- {peek: {at: 0x8000000000000000, length: 8}, errno: EFAULT}
- {mmap: {length: 4K, backing: ro}, as: ro}
- {peek: {at: $ro, length: 1}, expect: {data: '00'}}
- {poke: {at: $ro, data: '01'}, errno: EFAULT}
- {mmap: {length: 4K, backing: none}, as: none}
- {peek: {at: $none, length: 1}, errno: EFAULT}
- {mmap: {length: 4K, backing: ro, touch: true}, errno: EFAULT}
)");
}

TEST_F(HostSteps, BeyondTheLastMappingThereIsNothing) {
  expect_pass(R"(steps:
- {mmap: {length: 8K, backing: anon}, as: m}
- {poke: {at: $m+0x1fff, data: 'aa'}}
- {poke: {at: $m+0x1fff, data: 'aabb'}, errno: EFAULT}
- {mmap: {length: 4K, backing: anon}, as: below}
- {poke: {at: $below+0xfff, data: 'aabb'}}
- {munmap: {at: $below, length: 4K}}
- {mmap: {length: 4K, backing: anon}, as: again}
- {poke: {at: $below, data: 'aa'}}
)");
}

// Touching a file's mapping beyond its end is SIGBUS, as with a BAR whose memory decoding is off.
TEST_F(HostSteps, ABusErrorIsEfault) {
  const HostTree tree;
  tree.file("/short", "x");
  backend.files = tree.files();
  expect_pass(R"(steps:
- {open: /short, as: f}
- {mmap: {fd: $f, offset: 0, length: 8K}, as: m}
- {peek: {at: $m, length: 2}, expect: {data: '7800'}}
- {peek: {at: $m+0x1000, length: 1}, errno: EFAULT}
- {poke: {at: $m+0x1000, data: '01'}, errno: EFAULT}
)");
}

TEST_F(HostSteps, ArgumentsOfImpossibleMappingsReachTheKernel) {
  expect_pass(R"(steps:
- {mmap: {length: 0, backing: anon}, errno: EINVAL}
- {mmap: {length: 0x7fffffff0000, backing: anon}, errno: ENOMEM}
- {mmap: {fd: $unset, offset: 0, length: 4K}, errno: EBADF}
- {munmap: {at: 1, length: 4K}, errno: EINVAL}
- {munmap: {at: 0x1000, length: 4K}}
- {munmap: {at: $unset, length: 4K}, errno: EINVAL}
)");
}

TEST_F(HostSteps, IoctlArgumentsAreMarshalled) {
  expect_pass(R"(steps:
- {open: /dev/null, as: n}
- ioctl: IOMMU_IOAS_MAP
  fd: $n
  args: {length: 4K}
  errno: ENOTTY
- ioctl: VFIO_GROUP_GET_DEVICE_FD
  fd: $n
  arg_string: '0000:00:04.0'
  errno: ENOTTY
- {ioctl: VFIO_GET_API_VERSION, fd: 77, arg: 0, errno: EBADF}
)");
}

TEST_F(HostSteps, FilesAreReadWrittenAndListed) {
  const HostTree tree;
  tree.two_edus();
  backend.files = tree.files();
  expect_pass(R"(steps:
- {write_file: /sys/module/vfio/parameters/enable_unsafe_noiommu_mode, text: N}
- {read_file: /sys/module/vfio/parameters/enable_unsafe_noiommu_mode, expect: N}
- {list: /sys/class/vfio-dev, expect: [noiommu-vfio0, noiommu-vfio1]}
- {list: /sys/class/nothing, errno: ENOENT}
- {readlink: /sys/bus/pci/devices/0000:00:05.0/iommu_group, expect: {basename: '1'}}
- {readlink: /dev/iommu, errno: EINVAL}
- {stat: /sys/class, expect: {type: dir}}
- {stat: /dev/iommu, expect: {type: file, mode: '0644'}}
- {pread: {fd: $unset, offset: 0, length: 4}, errno: EBADF}
)");
}

TEST_F(HostSteps, NamesFollowTheDeviceMap) {
  const HostTree tree;
  tree.noiommu_function("0000:00:03.0", 0, 0);
  tree.noiommu_function("0000:01:00.0", 1, 1);
  tree.file("/dev/vfio/devices/noiommu-vfio1", "the second");
  tree.file("/sys/bus/pci/devices/0000:01:00.0/uevent", "PCI_SLOT_NAME=0000:01:00.0\n");
  backend.files = tree.files();
  backend.map =
      DeviceMap(tree.facts(), {{.bdf = "0000:00:04.0"}}, {{"0000:00:04.0", "0000:01:00.0"}});
  expect_pass(R"(steps:
- {open: /dev/vfio/devices/noiommu-vfio0, as: d}
- {pread: {fd: $d, offset: 4, length: 6}, expect: {data: '7365636f6e64'}, returns: 6}
- {list: /sys/class/vfio-dev, expect: [noiommu-vfio0]}
- {write_file: /sys/bus/pci/drivers/vfio-pci/unbind, text: '0000:00:04.0'}
- {read_file: /sys/bus/pci/devices/0000:00:04.0/uevent, expect: 'PCI_SLOT_NAME=0000:00:04.0'}
- {readlink: /sys/bus/pci/devices/0000:00:04.0/iommu_group, expect: {basename: '0'}}
)");
  EXPECT_EQ(tree.text("/sys/bus/pci/drivers/vfio-pci/unbind"), "0000:01:00.0");
}

TEST_F(HostSteps, ASleepTakesItsTime) {
  const auto before = std::chrono::steady_clock::now();
  expect_pass("steps:\n- sleep: 30\n");
  EXPECT_GE(std::chrono::steady_clock::now() - before, 30ms);
}

TEST_F(HostSteps, AFailedStepIsToldAsOnTheModel) {
  const ScenarioResult result = run("steps:\n- {open: /dev/null, as: n}\n- open: /no/such\n");
  EXPECT_EQ(result.outcome, Outcome::kFailed);
  ASSERT_TRUE(result.failed_step);
  EXPECT_EQ(result.failed_step->number, 2U);
  EXPECT_EQ(result.failed_step->got, "ENOENT (No such file or directory)");
}

TEST_F(HostSteps, TheTimeLimitNamesTheStep) {
  const ScenarioResult result = run("steps:\n- {open: /dev/null}\n- sleep: 600000\n", 200ms);
  EXPECT_EQ(result.outcome, Outcome::kFailed);
  EXPECT_EQ(result.reason, "x.yaml:4: in step 2, sleep: 600000: no end within 0.2 s");
}

// A scenario can ask for the limits and capabilities of this process only as root.
class HostProcess : public HostSteps {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "wants root";
    backend.enters = true;
  }
};

TEST_F(HostProcess, CapabilitiesAreDroppedAndRaised) {
  const HostTree tree;
  tree.file("/secret", "x");
  chmod((tree.root() + "/secret").c_str(), 0);
  backend.files = tree.files();
  expect_pass(R"(process: {memlock: 64K, drop_caps: [CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH]}
steps:
- {open: /secret, errno: EACCES}
- {raise_cap: CAP_DAC_OVERRIDE}
- {open: /secret}
- {drop_cap: CAP_DAC_OVERRIDE}
- {open: /secret, errno: EACCES}
)");
}

TEST_F(HostProcess, AnotherUserKeepsTheCapabilities) {
  const HostTree tree;
  std::filesystem::permissions(tree.root(), std::filesystem::perms::all);
  tree.file("/secret", "x");
  chmod((tree.root() + "/secret").c_str(), 0660);  // root's, also for the group
  backend.files = tree.files();
  expect_pass("process: {uid: 1000, memlock: 64K}\nsteps:\n- {open: /secret}\n");
  expect_pass(
      R"(process: {uid: 1000, memlock: 64K, drop_caps: [CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH]}
steps:
- {open: /secret, errno: EACCES}
- {raise_cap: CAP_DAC_OVERRIDE}
- {open: /secret}
)");
}

TEST_F(HostProcess, TheUserIsReal) {
  const ScenarioResult result =
      run("process: {uid: 1000, memlock: 64K}\nsteps:\n- {read_file: /proc/self/loginuid}\n"
          "- {read_file: /proc/self/status, expect: x}\n");
  EXPECT_THAT(result.reason, HasSubstr("Uid:\\x091000\\x091000\\x091000\\x091000"));
}

TEST_F(HostProcess, TheLimitOfLockedMemoryIsSet) {
  const ScenarioResult result =
      run("process: {memlock: 64K}\nsteps:\n- {read_file: /proc/self/limits, expect: x}\n");
  EXPECT_THAT(result.reason, HasSubstr("Max locked memory         65536 "));
  // And may be moved up again by a process that has lost the right to exceed its hard limit.
  expect_pass(R"(process: {memlock: 64K, drop_caps: [CAP_SYS_RESOURCE]}
steps:
- {rlimit: {MEMLOCK: 128K}}
)");
}

// The parent is as it was.
TEST_F(HostProcess, NothingOfItStays) {
  rlimit before{};
  getrlimit(RLIMIT_MEMLOCK, &before);
  expect_pass("process: {uid: 1000, memlock: 4096}\nsteps:\n- {open: /dev/null}\n");
  rlimit after{};
  getrlimit(RLIMIT_MEMLOCK, &after);
  EXPECT_EQ(before.rlim_cur, after.rlim_cur);
  EXPECT_EQ(geteuid(), 0U);
}

// A back end whose process dies.
class Crashing : public AnyMachine {
 public:
  [[nodiscard]] std::unique_ptr<Session> start(const Scenario& /*scenario*/) const override {
    ::signal(SIGSEGV, SIG_DFL);
    raise(SIGSEGV);
    return nullptr;
  }
};

TEST(HostIsolation, ACrashIsAFailureThatNamesTheSignal) {
  const auto scenarios = load_text("x.yaml", "scenario: s\nsteps:\n- open: /dev/null\n");
  const ScenarioResult result = run_isolated(Crashing(), scenarios.at(0), false, 60s).result;
  EXPECT_EQ(result.outcome, Outcome::kFailed);
  EXPECT_EQ(result.name, "s");
  EXPECT_EQ(result.reason, "before the first step: killed by SIGSEGV (Segmentation fault)");
}

}  // namespace
}  // namespace noiommu::scenarios::host
