// `noiommu kconfig` as scripts and people call it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include <nlohmann/json.hpp>

#include "tests/scenarios/command_line_test.h"

namespace noiommu::scenarios {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

class KconfigCommand : public CommandLine {
 protected:
  // A small tree that looks like one of Linux.
  void tree() const {
    file("linux/Makefile", "VERSION = 6\nPATCHLEVEL = 1\nSUBLEVEL = 0\nEXTRAVERSION = -rc1\n");
    file("linux/Kconfig",
         "mainmenu \"Linux/$(ARCH) $(KERNELVERSION)\"\n"
         "source \"arch/$(SRCARCH)/Kconfig\"\n"
         "config A\n\tbool \"a\"\n\tselect B\n"
         "config B\n\tbool\n\tdepends on C\n"
         "config C\n\tbool \"c\"\n\tdefault y if $(shell,echo y)\n"
         "config LOST\n\tbool \"lost\"\n\tdepends on !X86\n");
    file("linux/arch/x86/Kconfig", "config X86\n\tdef_bool y\n");
  }
};

TEST_F(KconfigCommand, EvalCompletesAConfiguration) {
  const Answer all = noiommu("kconfig eval VFIO=y IOMMUFD=y CONFIG_VFIO_NOIOMMU=y");
  EXPECT_EQ(all.code, 0);
  EXPECT_EQ(all.err, "");
  EXPECT_THAT(all.out, AllOf(StartsWith("#\n# Automatically generated file; DO NOT EDIT.\n"),
                             HasSubstr("\nCONFIG_VFIO_CONTAINER=y\n"),
                             HasSubstr("\n# CONFIG_VFIO_DEVICE_CDEV is not set\n")));
  file("given", "CONFIG_VFIO=m\nCONFIG_IOMMUFD=m\n");
  const json as_json = json::parse(
      noiommu("kconfig eval --config given VFIO_GROUP=n VFIO_NOIOMMU=y --format json").out);
  EXPECT_EQ(as_json["symbols"]["IOMMU_PT_AMDV1"], "m");
  EXPECT_EQ(as_json["unmet_selects"], json::array());
  EXPECT_THAT(noiommu("kconfig eval VFIO=y --format markdown").out,
              AllOf(StartsWith("| symbol | value |\n|---|---|\n"), HasSubstr("| VFIO | y |\n")));
}

TEST_F(KconfigCommand, EvalSaysWhatCameOutOtherwise) {
  const Answer answer = noiommu("kconfig eval VFIO=y IOMMUFD=n VFIO_GROUP=n");
  EXPECT_EQ(answer.code, 0);
  EXPECT_EQ(answer.err, "noiommu: VFIO_GROUP was set to n and is y\n");
}

TEST_F(KconfigCommand, ListCountsAndNothingElse) {
  const Answer answer = noiommu("kconfig list --revision mainline --count");
  EXPECT_EQ(answer.code, 0);
  EXPECT_EQ(answer.out, "163\n");
  EXPECT_EQ(answer.err, "");
  EXPECT_EQ(noiommu("kconfig list --symbol VFIO --symbol IOMMUFD").out,
            "(all n)\nIOMMUFD=m\nIOMMUFD=y\nVFIO=m\nVFIO=m IOMMUFD=m\nVFIO=m IOMMUFD=y\nVFIO=y\n"
            "VFIO=y IOMMUFD=y\n");
}

TEST_F(KconfigCommand, ListTakesMoreSymbolsThanCanBeTried) {
  std::string text;
  std::string options;
  for (int i = 0; i < 24; ++i) {
    const std::string name = "S" + std::to_string(i);
    text += "config " + name + "\n\tbool \"s\"\n" + (i < 4 ? "" : "\tdepends on MISSING\n");
    options += " --symbol " + name;
  }
  file("linux/Kconfig", text);
  EXPECT_EQ(noiommu("kconfig list --tree linux --count" + options).out, "16\n");
}

TEST_F(KconfigCommand, CheckNamesCyclesAndUnmetSelects) {
  const Answer fine = noiommu("kconfig check --revision mainline --format json");
  EXPECT_EQ(fine.code, 0);
  EXPECT_EQ(json::parse(fine.out), json::parse(R"({"unmet_selects":[],"cycles":[]})"));

  const Answer cycle =
      noiommu("kconfig check --revision rejected-group-unless-noiommu --format json");
  EXPECT_EQ(cycle.code, 1);
  EXPECT_EQ(json::parse(cycle.out)["cycles"],
            json::parse(R"([["VFIO_GROUP","VFIO_NOIOMMU","VFIO_GROUP"]])"));

  const Answer unmet = noiommu("kconfig check --revision v4-without-depends --format json");
  EXPECT_EQ(unmet.code, 1);
  EXPECT_EQ(json::parse(unmet.out)["unmet_selects"].size(), 26U);
}

TEST_F(KconfigCommand, CheckReadsATree) {
  tree();
  const Answer answer = noiommu("kconfig check --tree linux --never A=y C=n");
  EXPECT_EQ(answer.code, 1);
  EXPECT_THAT(answer.out, AllOf(HasSubstr("unmet: B in 1 configurations\n"),
                                HasSubstr("B is y although it depends on C [=n]\n"),
                                HasSubstr("never settable: LOST\n")));
  EXPECT_EQ(answer.err,
            "noiommu: 1 shell commands were not run and count as n; --allow-shell runs them\n");
  EXPECT_EQ(noiommu("kconfig check --tree linux --arch x86 --allow-shell A=y").code, 0);
}

TEST_F(KconfigCommand, EvalKnowsTheVersionOfATree) {
  tree();
  EXPECT_THAT(noiommu("kconfig eval --tree linux --arch i386").out,
              HasSubstr("# Linux/i386 6.1.0-rc1\n"));
  EXPECT_EQ(noiommu("kconfig eval --tree linux --allow-shell --format json").err, "");
}

TEST_F(KconfigCommand, ExplainProvesAndProposes) {
  const std::string values = " VFIO=y IOMMUFD=y VFIO_CONTAINER=n IOMMUFD_VFIO_CONTAINER=n";
  const Answer answer = noiommu("kconfig explain VFIO_NOIOMMU" + values);
  EXPECT_EQ(answer.code, 0);
  EXPECT_THAT(answer.out, AllOf(StartsWith("VFIO_NOIOMMU is n\n"),
                                HasSubstr("to make it y: VFIO_NOIOMMU=y VFIO_GROUP=n\n")));
  const json found =
      json::parse(noiommu("kconfig explain VFIO_NOIOMMU --format json" + values).out);
  EXPECT_EQ(found["change"], json::parse(R"({"VFIO_NOIOMMU":"y","VFIO_GROUP":"n"})"));
  EXPECT_EQ(found["possible"], true);
  const Answer never = noiommu("kconfig explain S390");
  EXPECT_EQ(never.code, 1);
  EXPECT_THAT(never.out, HasSubstr("no configuration at all makes it y\n"));
}

TEST_F(KconfigCommand, DiffNamesWhatChanged) {
  const Answer answer = noiommu("kconfig diff v6 mainline");
  EXPECT_EQ(answer.code, 0);
  EXPECT_THAT(answer.out, AllOf(HasSubstr("VFIO_NOIOMMU\n"),
                                HasSubstr("157 configurations before, 163 after")));
  tree();
  file("other/Kconfig", "config A\n\tbool \"a\"\n");
  const Answer trees = noiommu("kconfig diff ./linux ./other --format json");
  EXPECT_EQ(trees.code, 0);
  EXPECT_GE(json::parse(trees.out)["symbols"].size(), 4U);
}

TEST_F(KconfigCommand, GraphIsForGraphviz) {
  const Answer dot = noiommu("kconfig graph VFIO_NOIOMMU");
  EXPECT_EQ(dot.code, 0);
  EXPECT_THAT(dot.out, AllOf(StartsWith("digraph"), HasSubstr("VFIO_GROUP")));
  const bool have_graphviz = std::system("command -v dot >/dev/null") == 0;
  const Answer svg = noiommu("kconfig graph VFIO_NOIOMMU --format svg");
  EXPECT_EQ(svg.code, have_graphviz ? 0 : 2);
  EXPECT_THAT(have_graphviz ? svg.out : svg.err,
              HasSubstr(have_graphviz ? "<svg" : "it is in the package graphviz"));
}

TEST_F(KconfigCommand, BadInputIsTwoAndSaysWhere) {
  const auto refused = [&](const std::string& arguments, const std::string& message) {
    const Answer answer = noiommu("kconfig " + arguments);
    EXPECT_EQ(answer.code, 2) << arguments;
    EXPECT_EQ(answer.out, "") << arguments;
    EXPECT_THAT(answer.err, HasSubstr(message)) << arguments;
  };
  refused("eval --revision v8", "no revision 'v8'; there are v7.0, v4,");
  refused("eval VFOI=y", "no symbol 'VFOI'");
  refused("eval VFIO", "'VFIO' is not SYMBOL=VALUE");
  refused("eval --config missing", "cannot read 'missing'");
  refused("eval --tree nowhere", "Kconfig");
  refused("explain NOSUCH", "no symbol 'NOSUCH'");
  refused("explain VFIO --want maybe", "--want");
  refused("list --symbol NOSUCH", "not every --symbol is a bool or tristate with a prompt");
  refused("graph NOSUCH", "no symbol 'NOSUCH'");
  refused("diff v6 v8", "no revision 'v8'");
  file("linux/Kconfig", "config A\n\tbool \"a\"\n\tdepends on (B\n");
  refused("eval --tree linux", "Kconfig:3:");
}

}  // namespace
}  // namespace noiommu::scenarios
