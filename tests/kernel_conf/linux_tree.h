// The whole tree of Linux 6.1, from Debian's package linux-source-6.1.
#pragma once

#include <cstdlib>
#include <map>
#include <string>

#include "model/kconfig/load.h"
#include "tests/kernel_conf/kernel_conf.h"

namespace noiommu::kconfig {

inline constexpr const char* kLinuxArchive = "/usr/src/linux-source-6.1.tar.xz";

// As far as Kconfig reads it, for x86; unpacked in a folder of its own.
class LinuxTree {
 public:
  LinuxTree() {
    const std::string unpack = fmt::format(
        "tar -xJf {} --strip-components=1 --wildcards '*/Kconfig*' '*/scripts/*' '*/arch/x86/*' "
        "'*/Makefile'",
        kLinuxArchive);
    static_cast<void>(run_shell(unpack, environment(), folder()));
  }

  // Whether the packages are installed that this wants.
  [[nodiscard]] static bool available() {
    return have_conf() && std::filesystem::exists(kLinuxArchive);
  }

  [[nodiscard]] Loaded<Tree> load() const {
    LoadOptions options;
    options.environment = environment();
    options.allow_shell = true;
    options.shell_folder = folder();
    return kconfig::load(DiskFiles(folder()), "Kconfig", options);
  }
  [[nodiscard]] KernelConf conf() const { return {folder(), "Kconfig", environment()}; }
  [[nodiscard]] std::string file(const std::string& path) const {
    return read_file(scratch_.path() / path);
  }

 private:
  [[nodiscard]] std::string folder() const { return scratch_.path().string(); }
  static std::map<std::string, std::string> environment() {
    return {{"PATH", std::getenv("PATH")},
            {"srctree", "."},
            {"ARCH", "x86"},
            {"SRCARCH", "x86"},
            {"KERNELVERSION", "6.1.0"},
            {"CC", "gcc"},
            {"HOSTCC", "gcc"},
            {"LD", "ld"},
            {"AR", "ar"},
            {"NM", "nm"},
            {"OBJCOPY", "objcopy"},
            {"CLANG_FLAGS", ""},
            {"CC_VERSION_TEXT", "gcc"}};
  }

  ScratchFolder scratch_;
};

}  // namespace noiommu::kconfig
