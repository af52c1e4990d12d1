// Loading scenario files: what a good one becomes, and where and how a bad one is refused.
#include "scenarios/engine/loader.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "scenarios/engine/yaml_reader.h"
#include "tests/support/scratch_folder.h"

namespace noiommu::scenarios {
namespace {

using tests::ScratchFolder;

using testing::ElementsAre;
using testing::HasSubstr;

Scenario load(const std::string& text) {
  return load_text("x.yaml", text).at(0);
}

// One step, given without the list's dash, e.g. "open: /a\n  errno: EPERM".
Step load_step(const std::string& step) {
  return load("scenario: s\nsteps:\n- " + step + "\n").steps.at(0);
}

std::string error_of(const std::string& text) {
  try {
    const auto scenarios = load_text("x.yaml", text);
    return "no error";
  } catch (const LoadError& error) {
    return error.what();
  }
}

// The step starts at line 3, column 3.
std::string step_error(const std::string& step) {
  return error_of("scenario: s\nsteps:\n- " + step + "\n");
}

std::string map_error(const std::string& args) {
  return step_error("ioctl: IOMMU_IOAS_MAP\n  fd: $fd\n  args: {" + args + "}");
}

Bytes bytes(std::initializer_list<int> values) {
  Bytes result;
  for (const int value : values) result.push_back(std::byte(value));
  return result;
}

TEST(Loader, ReadsEveryKeyOfADocument) {
  const Scenario scenario = load(R"(scenario: all-keys
about: one line
kernel:
  revision: v5
  config: {VFIO_GROUP: n, IOMMUFD: m}
  params: {vfio.enable_unsafe_noiommu_mode: N}
devices:
- {bdf: '0000:00:04.0', model: edu, iommu: none}
- {bdf: '0000:00:05.0', model: edu-flr, iommu: present}
process: {drop_caps: [CAP_SYS_RAWIO], memlock: 64K, uid: 1000}
steps:
- open: /dev/iommu
  as: iommufd
)");
  EXPECT_EQ(scenario.name, "all-keys");
  EXPECT_EQ(scenario.about, "one line");
  EXPECT_EQ(scenario.file, "x.yaml");
  EXPECT_EQ(scenario.line, 1);
  EXPECT_EQ(scenario.kernel.design.name, "v5");
  EXPECT_EQ(scenario.kernel.config.at("VFIO_GROUP"), Tristate::kNo);
  EXPECT_EQ(scenario.kernel.config.at("IOMMUFD"), Tristate::kModule);
  EXPECT_EQ(scenario.kernel.params.at("vfio.enable_unsafe_noiommu_mode"), "N");
  ASSERT_EQ(scenario.devices.size(), 2U);
  EXPECT_EQ(scenario.devices[0].bdf, "0000:00:04.0");
  EXPECT_EQ(scenario.devices[0].model, DeviceNeeds::Model::kEdu);
  EXPECT_FALSE(scenario.devices[0].behind_iommu);
  EXPECT_EQ(scenario.devices[1].model, DeviceNeeds::Model::kEduFlr);
  EXPECT_TRUE(scenario.devices[1].behind_iommu);
  EXPECT_THAT(scenario.process.dropped_capabilities, ElementsAre(17));
  EXPECT_EQ(scenario.process.memlock, 65536U);
  EXPECT_EQ(scenario.process.uid, 1000U);
  ASSERT_EQ(scenario.steps.size(), 1U);
  EXPECT_EQ(scenario.steps[0].line, 12);
  EXPECT_EQ(scenario.steps[0].column, 3);
  EXPECT_EQ(scenario.steps[0].title, "open: /dev/iommu");
  EXPECT_EQ(scenario.steps[0].as, "iommufd");
}

TEST(Loader, ReadsDocumentsOneByOne) {
  const auto scenarios = load_text("x.yaml",
                                   "---\nscenario: a\nsteps:\n- sleep: 1\n"
                                   "---\nscenario: b\nsteps:\n- sleep: 2\n---\n");
  ASSERT_EQ(scenarios.size(), 2U);
  EXPECT_EQ(scenarios[1].name, "b");
  EXPECT_EQ(scenarios[1].line, 6);
}

TEST(Loader, TheActionNeedNotComeFirst) {
  const Step step = load_step("as: dev\n  flags: rdonly\n  open: /dev/x");
  EXPECT_EQ(std::get<OpenStep>(step.action).path, "/dev/x");
  EXPECT_EQ(std::get<OpenStep>(step.action).flags, O_RDONLY);
}

TEST(Loader, ErrnoIsANumber) {
  EXPECT_EQ(load_step("close: $fd\n  errno: EBADF").error, Errno{EBADF});
  EXPECT_EQ(load_step("close: $fd\n  errno: EWOULDBLOCK").error, Errno{EAGAIN});
}

TEST(Loader, IoctlArgumentsKnowTheirFields) {
  const Step step = load_step(
      "ioctl: IOMMU_IOAS_ALLOW_IOVAS\n"
      "  fd: $iommufd\n"
      "  args: {ioas_id: 0x10, allowed_iovas: {u64: [1, 2]}}\n"
      "  save: {num_iovas: n}\n"
      "  expect: {num_iovas: 3}\n"
      "  data: '0102'");
  const auto& ioctl = std::get<IoctlStep>(step.action);
  EXPECT_EQ(ioctl.command->name, "IOMMU_IOAS_ALLOW_IOVAS");
  EXPECT_EQ(ioctl.fd.name, "iommufd");
  const auto& argument = std::get<IoctlStruct>(ioctl.argument);
  ASSERT_EQ(argument.args.size(), 2U);
  EXPECT_EQ(argument.args[0].field->name, "ioas_id");
  EXPECT_EQ(std::get<Value>(argument.args[0].value).number, 16U);
  EXPECT_EQ(std::get<std::vector<Value>>(argument.args[1].value).size(), 2U);
  EXPECT_EQ(std::get<Bytes>(argument.data), bytes({1, 2}));
  EXPECT_EQ(ioctl.save.at(0).name, "n");
  EXPECT_EQ(ioctl.expect.at(0).value.number, 3U);
}

TEST(Loader, PhysicalAddressesAreExpectedByProperty) {
  const Step step = load_step(
      "ioctl: IOMMU_IOAS_NOIOMMU_GET_PA\n  fd: $fd\n"
      "  expect: {out_phys: nonzero, out_phys_page_offset: 0x80}");
  const auto& expect = std::get<IoctlStep>(step.action).expect;
  EXPECT_EQ(expect.at(0).kind, ExpectedField::Kind::kNonzero);
  EXPECT_EQ(expect.at(1).kind, ExpectedField::Kind::kPageOffset);
  EXPECT_EQ(expect.at(1).field->name, "out_phys");
}

TEST(Loader, IoctlArgumentsMayBePlain) {
  const Step number = load_step("ioctl: VFIO_SET_IOMMU\n  fd: $fd\n  arg: VFIO_NOIOMMU_IOMMU");
  EXPECT_EQ(std::get<Value>(std::get<IoctlStep>(number.action).argument).number, 8U);
  const Step text = load_step("ioctl: VFIO_GROUP_GET_DEVICE_FD\n  fd: $g\n  arg_string: '0:4'");
  EXPECT_EQ(std::get<std::string>(std::get<IoctlStep>(text.action).argument), "0:4");
  const Step none = load_step("ioctl: VFIO_DEVICE_RESET\n  fd: $fd");
  EXPECT_EQ(std::get<Value>(std::get<IoctlStep>(none.action).argument).number, 0U);
}

TEST(Loader, HexStaysText) {
  const auto poke = std::get<PokeStep>(load_step("poke: {at: $m, data: 0102030405060708}").action);
  EXPECT_EQ(poke.data, bytes({1, 2, 3, 4, 5, 6, 7, 8}));
}

TEST(Loader, MmapIsMemoryOrAFile) {
  const auto memory =
      std::get<MmapStep>(load_step("mmap: {length: 2M, backing: huge, touch: true}").action);
  EXPECT_EQ(memory.backing, Backing::kHuge);
  EXPECT_TRUE(memory.touch);
  const auto file =
      std::get<MmapFileStep>(load_step("mmap: {fd: $d, offset: 0, length: 4K}").action);
  EXPECT_EQ(file.length.number, 4096U);
}

TEST(Loader, EventfdTakesNothing) {
  EXPECT_TRUE(std::holds_alternative<EventfdStep>(load_step("eventfd:\n  as: e").action));
  EXPECT_TRUE(std::holds_alternative<EventfdStep>(load_step("eventfd: ''\n  as: e").action));
  EXPECT_EQ(step_error("eventfd: 3"), "x.yaml:3:12: eventfd takes nothing after the colon");
}

TEST(Loader, ModesAreOctal) {
  const auto stat =
      std::get<StatStep>(load_step("stat: /a\n  expect: {type: char, mode: '0600'}").action);
  EXPECT_EQ(stat.type, FileStat::Type::kChar);
  EXPECT_EQ(stat.mode, 0600U);
  EXPECT_EQ(step_error("stat: /a\n  expect: {mode: 0689}"),
            "x.yaml:4:18: mode: '0689' is not an octal mode such as 0600");
}

TEST(LoaderErrors, NameThePlaceAndTheNearestWord) {
  EXPECT_EQ(error_of("scenario: s\nstepz:\n- sleep: 1\n"),
            "x.yaml:2:1: unknown key 'stepz' in a scenario; did you mean 'steps'?");
  EXPECT_EQ(step_error("open: /a\n  erno: EPERM"),
            "x.yaml:4:3: unknown key 'erno' in this open step; did you mean 'errno'?");
  EXPECT_EQ(step_error("opne: /a\n  as: x"),
            "x.yaml:3:3: unknown action 'opne'; did you mean 'open'?");
  EXPECT_EQ(step_error("munmap: {at: $m, lenght: 1}"),
            "x.yaml:3:20: unknown key 'lenght' in munmap; did you mean 'length'?");
  EXPECT_EQ(step_error("open: /a\n  errno: EPREM"),
            "x.yaml:4:10: unknown errno 'EPREM'; did you mean 'EPERM'?");
  EXPECT_EQ(step_error("open: /a\n  flags: rdrw"),
            "x.yaml:4:10: unknown flags 'rdrw'; did you mean 'rdwr'?");
  EXPECT_EQ(step_error("drop_cap: CAP_SYS_RAWI"),
            "x.yaml:3:13: unknown capability 'CAP_SYS_RAWI'; did you mean 'CAP_SYS_RAWIO'?");
  EXPECT_EQ(step_error("mmap: {length: 4K, backing: annon}"),
            "x.yaml:3:31: unknown backing 'annon'; did you mean 'anon'?");
  EXPECT_EQ(step_error("ioctl: IOMMU_IOAS_MAPP\n  fd: $fd"),
            "x.yaml:3:10: unknown ioctl 'IOMMU_IOAS_MAPP'; did you mean 'IOMMU_IOAS_MAP'?");
  EXPECT_EQ(map_error("iovva: 1"),
            "x.yaml:5:10: unknown field 'iovva' in IOMMU_IOAS_MAP; did you mean 'iova'?");
  EXPECT_EQ(map_error("flags: IOMMU_IOAS_MAP_READBLE"),
            "x.yaml:5:17: flags: unknown constant 'IOMMU_IOAS_MAP_READBLE'; did you mean "
            "'IOMMU_IOAS_MAP_READABLE'?");
  EXPECT_EQ(error_of("scenario: s\nkernel: {revision: v8}\nsteps:\n- sleep: 1\n"),
            "x.yaml:2:20: unknown revision 'v8'; did you mean 'v4'?");
  EXPECT_EQ(error_of("scenario: s\ndevices:\n- {bdf: '0000:00:04.0', model: edy, iommu: none}\n"
                     "steps:\n- sleep: 1\n"),
            "x.yaml:3:32: unknown model 'edy'; did you mean 'edu'?");
}

TEST(LoaderErrors, RequiredFieldsAreNamed) {
  EXPECT_EQ(error_of("about: x\nsteps:\n- sleep: 1\n"), "x.yaml:1:1: a scenario needs 'scenario'");
  EXPECT_EQ(error_of("scenario: s\n"), "x.yaml:1:1: a scenario needs 'steps'");
  EXPECT_EQ(error_of("scenario: s\nsteps: []\n"), "x.yaml:2:8: a scenario needs at least one step");
  EXPECT_EQ(step_error("ioctl: IOMMU_IOAS_MAP"), "x.yaml:3:3: this ioctl step needs 'fd'");
  EXPECT_EQ(step_error("write_file: /a"), "x.yaml:3:3: this write_file step needs 'text'");
  EXPECT_EQ(step_error("pwrite: {fd: $d, offset: 0}"),
            "x.yaml:3:11: pwrite needs 'data', 'u16', 'u32' or 'u64'");
  EXPECT_EQ(step_error("{}"), "x.yaml:3:3: a step needs an action, such as 'open' or 'ioctl'");
}

TEST(LoaderErrors, ShapesAreChecked) {
  EXPECT_EQ(error_of("- a\n"), "x.yaml:1:1: a scenario must be a map of keys and values");
  EXPECT_EQ(error_of("scenario: s\nsteps: {open: /a}\n"), "x.yaml:2:8: steps must be a list");
  EXPECT_EQ(step_error("sleep"), "x.yaml:3:3: a step must be a map of keys and values");
  EXPECT_EQ(step_error("open: [a]"), "x.yaml:3:9: open must be a single word or number");
  EXPECT_EQ(step_error("mmap: 4K"), "x.yaml:3:9: mmap must be a map of keys and values");
  EXPECT_EQ(step_error("list: /a\n  expect: b"), "x.yaml:4:11: expect must be a list");
  EXPECT_EQ(step_error("mmap: {length: 4K, touch: yes}"),
            "x.yaml:3:29: unknown touch 'yes'; did you mean 'true'?");
}

TEST(LoaderErrors, NumbersMustParseAndFit) {
  EXPECT_THAT(step_error("sleep: soon"), HasSubstr("x.yaml:3:10: sleep: unknown constant 'soon'"));
  EXPECT_EQ(step_error("sleep: 1Q"),
            "x.yaml:3:10: sleep: '1Q' is not a number; write decimal or 0x hex, with K, M, G or T "
            "if need be");
  EXPECT_EQ(step_error("sleep: $x"), "x.yaml:3:10: sleep cannot be a variable");
  EXPECT_EQ(map_error("flags: 0x100000000"),
            "x.yaml:5:17: flags: 0x100000000 does not fit 32 bits");
  EXPECT_EQ(map_error("iova: -1"), "x.yaml:5:16: iova: -1 does not fit 64 bits without a sign");
  EXPECT_EQ(step_error("pwrite: {fd: $d, offset: 0, u16: 0x10000}"),
            "x.yaml:3:36: u16: 0x10000 does not fit 16 bits");
  EXPECT_EQ(step_error("poke: {at: $m, data: 012}"),
            "x.yaml:3:24: data: hex needs two digits per byte");
  EXPECT_EQ(step_error("poke: {at: $m, data: 01zz}"), "x.yaml:3:24: data: 'zz' is not a hex byte");
}

TEST(LoaderErrors, AStepHasOneActionAndOneAnswer) {
  EXPECT_EQ(step_error("open: /a\n  close: $x"),
            "x.yaml:4:3: two actions in one step: 'open' and 'close'");
  EXPECT_EQ(step_error("pread: {fd: $d, offset: 0, length: 1}\n  returns: 1\n  errno: EIO"),
            "x.yaml:4:12: a step that must fail returns nothing");
  EXPECT_EQ(step_error("list: /a\n  expect: [b]\n  errno: EIO"),
            "x.yaml:4:11: a step that must fail has nothing to expect");
}

TEST(LoaderErrors, IoctlArgumentsHaveOneForm) {
  const std::string map = "ioctl: IOMMU_IOAS_MAP\n  fd: $fd\n  ";
  EXPECT_EQ(step_error(map + "args: {iova: 0}\n  arg: 0"),
            "x.yaml:5:9: 'args' excludes 'arg' and 'arg_string'");
  EXPECT_EQ(step_error(map + "arg: 0\n  expect: {iova: 0}"),
            "x.yaml:6:11: 'expect' needs an argument structure to look at");
  EXPECT_EQ(step_error(map + "data: '00'\n  data_s32: [1]"),
            "x.yaml:6:13: 'data' and 'data_s32' exclude each other");
  EXPECT_EQ(step_error("ioctl: VFIO_SET_IOMMU\n  fd: $fd\n  args: {type: 8}"),
            "x.yaml:5:9: VFIO_SET_IOMMU takes no structure; write 'arg' or 'arg_string'");
  EXPECT_EQ(map_error("flags: {u64: [1]}"),
            "x.yaml:5:17: flags has 32 bits and cannot hold a pointer");
}

TEST(LoaderErrors, DuplicatesAreFound) {
  EXPECT_EQ(error_of("scenario: s\nscenario: t\nsteps:\n- sleep: 1\n"),
            "x.yaml:2:1: key 'scenario' appears twice in a scenario");
  EXPECT_EQ(map_error("iova: 0, iova: 1"), "x.yaml:5:19: key 'iova' appears twice in args");
  EXPECT_EQ(error_of("scenario: s\nsteps:\n- sleep: 1\n---\nscenario: s\nsteps:\n- sleep: 1\n"),
            "x.yaml:5:1: scenario 's' is already at line 1");
  EXPECT_EQ(error_of("scenario: s\ndevices:\n"
                     "- {bdf: '0000:00:04.0', model: edu, iommu: none}\n"
                     "- {bdf: '0000:00:04.0', model: edu, iommu: none}\n"
                     "steps:\n- sleep: 1\n"),
            "x.yaml:4:9: device 0000:00:04.0 is listed twice");
}

TEST(LoaderErrors, KernelKeysAreChecked) {
  const std::string rest = "\nsteps:\n- sleep: 1\n";
  EXPECT_EQ(error_of("scenario: s\nkernel: {config: {CONFIG_VFIO: y}}" + rest),
            "x.yaml:2:19: write 'CONFIG_VFIO' without CONFIG_");
  EXPECT_EQ(error_of("scenario: s\nkernel: {config: {vfio: y}}" + rest),
            "x.yaml:2:19: 'vfio' is not a Kconfig symbol");
  EXPECT_EQ(error_of("scenario: s\nkernel: {params: {noiommu: Y}}" + rest),
            "x.yaml:2:19: 'noiommu' must read module.parameter");
  EXPECT_EQ(error_of("scenario: s\ndevices:\n- {bdf: 4.0, model: edu, iommu: none}" + rest),
            "x.yaml:3:9: bdf: '4.0' is not a PCI address such as 0000:00:04.0");
  EXPECT_THAT(
      error_of("scenario: s\ndevices:\n- {bdf: '0000:00:20.0', model: edu, iommu: none}" + rest),
      HasSubstr("is not a PCI address"));
}

TEST(LoaderErrors, WhatIsNotYamlIsRefused) {
  EXPECT_EQ(error_of("scenario: s\nsteps:\n\t- sleep: 1\n"),
            "x.yaml:3:1: a tab cannot indent YAML; use spaces");
  EXPECT_EQ(error_of("scenario: s\nsteps:\n- {\topen: /a,\n\tas: x}\n"),
            "x.yaml:4:1: a tab cannot indent YAML; use spaces");
  EXPECT_THAT(error_of("scenario: [s\n"), HasSubstr("x.yaml:2:1: not YAML: "));
  EXPECT_EQ(error_of(""), "x.yaml:1:1: no scenario in this file");
  EXPECT_EQ(error_of("# nothing\n---\n"), "x.yaml:1:1: no scenario in this file");
}

TEST(LoaderErrors, AMediatedDeviceHasAUuidAndNoIommu) {
  const std::string rest = "steps:\n- sleep: 1\n";
  const std::string head = "scenario: s\ndevices:\n- {bdf: ";
  const std::string uuid = "83b8f4f2-509f-482f-8c1e-e6bfe0fa1001";
  const Scenario scenario = load(head + uuid + ", model: mediated, iommu: none}\n" + rest);
  EXPECT_EQ(scenario.devices[0].model, DeviceNeeds::Model::kMediated);
  EXPECT_EQ(error_of(head + "'0000:00:04.0', model: mediated, iommu: none}\n" + rest),
            "x.yaml:3:9: bdf: '0000:00:04.0' is not the UUID that a mediated device has");
  EXPECT_EQ(error_of(head + uuid + ", model: mediated, iommu: present}\n" + rest),
            "x.yaml:3:71: iommu: no IOMMU is in front of a mediated device");
}

TEST(LoaderErrors, NothingComesAfterWhatKillsTheProcess) {
  const Scenario scenario = load("scenario: s\nsteps:\n- {open: /dev/iommu, errno: KILLED}\n");
  EXPECT_TRUE(scenario.steps[0].kills);
  EXPECT_EQ(error_of("scenario: s\nsteps:\n- {open: /dev/iommu, errno: KILLED}\n- sleep: 1\n"),
            "x.yaml:4:3: a step after one that kills the process");
}

TEST(LoadPaths, SearchesFoldersAtAnyDepthInOrder) {
  const ScratchFolder folder;
  folder.add("b.yaml", "scenario: b\nsteps:\n- sleep: 1\n");
  folder.add("a/z.yaml", "scenario: z\nsteps:\n- sleep: 1\n");
  folder.add("notes.txt", "not YAML: [");
  const Loaded loaded = load_paths({folder.text()});
  EXPECT_THAT(loaded.errors, ElementsAre());
  ASSERT_EQ(loaded.scenarios.size(), 2U);
  EXPECT_EQ(loaded.scenarios[0].name, "z");
  EXPECT_EQ(loaded.scenarios[1].name, "b");
}

TEST(LoadPaths, ReportsEveryBadFile) {
  const ScratchFolder folder;
  const std::string typo = folder.add("1.yaml", "scenari: b\n");
  const std::string empty = folder.add("2.yaml", "");
  folder.add("3.yaml", "scenario: fine\nsteps:\n- sleep: 1\n");
  folder.add("none/readme", "");
  const Loaded loaded = load_paths({"/no/such.yaml", folder.text() + "/none", folder.text()});
  EXPECT_THAT(
      loaded.errors,
      ElementsAre("/no/such.yaml: No such file or directory",
                  folder.text() + "/none: no *.yaml file in it",
                  typo + ":1:1: unknown key 'scenari' in a scenario; did you mean 'scenario'?",
                  empty + ":1:1: no scenario in this file"));
  EXPECT_EQ(loaded.scenarios.size(), 1U);
}

TEST(DocumentText, IsTheDocumentAsItStands) {
  const std::string text =
      "# of a\nscenario: a\nsteps:\n- sleep: 1  # wait\n---\n# of b\nscenario: b\nsteps:\n"
      "- sleep: 2";
  const auto scenarios = load_text("x.yaml", text);
  EXPECT_EQ(document_text(scenarios[0], text), "# of a\nscenario: a\nsteps:\n- sleep: 1  # wait\n");
  EXPECT_EQ(document_text(scenarios[1], text), "# of b\nscenario: b\nsteps:\n- sleep: 2");
}

}  // namespace
}  // namespace noiommu::scenarios
