// What the host back end learns of a machine, and whether a scenario may run there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/capability.h>
#include <zlib.h>

#include <nlohmann/json.hpp>

#include "scenarios/backends/host/facts.h"
#include "scenarios/backends/host/probe.h"
#include "scenarios/backends/host/requirements.h"
#include "scenarios/engine/loader.h"
#include "tests/scenarios/host_tree.h"

namespace noiommu::scenarios::host {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(HostConfig, ComesFromProcFirst) {
  const HostTree tree;
  tree.folder("/proc");
  const std::string text = "CONFIG_VFIO=m\n# CONFIG_VFIO_GROUP is not set\nCONFIG_HZ=250\n";
  gzFile file = gzopen((tree.root() + "/proc/config.gz").c_str(), "wb");
  gzwrite(file, text.data(), static_cast<unsigned>(text.size()));
  gzclose(file);
  const KernelConfig config = read_config(tree.files(), kRelease);
  EXPECT_TRUE(config.complete);
  EXPECT_EQ(config.source, "/proc/config.gz");
  EXPECT_EQ(config.symbols.at("VFIO"), Tristate::kModule);
  EXPECT_FALSE(config.symbols.contains("VFIO_GROUP"));
  EXPECT_FALSE(config.symbols.contains("HZ"));
}

TEST(HostConfig, ElseFromBoot) {
  const HostTree tree;
  const KernelConfig config = read_config(tree.files(), kRelease);
  EXPECT_EQ(config.source, "/boot/config-7.3.4");
  EXPECT_EQ(config.symbols.at("IOMMUFD"), Tristate::kYes);
}

TEST(HostConfig, ElseFromWhatCanBeSeen) {
  const HostTree tree;
  tree.remove("/boot");
  tree.two_edus();
  tree.folder("/sys/module/vfio_iommu_type1");
  KernelConfig config = read_config(tree.files(), kRelease);
  EXPECT_FALSE(config.complete);
  EXPECT_EQ(config.symbols.at("VFIO_GROUP"), Tristate::kYes);
  EXPECT_EQ(config.symbols.at("VFIO_CONTAINER"), Tristate::kYes);
  EXPECT_EQ(config.symbols.at("IOMMUFD_VFIO_CONTAINER"), Tristate::kNo);
  EXPECT_EQ(config.symbols.at("VFIO_DEVICE_CDEV"), Tristate::kYes);
  EXPECT_FALSE(config.symbols.contains("IOMMUFD_NOIOMMU"));

  tree.remove("/sys/module/vfio_iommu_type1");
  tree.remove("/sys/class/vfio-dev/noiommu-vfio0/dev");
  config = read_config(tree.files(), kRelease);
  EXPECT_FALSE(config.symbols.contains("VFIO_CONTAINER")) << "the node may be iommufd's";
  EXPECT_EQ(config.symbols.at("VFIO_DEVICE_CDEV"), Tristate::kNo);

  tree.remove("/dev/iommu");
  config = read_config(tree.files(), kRelease);
  EXPECT_EQ(config.symbols.at("IOMMUFD"), Tristate::kNo);
  EXPECT_EQ(config.symbols.at("VFIO_CONTAINER"), Tristate::kYes);
}

TEST(HostFacts, TellDevicesWithAndWithoutAnIommu) {
  const HostTree tree;
  tree.noiommu_function("0000:00:04.0", 0, 1);
  tree.iommu_function("0000:00:05.0", 1, 0);
  tree.function("0000:00:06.0", "");
  const Facts facts = tree.facts();
  const Function* without = facts.find("0000:00:04.0");
  EXPECT_TRUE(without->bound());
  EXPECT_FALSE(without->behind_iommu);
  EXPECT_EQ(without->vfio_name, "noiommu-vfio0");
  EXPECT_EQ(without->group_node, "noiommu-1");
  const Function* with = facts.find("0000:00:05.0");
  EXPECT_TRUE(with->behind_iommu);
  EXPECT_EQ(with->group_node, "0");
  EXPECT_FALSE(facts.find("0000:00:06.0")->bound());
  EXPECT_EQ(facts.find("0000:00:07.0"), nullptr);
  EXPECT_THAT(facts.groups, ElementsAre(0, 1));
}

TEST(HostProbe, SaysWhatThereIs) {
  const HostTree tree;
  tree.two_edus();
  const std::string text = probe_text(tree.facts());
  EXPECT_THAT(text, AllOf(HasSubstr("kernel        7.3.4\n"), HasSubstr("VFIO_PCI=m\n"),
                          HasSubstr("IOMMUFD_VFIO_CONTAINER=n\n"),
                          HasSubstr("vfio-pci      0000:00:04.0 1234:11e8, no IOMMU, "
                                    "noiommu-vfio0, group noiommu-0\n"),
                          HasSubstr("IOMMU         none\n"), HasSubstr("8 of 2 MiB, 8 free\n")));
  const auto json = nlohmann::json::parse(probe_json(tree.facts()));
  EXPECT_EQ(json["devices"][1]["name"], "noiommu-vfio1");
  EXPECT_EQ(json["parameter"], "Y");
  EXPECT_EQ(json["config"]["complete"], true);
}

TEST(HostProbe, SaysWhatIsUnknown) {
  const HostTree tree;
  tree.remove("/boot");
  EXPECT_THAT(probe_text(tree.facts()),
              AllOf(HasSubstr("inferred from what /dev and /sys show"),
                    HasSubstr("VFIO_DEVICE_CDEV=unknown"), HasSubstr("VFIO_NOIOMMU=y")));
}

class Requirements : public testing::Test {
 protected:
  Requirements() { tree.two_edus(); }

  // Why a scenario with these keys cannot run; "runs" when it can.
  [[nodiscard]] std::string reason(const std::string& keys, const BdfMap& bdfs = {}) const {
    return reason(keys, tree.facts(), bdfs);
  }
  [[nodiscard]] std::string reason(const std::string& keys, const Facts& facts,
                                   const BdfMap& bdfs = {}) const {
    std::string text = "scenario: s\n" + keys;
    if (keys.find("steps:") == std::string::npos) text += "steps:\n- open: /dev/iommu\n";
    const auto scenarios = load_text("x.yaml", text);
    return unmet(facts, tree.files(), bdfs, scenarios.at(0)).value_or("runs");
  }

  HostTree tree;
};

constexpr const char* kTwoEdus =
    "devices:\n- {bdf: '0000:00:04.0', model: edu, iommu: none}\n"
    "- {bdf: '0000:00:05.0', model: edu, iommu: none}\n";

TEST_F(Requirements, AMachineLikeTheScenariosWillDo) {
  EXPECT_EQ(reason(kTwoEdus), "runs");
}

TEST_F(Requirements, WithoutVfioNothingRuns) {
  tree.remove("/dev/vfio");
  tree.remove("/sys/bus/pci/drivers/vfio-pci");
  EXPECT_EQ(reason(kTwoEdus), "there is no /dev/vfio: no VFIO in this kernel, or not loaded");
}

TEST_F(Requirements, TheReleaseMustFitTheRevision) {
  Facts facts = tree.facts();
  facts.release = "7.2.9";
  EXPECT_EQ(reason("", facts), "the kernel is 7.2.9, the scenario wants mainline, 7.3 or later");
  EXPECT_EQ(reason("kernel: {revision: v7.0}\n", facts), "runs");
  facts.release = "7.10.0-rc1";
  EXPECT_EQ(reason("", facts), "runs");
  EXPECT_EQ(reason("kernel: {revision: v7.0}\n", facts),
            "the kernel is 7.10.0-rc1, the scenario wants 7.0");
  EXPECT_EQ(reason("kernel: {revision: v5}\n"),
            "the scenario wants a revision of the series that no release has");
}

TEST_F(Requirements, TheConfigurationMustBeTheSame) {
  EXPECT_EQ(reason("kernel: {config: {VFIO_GROUP: n, VFIO_CONTAINER: n}}\n"),
            "VFIO_CONTAINER is on here, the scenario wants off (from /boot/config-7.3.4)");
  EXPECT_EQ(reason("kernel: {config: {VFIO_PCI_DMABUF: y}}\n"),
            "VFIO_PCI_DMABUF is off here, the scenario wants on (from /boot/config-7.3.4)");
  EXPECT_EQ(reason("kernel: {config: {VFIO_PCI: y}}\n"), "runs") << "a module is as good";
}

TEST_F(Requirements, WhatFollowsFromTheConfigurationMustBeTheSameToo) {
  tree.config(std::string(kFullConfig) +
              "CONFIG_VFIO_CONTAINER=n\nCONFIG_IOMMUFD_VFIO_CONTAINER=y\n");
  EXPECT_THAT(reason(""), HasSubstr("IOMMUFD_VFIO_CONTAINER is on here"));
}

TEST_F(Requirements, ASymbolThatNobodyCanTellIsNoReason) {
  tree.remove("/boot");
  tree.folder("/sys/module/vfio_iommu_type1");
  EXPECT_EQ(reason("kernel: {config: {VFIO_PCI_DMABUF: y}}\n"), "runs");
  EXPECT_THAT(reason("kernel: {config: {VFIO_GROUP: n, VFIO_CONTAINER: n}}\n"),
              HasSubstr("(from what /dev and /sys show)"));
}

TEST_F(Requirements, OtherParametersMustHaveTheValue) {
  tree.file("/sys/module/vfio_pci/parameters/nointxmask", "N\n");
  EXPECT_EQ(reason("kernel: {params: {vfio_pci.nointxmask: N}}\n"), "runs");
  EXPECT_EQ(reason("kernel: {params: {vfio_pci.nointxmask: Y}}\n"),
            "vfio_pci.nointxmask is N, the scenario wants Y");
  EXPECT_EQ(reason("kernel: {params: {vfio_pci.nothing: Y}}\n"),
            "the parameter vfio_pci.nothing cannot be read");
}

TEST_F(Requirements, TheNoiommuParameterCanBeSet) {
  EXPECT_EQ(reason("kernel: {params: {vfio.enable_unsafe_noiommu_mode: N}}\n"), "runs");
  Facts facts = tree.facts();
  facts.parameter_writable = false;
  EXPECT_EQ(reason("kernel: {params: {vfio.enable_unsafe_noiommu_mode: N}}\n", facts),
            "vfio.enable_unsafe_noiommu_mode is Y and cannot be changed");
  EXPECT_EQ(reason("", facts), "runs");
}

TEST_F(Requirements, DevicesMustBeThereAndBelongToVfioPci) {
  const std::string third = "devices:\n- {bdf: '0000:00:06.0', model: edu, iommu: none}\n";
  EXPECT_EQ(reason(third), "there is no function 0000:00:06.0; --bdf names another");
  EXPECT_EQ(reason(third, BdfMap{{"0000:00:06.0", "0000:00:05.0"}}), "runs");
  tree.function("0000:00:06.0", "e1000");
  EXPECT_EQ(reason(third), "0000:00:06.0 belongs to e1000, not to vfio-pci");
  tree.function("0000:00:07.0", "");
  EXPECT_EQ(reason(third, BdfMap{{"0000:00:06.0", "0000:00:07.0"}}),
            "0000:00:07.0 belongs to no driver, not to vfio-pci");
}

TEST_F(Requirements, DevicesMustBeOfTheModel) {
  tree.file("/sys/bus/pci/devices/0000:00:05.0/device", "0x10d3\n");
  EXPECT_EQ(reason(kTwoEdus), "0000:00:05.0 is 1234:10d3, the scenario wants edu, 1234:11e8");
  EXPECT_EQ(reason("devices:\n- {bdf: '0000:00:04.0', model: edu-flr, iommu: none}\n"),
            "0000:00:04.0 lacks a function-level reset");
  tree.file("/sys/bus/pci/devices/0000:00:04.0/reset_method", "flr bus\n");
  EXPECT_EQ(reason("devices:\n- {bdf: '0000:00:04.0', model: edu-flr, iommu: none}\n"), "runs");
  EXPECT_EQ(reason("devices:\n- {bdf: '0000:00:04.0', model: edu, iommu: present}\n"),
            "0000:00:04.0 has a function-level reset");
}

TEST_F(Requirements, TheIommuMustBeAsAsked) {
  EXPECT_EQ(reason("devices:\n- {bdf: '0000:00:04.0', model: edu, iommu: present}\n"),
            "0000:00:04.0 is not behind an IOMMU");
  tree.iommu_function("0000:00:07.0", 2, 5);
  EXPECT_EQ(reason("devices:\n- {bdf: '0000:00:07.0', model: edu, iommu: none}\n"),
            "0000:00:07.0 is behind an IOMMU");
}

TEST_F(Requirements, PrivilegesMustBeThere) {
  Facts facts = tree.facts();
  facts.capabilities.permitted &= ~(uint64_t{1} << CAP_SYS_RAWIO);
  EXPECT_EQ(reason("", facts), "this process lacks CAP_SYS_RAWIO");
  EXPECT_EQ(reason("process: {drop_caps: [CAP_SYS_RAWIO]}\n", facts), "runs");
  EXPECT_EQ(
      reason("process: {drop_caps: [CAP_SYS_RAWIO]}\nsteps:\n- raise_cap: CAP_SYS_RAWIO\n", facts),
      "this process lacks CAP_SYS_RAWIO");
  facts = tree.facts();
  facts.capabilities.permitted &= ~(uint64_t{1} << CAP_SETUID);
  EXPECT_EQ(reason("", facts), "runs");
  EXPECT_EQ(reason("process: {uid: 1000}\n", facts), "this process lacks CAP_SETUID");
  facts = tree.facts();
  facts.memlock_most = 65536;
  EXPECT_EQ(reason("", facts), "RLIMIT_MEMLOCK cannot exceed 65536 here");
  EXPECT_EQ(reason("process: {memlock: 64K}\n", facts), "runs");
  EXPECT_EQ(reason("process: {memlock: 64K}\nsteps:\n- rlimit: {MEMLOCK: 128K}\n", facts),
            "RLIMIT_MEMLOCK cannot exceed 65536 here");
}

TEST_F(Requirements, HugePagesMustBeFree) {
  const std::string steps = "steps:\n- mmap: {length: 2M, backing: huge}\n";
  EXPECT_EQ(reason(steps), "runs");
  tree.file("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "0\n");
  EXPECT_EQ(reason(steps), "no free huge page of 2 MiB (8 reserved)");
  EXPECT_EQ(reason(""), "runs");
}

TEST_F(Requirements, FunctionsOfOthersAreNotTouched) {
  tree.function("0000:00:06.0", "");
  const std::string bind = "steps:\n- write_file: /sys/bus/pci/drivers/vfio-pci/bind\n  text: ";
  EXPECT_EQ(reason(kTwoEdus + bind + "'0000:00:05.0'\n"), "runs");
  EXPECT_EQ(reason(kTwoEdus + bind + "'0000:00:06.0'\n"),
            "it writes to 0000:00:06.0, which is not one of its devices");
  EXPECT_EQ(reason(kTwoEdus + bind + "'0000:00:1f.9'\n"), "runs") << "there is no such function";
  EXPECT_EQ(reason("steps:\n- write_file: /sys/bus/pci/devices/0000:00:05.0/driver_override\n"
                   "  text: x\n"),
            "it writes to 0000:00:05.0, which is not one of its devices");
  EXPECT_EQ(
      reason(std::string(kTwoEdus) + "steps:\n- write_file: /sys/bus/pci/drivers/vfio-pci/new_id\n"
                                     "  text: 1234 11e8\n"),
      "it writes to /sys/bus/pci/drivers/vfio-pci/new_id, and 0000:00:06.0 has no driver");
}

}  // namespace
}  // namespace noiommu::scenarios::host
