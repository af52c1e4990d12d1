// The language: statements, macros, and the places of errors.
#include <gtest/gtest.h>

#include <string>

#include "tests/kconfig/text_tree.h"

namespace noiommu::kconfig {
namespace {

TEST(Language, HelpTextIsNotLookedAt) {
  EXPECT_EQ(config_of("config A\n\tbool \"a\"\n\thelp\n\t  config B\n\n\t    if C\n\t  endif\n"
                      "config D\n\tbool \"d\"\n"),
            "# CONFIG_A is not set\n# CONFIG_D is not set\n");
}

TEST(Language, LinesContinueAfterABackslash) {
  EXPECT_EQ(config_of("config A\n\tdef_bool y && \\\n\t\ty\n"), "CONFIG_A=y\n");
}

TEST(Language, ConditionsOfBlocksAddUp) {
  const Tree tree = tree_of(
      "menu \"m\"\n\tdepends on A\nif B\nconfig C\n\tbool \"c\" if E\n\tdepends on D\nendif\n"
      "endmenu\n");
  const Symbol& symbol = tree.symbols[tree.find("C")];
  EXPECT_EQ(expression_text(tree, symbol.depends), "A && B && D");
  EXPECT_EQ(expression_text(tree, symbol.prompts[0].condition), "A && B && D && E");
}

TEST(Language, PrecedenceIsNotThenAndThenOr) {
  const Tree tree = tree_of("config A\n\tbool \"a\"\n\tdepends on B || !C && (D || E=m)\n");
  EXPECT_EQ(expression_text(tree, tree.symbols[tree.find("A")].depends), "B || (!C && (D || E=m))");
}

TEST(Language, SourceTakesVariablesAndPatterns) {
  const Texts texts = {{"Kconfig", "DIR := sub\nsource \"$(DIR)/Kconfig.*\"\n"},
                       {"sub/Kconfig.a", "config A\n\tdef_bool y\nrsource \"c/Kconfig\"\n"},
                       {"sub/Kconfig.b", "osource \"missing\"\norsource \"none/*\"\n"},
                       {"sub/c/Kconfig", "config C\n\tdef_bool y\n"}};
  EXPECT_EQ(config_of(tree_of(texts)), "CONFIG_A=y\nCONFIG_C=y\n");
}

TEST(Language, ASymbolMayBeDefinedTwice) {
  EXPECT_EQ(config_of("config A\n\tbool \"a\"\nconfig A\n\tdefault y\n"), "CONFIG_A=y\n");
}

TEST(Language, ErrorsNameFileLineColumnAndHowItGotThere) {
  EXPECT_EQ(error_of(Texts{{"Kconfig", "\nsource \"drivers/Kconfig\"\n"},
                           {"drivers/Kconfig", "source \"drivers/x\"\n"},
                           {"drivers/x", "config A\n\tbool \"a\"\n\tdepends A\n"}}),
            "drivers/x:3:10: expected 'on'\n"
            "  included from drivers/Kconfig:1\n"
            "  included from Kconfig:2");
}

TEST(Language, WhatIsNotClosedIsNamedWhereItOpens) {
  EXPECT_EQ(error_of("config A\n\tbool\nif A\nconfig B\n\tbool\n"),
            "Kconfig:3:1: 'endif' is missing for this");
  EXPECT_EQ(error_of("menu \"m\"\nendif\n"), "Kconfig:2:1: unexpected 'endif'");
}

TEST(Language, OtherErrors) {
  EXPECT_EQ(error_of("config A\n\tbool \"a\n\tdepends on (A\n"), "Kconfig:3:14: expected ')'");
  EXPECT_EQ(error_of("config A\n\tdepends on A &&\n"),
            "Kconfig:2:15: expected a symbol or a value");
  EXPECT_EQ(error_of("source \"nowhere\"\n"), "Kconfig:1:1: cannot read 'nowhere'");
  EXPECT_EQ(error_of("source \"Kconfig\"\n"), "Kconfig:1:1: 'Kconfig' is included from itself");
  EXPECT_EQ(error_of("config A\n\tbool \"a\" if\n"), "Kconfig:2:11: expected a symbol or a value");
  EXPECT_EQ(error_of("comment \"c\"\n\tselect A\n"), "Kconfig:2:2: 'select' does not belong here");
  EXPECT_EQ(error_of("config A\n\tbool\nmainmenu \"late\"\n"),
            "Kconfig:3:1: 'mainmenu' must come first");
}

TEST(Macros, SimpleRecursiveAndAppendedVariables) {
  EXPECT_EQ(config_of("X = $(Y)\nZ := $(Y)\nY := 1\nX += 2\nconfig A\n\tstring\n"
                      "\tdefault \"$(X)|$(Z)|$(NONE)\"\n"),
            "CONFIG_A=\"1 2||\"\n");
}

TEST(Macros, FunctionsTakeArguments) {
  EXPECT_EQ(config_of("f = <$(2)-$(1)>\nconfig A\n\tstring\n\tdefault \"$(f,a(b,c),d)\"\n"),
            "CONFIG_A=\"<d-a(b,c)>\"\n");
}

TEST(Macros, TheEnvironmentIsWhatTheCallerGives) {
  LoadOptions options;
  options.environment["ARCH"] = "x86";
  const Texts texts = {{"Kconfig", "config A\n\tstring\n\tdefault \"$(ARCH)$(HOME)\"\n"}};
  EXPECT_EQ(config_of(tree_of(texts, options)), "CONFIG_A=\"x86\"\n");
}

TEST(Macros, NamesMayBeBuilt) {
  EXPECT_EQ(config_of("N := B\nconfig A_$(N)\n\tdef_bool y\n"), "CONFIG_A_B=y\n");
}

TEST(Macros, BuiltIns) {
  const Tree tree = tree_of(
      "$(info,hello)\n$(warning-if,y,look out)\n$(warning-if,n,no)\n$(error-if,n,no)\n"
      "config A\n\tstring\n\tdefault \"$(filename):$(lineno)\"\n");
  EXPECT_EQ(tree.messages, std::vector<std::string>{"hello"});
  ASSERT_EQ(tree.warnings.size(), 1U);
  EXPECT_EQ(tree.warnings[0].text(), "Kconfig:2:1: look out");
  EXPECT_EQ(config_of(tree), "CONFIG_A=\"Kconfig:7\"\n");
}

TEST(Macros, Errors) {
  EXPECT_EQ(error_of("\n$(error-if,y,stop)\n"), "Kconfig:2:1: stop");
  EXPECT_EQ(error_of("X = $(X)\nY := $(X)\n"),
            "Kconfig:2:1: recursive variable 'X' references itself");
  EXPECT_EQ(error_of("$(info)\n"), "Kconfig:1:1: too few function arguments passed to 'info'");
  EXPECT_EQ(error_of("config A\n\tdefault \"$(X\"\n"),
            "Kconfig:2:11: unterminated reference to 'X\"': missing ')'");
}

const Texts kShell = {{"Kconfig",
                       "if-success = $(shell,{ $(1); } >/dev/null 2>&1 && echo \"$(2)\" || echo "
                       "\"$(3)\")\nsuccess = $(if-success,$(1),y,n)\n"
                       "config A\n\tdef_bool $(success,test $(shell,echo 1) = 1)\n"}};

TEST(Macros, ShellRunsOnlyWhenAllowed) {
  LoadOptions options;
  options.allow_shell = true;
  EXPECT_EQ(config_of(tree_of(kShell, options)), "CONFIG_A=y\n");
  const Tree tree = tree_of(kShell);
  EXPECT_EQ(config_of(tree), "");
  ASSERT_EQ(tree.skipped_commands.size(), 2U);
  EXPECT_EQ(tree.skipped_commands[0].command, "echo 1");
  EXPECT_EQ(tree.skipped_commands[0].at.line, 4U);
}

}  // namespace
}  // namespace noiommu::kconfig
