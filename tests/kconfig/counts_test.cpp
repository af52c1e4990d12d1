// The table of counts. Spec: kconfig.md section 5.2.
#include <gtest/gtest.h>

#include <array>
#include <map>
#include <string>
#include <vector>

#include "tests/kconfig/review.h"

namespace noiommu::kconfig {
namespace {

// How a revision says "a device without an IOMMU has a character device".
bool noiommu_cdev(const std::string& revision, const Row& row) {
  if (revision == "v7.0") return false;
  if (revision == "v4") return row.on("VFIO_NOIOMMU") && row.on("VFIO_DEVICE_CDEV");
  if (revision.starts_with("v5")) return row.on("VFIO_CDEV_NOIOMMU");
  return row.on("IOMMUFD_NOIOMMU") && row.on("VFIO_DEVICE_CDEV");
}

struct Counted {
  const char* name;
  std::function<bool(const std::string&, const Row&)> holds;
  std::array<size_t, 5> counts;  // v7.0, v4, v5, v6, mainline
};

const std::vector<Counted>& table() {
  using S = const std::string&;
  using R = const Row&;
  static const std::vector<Counted> kTable = {
      {"distinct configurations", [](S, R) { return true; }, {178, 152, 280, 157, 163}},
      {"with VFIO", [](S, R row) { return row.on("VFIO"); }, {163, 137, 259, 142, 148}},
      {"with groups", [](S, R row) { return row.on("VFIO_GROUP"); }, {154, 128, 238, 127, 133}},
      {"group without container",
       [](S, R row) { return row.on("VFIO_GROUP") && !row.container(); },
       {42, 36, 42, 21, 21}},
      {"noiommu group", [](S, R row) { return row.noiommu_group(); }, {77, 51, 98, 50, 56}},
      {"noiommu group without container",
       [](S, R row) { return row.noiommu_group() && !row.container(); },
       {21, 15, 0, 0, 0}},
      {"noiommu cdev", [](S rev, R row) { return noiommu_cdev(rev, row); }, {0, 18, 36, 18, 18}},
      {"noiommu cdev without groups",
       [](S rev, R row) { return noiommu_cdev(rev, row) && !row.on("VFIO_GROUP"); },
       {0, 0, 6, 6, 6}},
      {"noiommu cdev and noiommu group",
       [](S rev, R row) { return noiommu_cdev(rev, row) && row.noiommu_group(); },
       {0, 18, 12, 12, 12}},
      {"noiommu cdev, and a group without container",
       [](S rev, R row) {
         return noiommu_cdev(rev, row) && row.on("VFIO_GROUP") && !row.container();
       },
       {0, 6, 6, 0, 0}},
      {"noiommu, a cdev, no noiommu cdev",
       [](S rev, R row) {
         return row.noiommu() && row.on("VFIO_DEVICE_CDEV") && !noiommu_cdev(rev, row);
       },
       {27, 0, 30, 0, 6}},
      {"IOMMUFD_NOIOMMU for nothing",
       [](S rev, R row) { return row.on("IOMMUFD_NOIOMMU") && !noiommu_cdev(rev, row); },
       {0, 0, 87, 0, 0}},
      {"page tables for nothing",
       [](S rev, R row) { return row.on("IOMMU_PT_AMDV1") && !noiommu_cdev(rev, row); },
       {0, 33, 87, 0, 0}},
      {"unmet dependencies", [](S, R row) { return !row.unmet().empty(); }, {0, 0, 0, 0, 0}},
      {"noiommu with GENERIC_ATOMIC64",
       [](S, R row) { return row.noiommu() && row.on("GENERIC_ATOMIC64"); },
       {22, 0, 16, 10, 16}},
      {"noiommu with GENERIC_ATOMIC64 and a cdev",
       [](S, R row) {
         return row.noiommu() && row.on("GENERIC_ATOMIC64") && row.on("VFIO_DEVICE_CDEV");
       },
       {9, 0, 6, 0, 6}},
      {"noiommu without IOMMU_SUPPORT",
       [](S, R row) { return row.noiommu() && !row.on("IOMMU_SUPPORT"); },
       {6, 0, 6, 6, 6}},
      {"noiommu without IOMMUFD",
       [](S, R row) { return row.noiommu() && !row.on("IOMMUFD"); },
       {14, 6, 14, 14, 14}},
      {"noiommu with SPAPR_TCE_IOMMU",
       [](S, R row) { return row.noiommu() && row.on("SPAPR_TCE_IOMMU"); },
       {11, 11, 14, 8, 8}},
      {"VFIO with neither group nor cdev",
       [](S, R row) {
         return row.on("VFIO") && !row.on("VFIO_GROUP") && !row.on("VFIO_DEVICE_CDEV");
       },
       {0, 0, 0, 0, 0}},
  };
  return kTable;
}

class CountsTest : public testing::TestWithParam<size_t> {};

TEST_P(CountsTest, EveryClassHasItsSize) {
  const std::string revision = revision_names()[GetParam()];
  const Review review(revision);
  for (const Counted& row : table()) {
    EXPECT_EQ(review.count([&](const Row& one) { return row.holds(revision, one); }),
              row.counts[GetParam()])
        << row.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Revisions, CountsTest, testing::Range(size_t{0}, size_t{5}),
                         [](const auto& test) {
                           std::string name = revision_names()[test.param];
                           std::erase(name, '.');
                           return name;
                         });

TEST(Counts, Version5AsItWasMailed) {
  const Review review("v5-mail");
  EXPECT_EQ(review.outcomes().size(), 322U);
  EXPECT_EQ(review.count([](const Row& row) { return row.noiommu_group() && !row.container(); }),
            42U);
  EXPECT_EQ(review.count([](const Row& row) { return noiommu_cdev("v5-mail", row); }), 42U);
}

// Which targets of a select lack their dependencies, and in how many configurations.
std::map<std::vector<std::string>, size_t> unmet_counts(const Review& review) {
  std::map<std::vector<std::string>, size_t> counts;
  for (const Row& row : review.rows()) {
    std::vector<std::string> names;
    for (const SymbolId id : row.unmet()) names.push_back(symbol_text(review.tree(), id));
    std::sort(names.begin(), names.end());
    if (!names.empty()) ++counts[names];
  }
  return counts;
}

using Unmet = std::map<std::vector<std::string>, size_t>;

TEST(Counts, Version4WithoutIommuSupportWarnsFourTimes) {
  const Review review("v4-without-iommu-support");
  EXPECT_EQ(review.outcomes().size(), 156U);
  EXPECT_EQ(unmet_counts(review), (Unmet{{{"IOMMU_PT"}, 4}}));
}

TEST(Counts, Version4WithoutBothDependenciesWarnsInTwentySixConfigurations) {
  const Review review("v4-without-depends");
  EXPECT_EQ(review.outcomes().size(), 178U);
  EXPECT_EQ(
      unmet_counts(review),
      (Unmet{{{"IOMMU_PT_AMDV1"}, 20}, {{"IOMMU_PT"}, 4}, {{"IOMMU_PT", "IOMMU_PT_AMDV1"}, 2}}));
}

}  // namespace
}  // namespace noiommu::kconfig
