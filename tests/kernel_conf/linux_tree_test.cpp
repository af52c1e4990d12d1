// The whole x86 tree of Linux 6.1, from Debian's package linux-source-6.1, against `conf`.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>

#include "model/kconfig/configuration.h"
#include "model/kconfig/load.h"
#include "tests/kernel_conf/kernel_conf.h"

namespace noiommu::kconfig {
namespace {

constexpr const char* kArchive = "/usr/src/linux-source-6.1.tar.xz";
constexpr int kRandomInputs = 50;

// Unpacked once for all tests, and loaded once.
class LinuxTree : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (!have_conf() || !std::filesystem::exists(kArchive)) return;
    scratch_ = std::make_unique<ScratchFolder>();
    const std::string unpack = fmt::format(
        "tar -xJf {} --strip-components=1 --wildcards '*/Kconfig*' '*/scripts/*' '*/arch/x86/*' "
        "'*/Makefile'",
        kArchive);
    static_cast<void>(run_shell(unpack, environment(), scratch_->path().string()));
    LoadOptions options;
    options.environment = environment();
    options.allow_shell = true;
    options.shell_folder = scratch_->path().string();
    auto tree = load(DiskFiles(options.shell_folder), "Kconfig", options);
    if (!tree) FAIL() << tree.error().text();
    tree_ = std::make_unique<Tree>(std::move(*tree));
  }
  static void TearDownTestSuite() {
    tree_.reset();
    scratch_.reset();
  }
  void SetUp() override {
    if (scratch_ == nullptr) GTEST_SKIP() << "linux-kbuild-6.1 or linux-source-6.1 is missing";
    ASSERT_NE(tree_, nullptr);
  }

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
  static KernelConf conf() { return {scratch_->path().string(), "Kconfig", environment()}; }
  static const Tree& tree() { return *tree_; }
  static std::string file(const std::string& path) { return read_file(scratch_->path() / path); }

 private:
  static std::unique_ptr<ScratchFolder> scratch_;
  static std::unique_ptr<Tree> tree_;
};

std::unique_ptr<ScratchFolder> LinuxTree::scratch_;
std::unique_ptr<Tree> LinuxTree::tree_;

// The lines in which two texts differ, the first few of them.
std::string difference(const std::string& ours, const std::string& theirs) {
  const ScratchFolder folder;
  write_file(folder.path() / "ours", ours);
  write_file(folder.path() / "theirs", theirs);
  return run_shell("diff ours theirs | head -40", {{"PATH", std::getenv("PATH")}},
                   folder.path().string());
}

TEST_F(LinuxTree, AllNoAllYesAllMod) {
  using All = Configuration::All;
  const std::array<std::pair<const char*, All>, 4> modes = {{{"--allnoconfig", All::kNo},
                                                             {"--allyesconfig", All::kYes},
                                                             {"--allmodconfig", All::kMod},
                                                             {"--alldefconfig", All::kDefault}}};
  Configuration configuration(tree());
  for (const auto& [flag, how] : modes) {
    configuration.set_all(how);
    EXPECT_EQ(difference(configuration.config(), conf().run(flag, "")), "") << flag;
  }
}

TEST_F(LinuxTree, Defconfig) {
  Configuration configuration(tree());
  for (const char* path :
       {"arch/x86/configs/x86_64_defconfig", "arch/x86/configs/i386_defconfig"}) {
    configuration.read(file(path));
    EXPECT_EQ(
        difference(configuration.config(), conf().run(fmt::format("--defconfig={}", path), "")), "")
        << path;
  }
}

// Every seventh line is left out, so that new symbols and choices appear.
std::string thinned(const std::string& text, int first) {
  std::string kept;
  int line = 0;
  for (size_t at = 0; at < text.size(); ++line) {
    const size_t end = std::min(text.find('\n', at), text.size() - 1) + 1;
    if ((line + first) % 7 != 0) kept += text.substr(at, end - at);
    at = end;
  }
  return kept;
}

TEST_F(LinuxTree, RandomInputs) {
  Configuration configuration(tree());
  for (int seed = 1; seed <= kRandomInputs; ++seed) {
    const std::string random = conf().run("--randconfig", "", std::to_string(seed));
    ASSERT_FALSE(random.empty());
    const std::string given = thinned(random, seed);
    configuration.read(given);
    EXPECT_EQ(difference(configuration.config(), conf().run("--olddefconfig", given)), "")
        << "seed " << seed;
  }
}

}  // namespace
}  // namespace noiommu::kconfig
