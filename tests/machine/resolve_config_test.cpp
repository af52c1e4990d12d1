// Spec: kconfig.md sections 5.4, 5.6 and 8, revision "merged".
#include "model/machine/resolve_config.h"

#include <gtest/gtest.h>

#include <array>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

namespace noiommu {
namespace {

using Overrides = std::map<std::string, std::string>;

// What an overridden configuration comes out as; a message fails the test.
ResolvedConfig resolved_with_symbols(const Overrides& overrides) {
  auto resolved = resolve_config(overrides);
  if (!resolved) ADD_FAILURE() << resolved.error();
  return resolved.value_or(ResolvedConfig{});
}
Config resolved(const Overrides& overrides) {
  return resolved_with_symbols(overrides).config;
}

std::string refusal(const Overrides& overrides) {
  auto config = resolve_config(overrides);
  return config ? "none" : config.error();
}

// A row of the truth table: what is set, and what then follows.
struct Row {
  bool atomic64_missing, iommufd, group, cdev, container, iommufd_container;
  bool noiommu_possible, iommufd_noiommu;

  [[nodiscard]] auto key() const {
    return std::tuple(atomic64_missing, iommufd, group, cdev, container, iommufd_container);
  }
};

constexpr bool n = false;
constexpr bool y = true;
constexpr std::array<Row, 16> kTruth = {{
    {n, n, y, n, y, n, y, n},
    {n, y, n, y, n, n, y, y},
    {n, y, y, n, n, n, n, n},
    {n, y, y, n, n, y, y, n},
    {n, y, y, n, y, n, y, n},
    {n, y, y, y, n, n, n, n},
    {n, y, y, y, n, y, y, y},
    {n, y, y, y, y, n, y, y},
    {y, n, y, n, y, n, y, n},
    {y, y, n, y, n, n, n, n},
    {y, y, y, n, n, n, n, n},
    {y, y, y, n, n, y, y, n},
    {y, y, y, n, y, n, y, n},
    {y, y, y, y, n, n, n, n},
    {y, y, y, y, n, y, y, n},
    {y, y, y, y, y, n, y, n},
}};

// Every way to answer the prompts.
std::vector<Overrides> all_answers() {
  static constexpr std::array kPrompts = {
      "GENERIC_ATOMIC64", "IOMMUFD",          "IOMMUFD_NOIOMMU", "IOMMUFD_VFIO_CONTAINER",
      "VFIO_CONTAINER",   "VFIO_DEVICE_CDEV", "VFIO_GROUP",      "VFIO_NOIOMMU"};
  std::vector<Overrides> all;
  for (unsigned bits = 0; bits < 1U << kPrompts.size(); ++bits) {
    Overrides answers;
    for (size_t i = 0; i < kPrompts.size(); ++i) {
      answers[kPrompts[i]] = (bits >> i & 1) != 0 ? "y" : "n";
    }
    all.push_back(std::move(answers));
  }
  return all;
}

Row row_of(const Overrides& answers, const Config& c) {
  return {.atomic64_missing = answers.at("GENERIC_ATOMIC64") == "y",
          .iommufd = c.iommufd,
          .group = c.vfio_group,
          .cdev = c.vfio_device_cdev,
          .container = c.vfio_container,
          .iommufd_container = c.iommufd_vfio_container,
          .noiommu_possible = c.vfio_noiommu,
          .iommufd_noiommu = c.iommufd_noiommu};
}

TEST(Config, EveryAnswerGivesARowOfTheTruthTableAndEveryRowOccurs) {
  std::set<decltype(kTruth[0].key())> seen;
  for (const Overrides& answers : all_answers()) {
    const Row got = row_of(answers, resolved(answers));
    const auto* expected = std::find_if(kTruth.begin(), kTruth.end(),
                                        [&](const Row& row) { return row.key() == got.key(); });
    ASSERT_NE(expected, kTruth.end()) << testing::PrintToString(answers);
    seen.insert(got.key());
    const bool asked = answers.at("VFIO_NOIOMMU") == "y";
    EXPECT_EQ(got.noiommu_possible, asked && expected->noiommu_possible)
        << testing::PrintToString(answers);
    EXPECT_EQ(got.iommufd_noiommu, asked && expected->iommufd_noiommu)
        << testing::PrintToString(answers);
  }
  EXPECT_EQ(seen.size(), kTruth.size());
}

TEST(Config, WhatIsNeitherForcedNorBlockedComesOutAsAsked) {
  for (const Overrides& answers : all_answers()) {
    const Config c = resolved(answers);
    const auto asked = [&](const char* symbol) { return answers.at(symbol) == "y"; };
    EXPECT_EQ(c.iommufd, asked("IOMMUFD"));
    if (!c.iommufd) continue;
    EXPECT_EQ(c.vfio_group, asked("VFIO_GROUP"));
    if (!c.vfio_group) continue;
    EXPECT_EQ(c.vfio_container, asked("VFIO_CONTAINER"));
    EXPECT_EQ(c.vfio_device_cdev, asked("VFIO_DEVICE_CDEV"));
    if (c.vfio_container) continue;
    EXPECT_EQ(c.iommufd_vfio_container, asked("IOMMUFD_VFIO_CONTAINER"));
  }
}

TEST(Config, ResolvingAResultAgainChangesNothing) {
  for (const Overrides& answers : all_answers()) {
    const ResolvedConfig once = resolved_with_symbols(answers);
    Overrides again = {{"GENERIC_ATOMIC64", answers.at("GENERIC_ATOMIC64")}};
    for (const auto& [symbol, on] : once.symbols) again[symbol] = on ? "y" : "n";
    EXPECT_EQ(resolved(again), once.config) << testing::PrintToString(answers);
  }
}

TEST(Config, TheDefaultHasEverythingForGroupContainerAndCdev) {
  EXPECT_EQ(resolved({}), Config{});
  EXPECT_EQ(resolved_with_symbols({}).symbols,
            (std::map<std::string, bool>{{"IOMMUFD", true},
                                         {"IOMMUFD_NOIOMMU", true},
                                         {"IOMMUFD_VFIO_CONTAINER", false},
                                         {"VFIO_CONTAINER", true},
                                         {"VFIO_DEVICE_CDEV", true},
                                         {"VFIO_GROUP", true},
                                         {"VFIO_NOIOMMU", true}}));
}

TEST(Config, ContainerOfIommufdTurnsOnByItselfWhenTheNativeOneIsOff) {
  EXPECT_TRUE(resolved({{"VFIO_CONTAINER", "n"}}).iommufd_vfio_container);
  EXPECT_TRUE(resolved({{"VFIO_CONTAINER", "n"}}).vfio_noiommu);
}

TEST(Config, WithoutIommufdGroupAndContainerAreForcedAndNoCdevIsThere) {
  const Config c = resolved({{"IOMMUFD", "n"}, {"VFIO_GROUP", "n"}, {"VFIO_CONTAINER", "n"}});
  EXPECT_TRUE(c.vfio_group);
  EXPECT_TRUE(c.vfio_container);
  EXPECT_FALSE(c.vfio_device_cdev);
  EXPECT_FALSE(c.iommufd_noiommu);
}

TEST(Config, WithoutGroupTheCdevIsForced) {
  const Config c = resolved({{"VFIO_GROUP", "n"}, {"VFIO_DEVICE_CDEV", "n"}});
  EXPECT_TRUE(c.vfio_device_cdev);
  EXPECT_FALSE(c.vfio_container);
  EXPECT_FALSE(c.iommufd_vfio_container);
  EXPECT_TRUE(c.iommufd_noiommu);
}

// The smallest configuration of each "merged" line of the list of defects: by design, not a bug.
TEST(Config, AGroupKeepsNoiommuWithoutAtomic64ThoughItsDevicesGetNoCdev) {
  const Config c = resolved({{"GENERIC_ATOMIC64", "y"},
                             {"IOMMUFD", "m"},
                             {"VFIO", "m"},
                             {"VFIO_CONTAINER", "n"},
                             {"IOMMUFD_VFIO_CONTAINER", "y"}});
  EXPECT_TRUE(c.vfio_noiommu);
  EXPECT_TRUE(c.vfio_device_cdev);
  EXPECT_FALSE(c.iommufd_noiommu);
}

TEST(Config, AGroupWithoutContainerIsAllowedAndHasNoNoiommu) {
  const Config c = resolved({{"IOMMUFD", "m"},
                             {"VFIO", "m"},
                             {"VFIO_CONTAINER", "n"},
                             {"IOMMUFD_VFIO_CONTAINER", "n"},
                             {"VFIO_DEVICE_CDEV", "n"}});
  EXPECT_TRUE(c.vfio_group);
  EXPECT_FALSE(c.vfio_container || c.iommufd_vfio_container);
  EXPECT_FALSE(c.vfio_noiommu);
}

TEST(Config, AModuleCountsAsOn) {
  EXPECT_EQ(resolved({{"IOMMUFD", "m"}, {"VFIO", "m"}, {"VFIO_PCI", "m"}}), Config{});
}

TEST(Config, NobodyCanSetIommufdNoiommu) {
  EXPECT_TRUE(resolved({{"IOMMUFD_NOIOMMU", "n"}}).iommufd_noiommu);
  EXPECT_FALSE(resolved({{"IOMMUFD_NOIOMMU", "y"}, {"VFIO_NOIOMMU", "n"}}).iommufd_noiommu);
}

TEST(Config, NamesASymbolThatItDoesNotKnow) {
  EXPECT_EQ(refusal({{"VFIO_GROUP", "y"}, {"VFIO_GRUOP", "y"}}),
            "VFIO_GRUOP is not a symbol that the model knows");
  EXPECT_EQ(refusal({{"CONFIG_VFIO", "y"}}), "CONFIG_VFIO is not a symbol that the model knows");
  EXPECT_EQ(refusal({{"", "y"}}), " is not a symbol that the model knows");
}

TEST(Config, NamesAValueThatASymbolCannotHave) {
  EXPECT_EQ(refusal({{"IOMMUFD", "yes"}}), "IOMMUFD=yes: the symbol is y, m or n");
  EXPECT_EQ(refusal({{"VFIO", ""}}), "VFIO=: the symbol is y, m or n");
  EXPECT_EQ(refusal({{"VFIO_GROUP", "m"}}), "VFIO_GROUP=m: the symbol is y or n");
  EXPECT_EQ(refusal({{"VFIO_NOIOMMU", "Y"}}), "VFIO_NOIOMMU=Y: the symbol is y or n");
}

TEST(Config, RefusesAKernelWithoutVfioPci) {
  const std::string message = "VFIO_PCI is n: without vfio-pci there is nothing to run";
  EXPECT_EQ(refusal({{"VFIO", "n"}}), message);
  EXPECT_EQ(refusal({{"VFIO_PCI", "n"}}), message);
  EXPECT_EQ(refusal({{"PCI", "n"}}), message);
}

Config resolved_for(const char* revision, const Overrides& overrides = {}) {
  auto resolved = resolve_config(overrides, *design::find(revision));
  if (!resolved) ADD_FAILURE() << resolved.error();
  return resolved.value_or(ResolvedConfig{}).config;
}

TEST(Config, IsEvaluatedFromTheTextOfTheRevision) {
  EXPECT_FALSE(resolved_for("v7.0").iommufd_noiommu) << "no page table before the series";
  EXPECT_TRUE(resolved_for("v4").iommufd_noiommu) << "it came with VFIO's option";
  EXPECT_FALSE(resolved_for("v4", {{"VFIO_NOIOMMU", "n"}}).iommufd_noiommu);
  EXPECT_TRUE(resolved_for("v5").vfio_group_noiommu);
  const Config cdev_only = resolved_for("v5", {{"VFIO_GROUP_NOIOMMU", "n"}});
  EXPECT_TRUE(cdev_only.vfio_noiommu) << "either option has the parameter";
  EXPECT_FALSE(cdev_only.vfio_group_noiommu);
  EXPECT_FALSE(resolved_for("v5", {{"IOMMUFD_NOIOMMU", "n"}}).iommufd_noiommu);
  EXPECT_FALSE(resolved_for("v6", {{"GENERIC_ATOMIC64", "y"}}).vfio_noiommu);
  EXPECT_TRUE(resolved_for("mainline", {{"GENERIC_ATOMIC64", "y"}}).vfio_noiommu);
}

TEST(Config, RefusesSymbolsOfOtherRevisions) {
  const auto refused = resolve_config({{"VFIO_CDEV_NOIOMMU", "y"}}, *design::find("mainline"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error(), "VFIO_CDEV_NOIOMMU is not a symbol that the model knows");
}

TEST(Config, FollowsWhatSurroundsVfio) {
  EXPECT_FALSE(resolved({{"IOMMU_SUPPORT", "n"}}).iommufd);
  EXPECT_FALSE(resolved({{"SPAPR_TCE_IOMMU", "y"}, {"PPC_PSERIES", "y"}}).vfio_device_cdev);
}

}  // namespace
}  // namespace noiommu
