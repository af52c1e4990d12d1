// Each kind of step against a fake process: what passes, and what a failure says.
#include "scenarios/engine/step_runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scenarios/engine/loader.h"
#include "tests/scenarios/fake_backend.h"
#include "uapi/iommufd.h"
#include "uapi/vfio.h"

namespace noiommu::scenarios {
namespace {

using testing::ElementsAre;

class Steps : public testing::Test {
 protected:
  Steps() {
    session.files["/sys/parameter"] = "Y\n";
    session.ioctls[IOMMU_IOAS_ALLOC] = [](FakeSession& process, int, uint64_t at) {
      auto alloc = process.load<iommu_ioas_alloc>(at);
      alloc.out_ioas_id = 5;
      process.store(at, alloc);
      return 0;
    };
  }

  // Runs steps given without the list's dash; "pass" or what differs in the first bad one.
  std::string run(const std::vector<std::string>& steps) {
    std::string text = "scenario: s\nsteps:\n";
    for (const std::string& step : steps) text += "- " + step + "\n";
    const auto scenarios = load_text("x.yaml", text);
    for (const Step& step : scenarios.at(0).steps) {
      if (const auto mismatch = runner.run(step)) {
        return mismatch->expected + " / " + mismatch->got;
      }
    }
    return "pass";
  }
  [[nodiscard]] uint64_t variable(std::string_view name) const {
    return runner.variables().get(name);
  }

  FakeSession session;
  StepRunner runner{session};
};

TEST_F(Steps, OpenKeepsTheDescriptor) {
  EXPECT_EQ(run({"{open: /dev/iommu, as: a}", "{open: /dev/iommu, as: b}"}), "pass");
  EXPECT_EQ(variable("a"), 3U);
  EXPECT_EQ(variable("b"), 4U);
}

TEST_F(Steps, ASuccessIsNotAnErrno) {
  EXPECT_EQ(run({"{open: /dev/iommu, errno: EPERM}"}),
            "EPERM (Operation not permitted) / success, 3 returned");
}

TEST_F(Steps, AnErrnoIsNotASuccess) {
  EXPECT_EQ(run({"open: /nowhere"}), "success / ENOENT (No such file or directory)");
}

TEST_F(Steps, AnErrnoIsNotAnotherErrno) {
  EXPECT_EQ(run({"{open: /nowhere, errno: ENOENT}"}), "pass");
  EXPECT_EQ(run({"{open: /nowhere, errno: EPERM}"}),
            "EPERM (Operation not permitted) / ENOENT (No such file or directory)");
}

TEST_F(Steps, AFailedStepLeavesItsNameAlone) {
  EXPECT_EQ(run({"{open: /dev/iommu, as: a}", "{open: /nowhere, as: a, errno: ENOENT}",
                 "{dup: $a, as: b}"}),
            "pass");
  EXPECT_EQ(variable("a"), 3U);
}

TEST_F(Steps, AnUnsetNameIsNoDescriptor) {
  EXPECT_EQ(run({"{close: $nobody, errno: EBADF}"}), "pass");
}

TEST_F(Steps, AClosedNameKeepsItsNumber) {
  EXPECT_EQ(run({"{open: /dev/iommu, as: a}", "close: $a", "{close: $a, errno: EBADF}",
                 "{open: /dev/iommu, as: b}", "close: $a"}),
            "pass");
}

TEST_F(Steps, FinishClosesTheRestInOrder) {
  EXPECT_EQ(run({"{open: /dev/iommu, as: a}", "{eventfd: , as: b}", "{dup: $a, as: c}",
                 "{mmap: {length: 4K, backing: memfd}, as: m}", "close: $b"}),
            "pass");
  runner.finish();
  EXPECT_THAT(session.closed, ElementsAre(4, 3, 5, 6));
}

TEST_F(Steps, IoctlSendsDefaultsArgumentsAndData) {
  std::vector<uint32_t> words;
  session.ioctls[VFIO_DEVICE_SET_IRQS] = [&](FakeSession& process, int, uint64_t at) {
    for (uint64_t i = 0; i < 7; ++i)
      words.push_back(process.load<uint32_t>(at + i * sizeof(uint32_t)));
    return 0;
  };
  EXPECT_EQ(run({"{open: /dev/iommu, as: a}",
                 "{ioctl: VFIO_DEVICE_SET_IRQS, fd: $a, data_s32: [-1, $a], args: {index: 2, "
                 "flags: VFIO_IRQ_SET_DATA_EVENTFD|VFIO_IRQ_SET_ACTION_TRIGGER, count: 2}}"}),
            "pass");
  EXPECT_THAT(words, ElementsAre(20, 0x24, 2, 0, 2, 0xffffffff, 3));
}

TEST_F(Steps, IoctlPutsDataBehindTheFullStructure) {
  uint64_t behind = 0;
  uint32_t argsz = 0;
  session.ioctls[VFIO_DEVICE_BIND_IOMMUFD] = [&](FakeSession& process, int, uint64_t at) {
    argsz = process.load<uint32_t>(at);
    behind = process.load<uint64_t>(at + sizeof(vfio_device_bind_iommufd));
    return 0;
  };
  EXPECT_EQ(run({"{open: /dev/iommu, as: a}",
                 "{ioctl: VFIO_DEVICE_BIND_IOMMUFD, fd: $a, data: 0000000000000001}"}),
            "pass");
  EXPECT_EQ(argsz, 16U);
  EXPECT_EQ(behind, uint64_t{1} << 56);
}

TEST_F(Steps, IoctlOffersZerosUpToTheDeclaredSize) {
  session.ioctls[IOMMU_DESTROY] = [](FakeSession& process, int, uint64_t at) -> Result<int64_t> {
    std::vector<std::byte> page(process.load<uint32_t>(at));
    if (!process.peek(at, page)) return Err(EFAULT);
    const bool zeros = std::all_of(page.begin() + 8, page.end(),
                                   [](std::byte byte) { return byte == std::byte{0}; });
    return zeros ? Result<int64_t>(0) : Err(E2BIG);
  };
  EXPECT_EQ(
      run({"{open: /dev/iommu, as: a}", "{ioctl: IOMMU_DESTROY, fd: $a, args: {size: 0x1000}}"}),
      "pass");
}

TEST_F(Steps, IoctlPointsToArrays) {
  std::vector<uint64_t> items;
  session.ioctls[IOMMU_IOAS_ALLOW_IOVAS] = [&](FakeSession& process, int, uint64_t at) {
    const auto allow = process.load<iommu_ioas_allow_iovas>(at);
    for (uint64_t i = 0; i < 2; ++i) {
      items.push_back(process.load<uint64_t>(allow.allowed_iovas + i * sizeof(uint64_t)));
    }
    return 0;
  };
  EXPECT_EQ(run({"{open: /dev/iommu, as: a}",
                 "{ioctl: IOMMU_IOAS_ALLOW_IOVAS, fd: $a, args: {num_iovas: 1, allowed_iovas: "
                 "{u64: [0x1000, 0x1fff]}}}"}),
            "pass");
  EXPECT_THAT(items, ElementsAre(0x1000, 0x1fff));
}

TEST_F(Steps, IoctlComparesAndSavesFields) {
  EXPECT_EQ(run({"{open: /dev/iommu, as: a}",
                 "{ioctl: IOMMU_IOAS_ALLOC, fd: $a, save: {out_ioas_id: ioas}, expect: "
                 "{out_ioas_id: 5}}"}),
            "pass");
  EXPECT_EQ(variable("ioas"), 5U);
  EXPECT_EQ(run({"{ioctl: IOMMU_IOAS_ALLOC, fd: $a, expect: {out_ioas_id: 6, flags: 1}}"}),
            "out_ioas_id=6, flags=0x1 / out_ioas_id=5, flags=0");
}

TEST_F(Steps, AFailedIoctlSavesNothing) {
  EXPECT_EQ(run({"{ioctl: IOMMU_IOAS_ALLOC, fd: $none, save: {out_ioas_id: ioas}, errno: EBADF}"}),
            "pass");
  EXPECT_EQ(variable("ioas"), UINT64_MAX);
}

TEST_F(Steps, IoctlMayAnswerFieldsAlongWithAnErrno) {
  session.ioctls[IOMMU_IOAS_IOVA_RANGES] = [](FakeSession& process, int,
                                              uint64_t at) -> Result<int64_t> {
    auto ranges = process.load<iommu_ioas_iova_ranges>(at);
    ranges.num_iovas = 1;
    process.store(at, ranges);
    return Err(EMSGSIZE);
  };
  const std::string call = "{ioctl: IOMMU_IOAS_IOVA_RANGES, fd: $a, errno: EMSGSIZE, expect: ";
  EXPECT_EQ(run({"{open: /dev/iommu, as: a}", call + "{num_iovas: 1}}"}), "pass");
  EXPECT_EQ(run({call + "{num_iovas: 2}}"}), "num_iovas=2 / num_iovas=1");
}

TEST_F(Steps, PhysicalAddressesAreCheckedByProperty) {
  uint64_t phys = 0x12345080;
  session.ioctls[IOMMU_IOAS_NOIOMMU_GET_PA] = [&](FakeSession& process, int, uint64_t at) {
    auto get_pa = process.load<iommu_ioas_noiommu_get_pa>(at);
    get_pa.out_phys = phys;
    process.store(at, get_pa);
    return 0;
  };
  const std::string call =
      "{ioctl: IOMMU_IOAS_NOIOMMU_GET_PA, fd: $a, "
      "expect: {out_phys: nonzero, out_phys_page_offset: 0x80}}";
  EXPECT_EQ(run({"{open: /dev/iommu, as: a}", call}), "pass");
  phys = 0x12345081;
  EXPECT_EQ(run({call}), "out_phys_page_offset 0x80 / out_phys_page_offset 0x81");
  phys = 0;
  EXPECT_EQ(run({call}),
            "out_phys nonzero, out_phys_page_offset 0x80 / out_phys 0, out_phys_page_offset 0x0");
}

TEST_F(Steps, AnIoctlReturnsZeroUnlessTheStepSaysOtherwise) {
  session.ioctls[VFIO_CHECK_EXTENSION] = [](FakeSession&, int, uint64_t extension) {
    return extension == 8 ? 1 : 0;
  };
  const std::string call = "{ioctl: VFIO_CHECK_EXTENSION, fd: $a, arg: ";
  EXPECT_EQ(
      run({"{open: /dev/vfio/vfio, as: a}", call + "VFIO_NOIOMMU_IOMMU, returns: 1}", call + "1}"}),
      "pass");
  EXPECT_EQ(run({call + "8}"}), "0 returned / 1 returned");
  EXPECT_EQ(run({call + "1, returns: 1}"}), "1 returned / 0 returned");
}

TEST_F(Steps, AnIoctlMayMakeADescriptor) {
  std::string name;
  session.ioctls[VFIO_GROUP_GET_DEVICE_FD] = [&](FakeSession& process, int, uint64_t at) {
    for (char c = 0; (c = process.load<char>(at++)) != '\0';) name += c;
    return process.new_descriptor("device");
  };
  EXPECT_EQ(run({"{open: /dev/vfio/vfio, as: g}",
                 "{ioctl: VFIO_GROUP_GET_DEVICE_FD, fd: $g, arg_string: '0000:00:04.0', as: d}"}),
            "pass");
  EXPECT_EQ(name, "0000:00:04.0");
  EXPECT_EQ(variable("d"), 4U);
  runner.finish();
  EXPECT_THAT(session.closed, ElementsAre(3, 4));
}

TEST_F(Steps, MemoryIsPokedAndPeeked) {
  EXPECT_EQ(run({"{mmap: {length: 8K, backing: anon, touch: true}, as: m}",
                 "poke: {at: $m+0x1000, data: '0102'}",
                 "{peek: {at: $m+0x1000, length: 4}, expect: {data: '01020000'}}"}),
            "pass");
  EXPECT_EQ(run({"{peek: {at: $m, length: 1}, expect: {data: '01'}}"}), "data 01 / data 00");
  EXPECT_EQ(run({"munmap: {at: $m, length: 8K}", "{peek: {at: $m, length: 1}, errno: EFAULT}",
                 "{poke: {at: $m, data: '00'}, errno: EFAULT}"}),
            "pass");
}

TEST_F(Steps, MemfdAlsoNamesADescriptor) {
  EXPECT_EQ(run({"{mmap: {length: 4K, backing: memfd}, as: m}", "close: $m.fd"}), "pass");
  EXPECT_THAT(session.closed, ElementsAre(3));
}

TEST_F(Steps, AFileMayBeMapped) {
  EXPECT_EQ(run({"{mmap: {fd: $d, offset: 0, length: 4K}, as: bar, errno: EBADF}",
                 "{open: /dev/iommu, as: d}", "{mmap: {fd: $d, offset: 0, length: 4K}, as: bar}",
                 "poke: {at: $bar, data: '01'}"}),
            "pass");
}

TEST_F(Steps, RegistersAreReadAndWritten) {
  const std::string pread = "{pread: {fd: $d, offset: 2, length: ";
  EXPECT_EQ(run({"{open: /dev/iommu, as: d}", pread + "2}, returns: 2, expect: {data: '0203'}}",
                 pread + "16}, returns: 6}",
                 "{pread: {fd: $d, offset: 8, length: 1}, errno: "
                 "EINVAL}"}),
            "pass");
  EXPECT_EQ(run({pread + "2}, expect: {data: '0202'}}"}), "data 0202 / data 0203");
  EXPECT_EQ(run({pread + "2}, returns: 3}"}), "3 returned / 2 returned");
  EXPECT_EQ(run({"{pwrite: {fd: $d, offset: 2, u32: 0x11223344}, returns: 4}",
                 "{pwrite: {fd: $d, offset: 6, u16: 0x5566}, returns: 2}",
                 "{pwrite: {fd: $d, offset: 0, data: 'aabb'}, returns: 2}",
                 "{pread: {fd: $d, offset: 0, length: 8}, expect: {data: aabb443322116655}}",
                 "{pwrite: {fd: $d, offset: 0, u64: $nobody}, returns: 8}",
                 "{pread: {fd: $d, offset: 6, length: 2}, expect: {data: ffff}}"}),
            "pass");
}

TEST_F(Steps, AHugeReadNeedsNoHugeBuffer) {
  EXPECT_EQ(run({"{open: /dev/iommu, as: d}",
                 "{pread: {fd: $d, offset: 0, length: U64_MAX}, returns: 8}"}),
            "pass");
}

TEST_F(Steps, EventsAreCounted) {
  EXPECT_EQ(run({"{eventfd: , as: e}", "{read_event: $e, errno: EAGAIN}"}), "pass");
  session.event_count = 2;
  EXPECT_EQ(run({"{read_event: $e, expect: {count: 2}}"}), "pass");
  session.event_count = 2;
  EXPECT_EQ(run({"{read_event: $e, expect: {count: 1}}"}), "count 1 / count 2");
}

TEST_F(Steps, TheProcessCanBeChanged) {
  EXPECT_EQ(run({"drop_cap: CAP_SYS_RAWIO", "raise_cap: CAP_IPC_LOCK", "rlimit: {MEMLOCK: 64K}",
                 "sleep: 60", "sleep: 40"}),
            "pass");
  EXPECT_FALSE(session.capabilities.at(17));
  EXPECT_TRUE(session.capabilities.at(14));
  EXPECT_EQ(session.memlock, 65536U);
  EXPECT_EQ(session.slept, 100U);
}

TEST_F(Steps, FilesAreWrittenAndRead) {
  EXPECT_EQ(
      run({"{read_file: /sys/parameter, expect: Y}", "{write_file: /sys/parameter, text: '0'}",
           "{read_file: /sys/parameter, expect: 0}"}),
      "pass");
  EXPECT_EQ(run({"{read_file: /sys/parameter, expect: 1}"}), "\"1\" / \"0\"");
  EXPECT_THAT(session.closed, ElementsAre(3, 3, 3, 3));
}

TEST_F(Steps, AFailedWriteClosesTheFile) {
  EXPECT_EQ(run({"{write_file: /nowhere, text: x, errno: ENOENT}",
                 "{write_file: /sys/parameter, text: refused, errno: EINVAL}"}),
            "pass");
  EXPECT_THAT(session.closed, ElementsAre(3));
}

TEST_F(Steps, LongFilesAreReadToTheEnd) {
  session.files["/long"] = std::string(5000, 'x');
  session.files["/long"].push_back('y');
  EXPECT_EQ(run({"{read_file: /long, expect: " + std::string(5000, 'x') + "y}"}), "pass");
}

TEST_F(Steps, FoldersAreComparedSorted) {
  session.folders["/dev/vfio"] = {"vfio", "devices"};
  EXPECT_EQ(run({"{list: /dev/vfio, expect: [devices, vfio]}", "list: /dev/vfio",
                 "{list: /none, errno: ENOENT}"}),
            "pass");
  EXPECT_EQ(run({"{list: /dev/vfio, expect: [vfio]}"}), "[vfio] / [devices, vfio]");
}

TEST_F(Steps, LinksAreComparedByLastPart) {
  session.links["/group"] = "../../kernel/iommu_groups/0";
  EXPECT_EQ(run({"{readlink: /group, expect: {basename: 0}}", "{readlink: /none, errno: EINVAL}"}),
            "pass");
  EXPECT_EQ(run({"{readlink: /group, expect: {basename: 1}}"}), "basename 1 / basename 0");
}

TEST_F(Steps, NodesAreCompared) {
  session.stats["/dev/vfio/noiommu-0"] = {FileStat::Type::kChar, 0600};
  const std::string stat = "{stat: /dev/vfio/noiommu-0, expect: ";
  EXPECT_EQ(run({stat + "{type: char, mode: '0600'}}", "{stat: /none, errno: ENOENT}"}), "pass");
  EXPECT_EQ(run({stat + "{type: dir, mode: 0755}}"}), "type dir, mode 0755 / type char, mode 0600");
}

TEST_F(Steps, TheTraceHasEveryCall) {
  run({"{open: /dev/iommu, as: a}", "{ioctl: IOMMU_IOAS_ALLOC, fd: $a}",
       "{write_file: /sys/parameter, text: 'N'}",
       "{pread: {fd: $a, offset: 6, length: 4}, returns: 2}"});
  runner.finish();
  EXPECT_THAT(runner.trace(),
              ElementsAre("open(\"/dev/iommu\", O_RDWR) = 3",
                          "ioctl(3, IOMMU_IOAS_ALLOC, {size=12, flags=0}) = 0 {out_ioas_id=5}",
                          "open(\"/sys/parameter\", O_WRONLY) = 4", "write(4, \"N\", 1) = 1",
                          "close(4) = 0", "pread(3, 4, 0x6) = 2 {0607}", "close(3) = 0"));
}

}  // namespace
}  // namespace noiommu::scenarios
