// Values of symbols. Spec: kconfig.md section 6. Each answer is that of `conf --olddefconfig`.
#include <gtest/gtest.h>

#include <string>

#include "tests/kconfig/text_tree.h"

namespace noiommu::kconfig {
namespace {

const std::string kModules = "config MODULES\n\tbool \"modules\"\n\tdefault y\n\tmodules\n";

std::string after_modules(const std::string& text, const std::string& given = {}) {
  return config_of(kModules + text, given).substr(std::string("CONFIG_MODULES=y\n").size());
}

TEST(Evaluation, ADefaultCountsWithoutAUserValue) {
  const std::string text = "config A\n\tbool \"a\"\n\tdefault y\n";
  EXPECT_EQ(config_of(text), "CONFIG_A=y\n");
  EXPECT_EQ(config_of(text, "# CONFIG_A is not set\n"), "# CONFIG_A is not set\n");
}

TEST(Evaluation, TheFirstDefaultWhoseConditionHoldsCounts) {
  EXPECT_EQ(config_of("config A\n\tint \"a\"\n\tdefault 1 if B\n\tdefault 2\n\tdefault 3\n"),
            "CONFIG_A=2\n");
}

TEST(Evaluation, AHiddenSymbolIgnoresTheUser) {
  EXPECT_EQ(config_of("config A\n\tbool \"a\" if B\n\tdefault y\n", "# CONFIG_A is not set\n"),
            "CONFIG_A=y\n");
  EXPECT_EQ(config_of("config A\n\tbool \"a\"\n\tdepends on B\n", "CONFIG_A=y\n"), "");
}

TEST(Evaluation, ADependencyOnMLimitsATristateButNotABool) {
  const std::string text =
      "config T\n\ttristate \"t\"\nconfig A\n\ttristate \"a\"\n\tdepends on T\n"
      "config B\n\tbool \"b\"\n\tdepends on T\n";
  EXPECT_EQ(after_modules(text, "CONFIG_T=m\nCONFIG_A=y\nCONFIG_B=y\n"),
            "CONFIG_T=m\nCONFIG_A=m\nCONFIG_B=y\n");
}

TEST(Evaluation, WithoutModulesATristateIsABool) {
  const std::string text = kModules + "config A\n\ttristate \"a\"\n\tdefault m\n";
  EXPECT_EQ(config_of(text, "# CONFIG_MODULES is not set\nCONFIG_A=m\n"),
            "# CONFIG_MODULES is not set\nCONFIG_A=y\n");
  const std::string only_m = kModules + "config B\n\ttristate \"b\"\n\tdepends on m\n";
  EXPECT_EQ(config_of(only_m, "# CONFIG_MODULES is not set\nCONFIG_B=m\n"),
            "# CONFIG_MODULES is not set\n");
}

TEST(Evaluation, ASelectIgnoresDependenciesAndIsReported) {
  const Tree tree = tree_of(
      "config A\n\tbool \"a\"\n\tselect T\nconfig T\n\tbool \"t\"\n\tdepends on B\n"
      "config B\n\tbool \"b\"\n");
  Configuration configuration(tree);
  configuration.read("CONFIG_A=y\n");
  EXPECT_EQ(configuration.value(tree.find("T")), Tri::kY);
  EXPECT_EQ(configuration.unmet(), std::vector{tree.find("T")});
  configuration.read("CONFIG_A=y\nCONFIG_B=y\n");
  EXPECT_TRUE(configuration.unmet().empty());
}

TEST(Evaluation, ASelectFromABoolIsLimitedByItsDependency) {
  const std::string text =
      "config D\n\ttristate \"d\"\nconfig A\n\tbool \"a\"\n\tdepends on D\n\tselect T\n"
      "config T\n\ttristate\n";
  EXPECT_EQ(after_modules(text, "CONFIG_D=m\nCONFIG_A=y\n"),
            "CONFIG_D=m\nCONFIG_A=y\nCONFIG_T=m\n");
}

TEST(Evaluation, UnequalNInABoolCountsAsTheSymbol) {
  const std::string text =
      "config D\n\ttristate \"d\"\nconfig A\n\tbool \"a\"\n\tselect T if D != n\n"
      "config T\n\ttristate\n";
  EXPECT_EQ(after_modules(text, "CONFIG_D=m\nCONFIG_A=y\n"),
            "CONFIG_D=m\nCONFIG_A=y\nCONFIG_T=m\n");
}

TEST(Evaluation, AnImplyGivesWayToTheUserAndToDependencies) {
  const std::string text =
      "config A\n\tbool \"a\"\n\tdefault y\n\timply T\n"
      "config T\n\tbool \"t\"\n\tdepends on B\nconfig B\n\tbool \"b\"\n";
  EXPECT_EQ(config_of(text, "CONFIG_B=y\n"), "CONFIG_A=y\nCONFIG_T=y\nCONFIG_B=y\n");
  EXPECT_EQ(config_of(text, "CONFIG_B=y\n# CONFIG_T is not set\n"),
            "CONFIG_A=y\n# CONFIG_T is not set\nCONFIG_B=y\n");
  EXPECT_EQ(config_of(text), "CONFIG_A=y\n# CONFIG_T is not set\n# CONFIG_B is not set\n");
}

const std::string kChoice =
    "choice\n\tprompt \"c\"\n\tdefault B\n"
    "config A\n\tbool \"a\"\nconfig B\n\tbool \"b\"\nconfig C\n\tbool \"c\" if X\nendchoice\n";

TEST(Evaluation, AChoiceHasOneValue) {
  EXPECT_EQ(config_of(kChoice), "# CONFIG_A is not set\nCONFIG_B=y\n");
  EXPECT_EQ(config_of(kChoice, "CONFIG_A=y\n"), "CONFIG_A=y\n# CONFIG_B is not set\n");
  EXPECT_EQ(config_of(kChoice, "CONFIG_A=y\nCONFIG_B=y\n"), "# CONFIG_A is not set\nCONFIG_B=y\n");
  EXPECT_EQ(config_of(kChoice, "CONFIG_C=y\n"), "# CONFIG_A is not set\nCONFIG_B=y\n");
}

TEST(Evaluation, AnOptionalChoiceMayHaveNone) {
  const std::string text =
      "choice\n\tprompt \"c\"\n\toptional\nconfig A\n\tbool \"a\"\nconfig B\n\tbool \"b\"\n"
      "endchoice\n";
  EXPECT_EQ(config_of(text), "");
  EXPECT_EQ(config_of(text, "CONFIG_B=y\n"), "# CONFIG_A is not set\nCONFIG_B=y\n");
}

TEST(Evaluation, ATristateChoiceAllowsManyModules) {
  const std::string text =
      "choice\n\ttristate \"c\"\nconfig A\n\ttristate \"a\"\nconfig B\n\ttristate \"b\"\n"
      "endchoice\n";
  EXPECT_EQ(after_modules(text, "CONFIG_A=m\nCONFIG_B=m\n"), "CONFIG_A=m\nCONFIG_B=m\n");
  EXPECT_EQ(after_modules(text, "CONFIG_A=m\nCONFIG_B=y\n"), "# CONFIG_A is not set\nCONFIG_B=y\n");
}

TEST(Evaluation, ARangeMovesWhatIsOutside) {
  const std::string text = "config A\n\tint \"a\"\n\trange 3 7\n\tdefault 1\n";
  EXPECT_EQ(config_of(text), "CONFIG_A=3\n");
  EXPECT_EQ(config_of(text, "CONFIG_A=7\n"), "CONFIG_A=7\n");
  EXPECT_EQ(config_of(text, "CONFIG_A=9\n"), "CONFIG_A=3\n");
  EXPECT_EQ(config_of("config H\n\thex \"h\"\n\trange 0x10 0x20\n\tdefault 0x30\n"),
            "CONFIG_H=0x20\n");
}

TEST(Evaluation, ComparisonsAreNumericWhereBothSidesAreNumbers) {
  const auto holds = [](const std::string& expression) {
    return config_of("config V\n\tint\n\tdefault 9\nconfig A\n\tdef_bool " + expression + "\n") ==
           "CONFIG_V=9\nCONFIG_A=y\n";
  };
  EXPECT_TRUE(holds("V < 10"));
  EXPECT_FALSE(holds("V > 10"));
  EXPECT_TRUE(holds("V >= 9"));
  EXPECT_TRUE(holds("V != 8"));
  EXPECT_TRUE(holds("\"b\" > \"a\""));
  EXPECT_TRUE(holds("UNKNOWN = n || UNKNOWN = UNKNOWN"));
}

TEST(Evaluation, StringsKeepQuotesAndBackslashes) {
  EXPECT_EQ(config_of("config S\n\tstring \"s\"\n", "CONFIG_S=\"a\\\"b\\\\c\"\n"),
            "CONFIG_S=\"a\\\"b\\\\c\"\n");
}

TEST(Evaluation, MenusAndCommentsStandWhereTheyAreVisible) {
  const std::string text =
      "menu \"one\"\nvisible if B\nconfig A\n\tbool \"a\"\n\tdefault y\nendmenu\n"
      "menu \"two\"\ncomment \"here\"\ncomment \"not here\"\n\tdepends on B\nendmenu\n"
      "config C\n\tbool \"c\"\n";
  EXPECT_EQ(config_of(text),
            "CONFIG_A=y\n\n#\n# two\n#\n\n#\n# here\n#\n# end of two\n\n# CONFIG_C is not set\n");
}

TEST(Evaluation, ATransitionalSymbolHandsItsValueOn) {
  const std::string text =
      "config OLD\n\tbool\n\ttransitional\nconfig NEW\n\tbool \"new\"\n\tdefault OLD\n";
  EXPECT_EQ(config_of(text, "CONFIG_OLD=y\n"), "CONFIG_NEW=y\n");
  EXPECT_EQ(config_of(text), "# CONFIG_NEW is not set\n");
}

TEST(Evaluation, OverriddenValuesAreListed) {
  const Tree tree = tree_of("config A\n\tbool \"a\"\n\tdepends on B\nconfig B\n\tbool \"b\"\n");
  Configuration configuration(tree);
  configuration.read("CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_Z=y\n");
  const auto overridden = configuration.overridden();
  ASSERT_EQ(overridden.size(), 1U);
  EXPECT_EQ(overridden[0].symbol, tree.find("A"));
  EXPECT_EQ(overridden[0].wanted, "y");
  EXPECT_EQ(overridden[0].got, "n");
  ASSERT_EQ(configuration.complaints().size(), 1U);
  EXPECT_EQ(configuration.complaints()[0], "line 3: unknown symbol Z");
}

}  // namespace
}  // namespace noiommu::kconfig
