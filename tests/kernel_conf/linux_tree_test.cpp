// The whole x86 tree of Linux 6.1, from Debian's package linux-source-6.1, against `conf`.
#include "tests/kernel_conf/linux_tree.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <string>

#include "model/kconfig/configuration.h"

namespace noiommu::kconfig {
namespace {

constexpr int kRandomInputs = 50;

// Unpacked once for all tests, and loaded once.
class WholeTree : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (!LinuxTree::available()) return;
    linux_ = std::make_unique<LinuxTree>();
    auto tree = linux_->load();
    if (!tree) FAIL() << tree.error().text();
    tree_ = std::make_unique<Tree>(std::move(*tree));
  }
  static void TearDownTestSuite() {
    tree_.reset();
    linux_.reset();
  }
  void SetUp() override {
    if (linux_ == nullptr) GTEST_SKIP() << "linux-kbuild-6.1 or linux-source-6.1 is missing";
    ASSERT_NE(tree_, nullptr);
  }

  static KernelConf conf() { return linux_->conf(); }
  static const Tree& tree() { return *tree_; }
  static std::string file(const std::string& path) { return linux_->file(path); }

 private:
  static std::unique_ptr<LinuxTree> linux_;
  static std::unique_ptr<Tree> tree_;
};

std::unique_ptr<LinuxTree> WholeTree::linux_;
std::unique_ptr<Tree> WholeTree::tree_;

// The lines in which two texts differ, the first few of them.
std::string difference(const std::string& ours, const std::string& theirs) {
  const ScratchFolder folder;
  write_file(folder.path() / "ours", ours);
  write_file(folder.path() / "theirs", theirs);
  return run_shell("diff ours theirs | head -40", {{"PATH", std::getenv("PATH")}},
                   folder.path().string());
}

TEST_F(WholeTree, AllNoAllYesAllMod) {
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

TEST_F(WholeTree, Defconfig) {
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

TEST_F(WholeTree, RandomInputs) {
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
