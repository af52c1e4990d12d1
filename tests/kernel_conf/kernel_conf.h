// Runs the kernel's own `conf`, from Debian's package linux-kbuild-6.1.
#pragma once

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "model/kconfig/shell.h"
#include "tests/support/scratch_folder.h"

namespace noiommu::kconfig {

using tests::ScratchFolder;

inline constexpr const char* kConf = "/usr/lib/linux-kbuild-6.1/scripts/kconfig/conf";

inline bool have_conf() {
  return std::filesystem::exists(kConf);
}

inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void write_file(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

// One tree for `conf`: the folder, its first file and the environment that the text reads.
class KernelConf {
 public:
  KernelConf(std::string folder, std::string root, std::map<std::string, std::string> environment)
      : folder_(std::move(folder)), root_(std::move(root)), environment_(std::move(environment)) {
    environment_["KCONFIG_CONFIG"] = (scratch_.path() / "config").string();
  }

  // The .config after `conf FLAG`, from `given`.
  std::string run(const std::string& flag, const std::string& given, const std::string& seed = {}) {
    auto environment = environment_;
    if (!seed.empty()) environment["KCONFIG_SEED"] = seed;
    const std::filesystem::path config = environment["KCONFIG_CONFIG"];
    std::filesystem::remove(config);
    if (!given.empty()) write_file(config, given);
    const std::string command = fmt::format("{} {} {} >/dev/null 2>&1", kConf, flag, root_);
    static_cast<void>(run_shell(command, environment, folder_));
    return read_file(config);
  }

 private:
  std::string folder_;
  std::string root_;
  std::map<std::string, std::string> environment_;
  ScratchFolder scratch_;
};

}  // namespace noiommu::kconfig
