// A made-up machine below a temporary folder: /proc, /sys, /boot and /dev as far as the host back
// end looks at them. By default a kernel 7.3 with two edu functions without an IOMMU.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

#include "scenarios/backends/host/facts.h"
#include "scenarios/backends/host/files.h"
#include "tests/support/scratch_folder.h"

namespace noiommu::scenarios::host {

constexpr const char* kRelease = "7.3.4";
constexpr const char* kFullConfig =
    "CONFIG_VFIO=y\nCONFIG_VFIO_PCI=m\nCONFIG_VFIO_GROUP=y\nCONFIG_VFIO_CONTAINER=y\n"
    "CONFIG_VFIO_DEVICE_CDEV=y\nCONFIG_VFIO_NOIOMMU=y\nCONFIG_IOMMUFD=y\n"
    "CONFIG_IOMMUFD_NOIOMMU=y\n# CONFIG_IOMMUFD_VFIO_CONTAINER is not set\n";

class HostTree {
 public:
  HostTree() {
    static constexpr std::array<std::pair<const char*, const char*>, 8> kAll = {{
        {"/boot/config-7.3.4", kFullConfig},
        {kNoiommuParameterPath, "Y\n"},
        {"/dev/vfio/vfio", ""},
        {"/dev/iommu", ""},
        {"/sys/bus/pci/drivers/vfio-pci/bind", ""},
        {"/sys/bus/pci/drivers/vfio-pci/unbind", ""},
        {"/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "8\n"},
        {"/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "8\n"},
    }};
    for (const auto& [path, text] : kAll) file(path, text);
    std::filesystem::create_symlink("/dev/null", root_ + "/dev/null");
  }

  [[nodiscard]] const std::string& root() const { return root_; }
  [[nodiscard]] Files files() const { return Files(root_); }
  [[nodiscard]] Facts facts() const {
    Facts facts = look_around(files(), kRelease);
    // Whoever runs the tests: requirements are checked against these.
    facts.capabilities = {.effective = UINT64_MAX, .permitted = UINT64_MAX};
    facts.uid = 0;
    facts.memlock_most = UINT64_MAX;
    return facts;
  }

  void file(const std::string& path, const std::string& text) const {
    folder(std::filesystem::path(path).parent_path());
    std::ofstream(root_ + path) << text;
  }
  void folder(const std::string& path) const { std::filesystem::create_directories(root_ + path); }
  void remove(const std::string& path) const { std::filesystem::remove_all(root_ + path); }
  void link(const std::string& path, const std::string& target) const {
    folder(std::filesystem::path(path).parent_path());
    std::filesystem::remove(root_ + path);
    std::filesystem::create_symlink(target, root_ + path);
  }
  void config(const std::string& text) const {
    file(std::string("/boot/config-") + kRelease, text);
  }

  // An edu function with this driver; empty: none.
  void function(const std::string& bdf, const std::string& driver) const {
    const std::string at = "/sys/bus/pci/devices/" + bdf;
    file(at + "/vendor", "0x1234\n");
    file(at + "/device", "0x11e8\n");
    file(at + "/driver_override", "(null)\n");
    if (!driver.empty()) link(at + "/driver", "../../../../bus/pci/drivers/" + driver);
  }
  // ... held by vfio-pci without an IOMMU.
  void noiommu_function(const std::string& bdf, unsigned index, unsigned group) const {
    function(bdf, "vfio-pci");
    const std::string at = "/sys/bus/pci/devices/" + bdf;
    const std::string name = fmt::format("noiommu-vfio{}", index);
    file(at + "/vfio-dev/" + name + "/dev", "511:0\n");
    file("/sys/class/vfio-dev/" + name + "/dev", "511:0\n");
    file(fmt::format("/sys/kernel/iommu_groups/{}/name", group), "vfio-noiommu\n");
    file(fmt::format("/sys/class/vfio/noiommu-{}/dev", group), "510:0\n");
    link(at + "/iommu_group", fmt::format("../../../../kernel/iommu_groups/{}", group));
    file(at + "/iommu_group/name", "vfio-noiommu\n");
  }
  // ... held by vfio-pci, behind an IOMMU.
  void iommu_function(const std::string& bdf, unsigned index, unsigned group) const {
    function(bdf, "vfio-pci");
    const std::string at = "/sys/bus/pci/devices/" + bdf;
    const std::string name = fmt::format("vfio{}", index);
    file(at + "/vfio-dev/" + name + "/dev", "511:0\n");
    file("/sys/class/vfio-dev/" + name + "/dev", "511:0\n");
    folder(fmt::format("/sys/kernel/iommu_groups/{}", group));
    file(fmt::format("/sys/class/vfio/{}/dev", group), "510:0\n");
    link(at + "/iommu_group", fmt::format("../../../../kernel/iommu_groups/{}", group));
  }
  void two_edus() const {
    noiommu_function("0000:00:04.0", 0, 0);
    noiommu_function("0000:00:05.0", 1, 1);
  }

  [[nodiscard]] std::string text(const std::string& path) const {
    return files().read(path).value_or("(unreadable)");
  }

 private:
  const tests::ScratchFolder scratch_;
  const std::string root_ = scratch_.text();
};

}  // namespace noiommu::scenarios::host
