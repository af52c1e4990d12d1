// Every revision file against the kernel's own tool, byte for byte.
#include "model/kconfig/revisions.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "model/kconfig/configuration.h"
#include "model/kconfig/cycles.h"
#include "tests/kernel_conf/kernel_conf.h"

namespace noiommu::kconfig {
namespace {

constexpr int kInputs = 2000;

// Lines for some of the tree's symbols, in any order, some of them twice or of the wrong type.
std::string random_config(const Tree& tree, std::mt19937& random) {
  std::string text;
  std::uniform_int_distribution<size_t> any(0, tree.order.size() - 1);
  std::uniform_int_distribution<int> percent(0, 99);
  const int share = percent(random);
  for (size_t i = 0; i < tree.order.size(); ++i) {
    if (percent(random) > share) continue;
    const Symbol& symbol = tree.symbols[tree.order[any(random)]];
    if (symbol.is_choice || !is_tri(symbol.type)) continue;
    const int kind = percent(random);
    if (kind < 30) {
      text += "# CONFIG_" + symbol.name + " is not set\n";
    } else {
      text += "CONFIG_" + symbol.name + (kind < 60 ? "=m\n" : "=y\n");
    }
  }
  return text;
}

class RevisionsTest : public testing::TestWithParam<std::string> {};

TEST_P(RevisionsTest, AgreesOnRandomInputs) {
  if (!have_conf()) GTEST_SKIP() << "the package linux-kbuild-6.1 is not installed";
  const auto tree = load_revision(GetParam());
  ASSERT_TRUE(tree) << tree.error().text();
  if (!find_cycles(*tree).empty()) GTEST_SKIP() << "conf refuses a cycle";
  // `conf` leaves files of its own beside the text.
  const ScratchFolder copy;
  std::filesystem::copy(NOIOMMU_SOURCE_DIR "/model/kconfig/revisions", copy.path(),
                        std::filesystem::copy_options::recursive);
  KernelConf conf(copy.path().string(), GetParam() + "/Kconfig", {});
  // NOLINTNEXTLINE: the same inputs each time.
  std::mt19937 random(20240601);
  Configuration configuration(*tree);
  int differences = 0;
  for (int i = 0; i < kInputs && differences < 3; ++i) {
    const std::string given = random_config(*tree, random);
    configuration.read(given);
    const std::string theirs = conf.run("--olddefconfig", given);
    ASSERT_FALSE(theirs.empty());
    EXPECT_EQ(configuration.config(), theirs) << "from\n" << given;
    differences += configuration.config() != theirs ? 1 : 0;
  }
}

INSTANTIATE_TEST_SUITE_P(All, RevisionsTest, testing::ValuesIn(revision_names()),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::erase_if(name, [](char c) { return c == '.' || c == '-'; });
                           return name;
                         });

}  // namespace
}  // namespace noiommu::kconfig
