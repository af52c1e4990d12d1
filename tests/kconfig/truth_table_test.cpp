// What the merged text allows. Spec: kconfig.md sections 5.3, 5.5, 5.6 and 8.
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "tests/kconfig/review.h"

namespace noiommu::kconfig {
namespace {

// A configuration without its no-IOMMU options: section 5.3 compares revisions by these.
using Key = std::vector<Tri>;

Key key_of(const Row& row) {
  Key key;
  for (const char* name :
       {"GENERIC_ATOMIC64", "PPC_PSERIES", "IOMMU_SUPPORT", "SPAPR_TCE_IOMMU", "IOMMUFD", "VFIO",
        "VFIO_GROUP", "VFIO_DEVICE_CDEV", "VFIO_CONTAINER", "IOMMUFD_VFIO_CONTAINER"}) {
    key.push_back(row.value(name));
  }
  return key;
}

std::map<Key, Row> possible(const Review& review) {
  std::map<Key, Row> found;
  for (const Row& row : review.rows()) {
    if (row.noiommu()) found.emplace(key_of(row), row);
  }
  return found;
}

struct Change {
  size_t possible, no_container, atomic64, no_iommu_support, atomic64_with_cdev, gained;
};

// Of what base can have and the revision cannot, why; each loss counts once, in this order.
Change change(const std::string& revision) {
  const Review base("v7.0");
  const Review review(revision);
  const auto before = possible(base);
  const auto after = possible(review);
  Change result{after.size(), 0, 0, 0, 0, 0};
  for (const auto& [key, row] : before) {
    if (after.contains(key)) continue;
    const bool v4 = revision == "v4";
    if (!v4 && !row.container()) {
      ++result.no_container;
    } else if (v4 && row.on("GENERIC_ATOMIC64")) {
      ++result.atomic64;
    } else if (!row.on("IOMMU_SUPPORT")) {
      ++result.no_iommu_support;
    } else if (row.on("GENERIC_ATOMIC64") && row.on("VFIO_DEVICE_CDEV")) {
      ++result.atomic64_with_cdev;
    } else {
      ADD_FAILURE() << "lost for no reason";
    }
  }
  for (const auto& [key, row] : after) {
    if (before.contains(key)) continue;
    EXPECT_FALSE(row.on("VFIO_GROUP")) << "what is new is the cdev without groups";
    ++result.gained;
  }
  return result;
}

void expect_change(const std::string& revision, const Change& want) {
  const Change got = change(revision);
  EXPECT_EQ(got.possible, want.possible);
  EXPECT_EQ(got.no_container, want.no_container);
  EXPECT_EQ(got.atomic64, want.atomic64);
  EXPECT_EQ(got.no_iommu_support, want.no_iommu_support);
  EXPECT_EQ(got.atomic64_with_cdev, want.atomic64_with_cdev);
  EXPECT_EQ(got.gained, want.gained);
}

TEST(LostAndGained, BaseHas77) {
  EXPECT_EQ(possible(Review("v7.0")).size(), 77U);
}
TEST(LostAndGained, Version4) {
  expect_change("v4", {51, 0, 22, 4, 0, 0});
}
TEST(LostAndGained, Version5) {
  expect_change("v5", {56, 21, 0, 0, 0, 0});
}
TEST(LostAndGained, Version6) {
  expect_change("v6", {56, 21, 0, 0, 6, 6});
}
TEST(LostAndGained, Merged) {
  expect_change("mainline", {62, 21, 0, 0, 0, 6});
}

// Section 5.5: what IOMMU_PT_AMDV1 is where the cdev works without an IOMMU.
std::set<Tri> page_tables(const Review& review, Tri iommufd, Tri vfio) {
  std::set<Tri> values;
  for (const Row& row : review.rows()) {
    const bool cdev = row.on("VFIO_DEVICE_CDEV") &&
                      (row.on("VFIO_CDEV_NOIOMMU") || row.on("VFIO_NOIOMMU")) &&
                      row.on("IOMMU_PT_AMDV1");
    if (cdev && row.value("IOMMUFD") == iommufd && row.value("VFIO") == vfio) {
      values.insert(row.value("IOMMU_PT_AMDV1"));
    }
  }
  return values;
}

TEST(PageTables, FollowIommufdButInVersion4) {
  for (const char* revision : {"v4", "v5", "v6", "mainline"}) {
    const Review review(revision);
    const bool v4 = std::string(revision) == "v4";
    EXPECT_EQ(page_tables(review, Tri::kM, Tri::kM), std::set{Tri::kM}) << revision;
    EXPECT_EQ(page_tables(review, Tri::kY, Tri::kM), std::set{v4 ? Tri::kM : Tri::kY}) << revision;
    EXPECT_EQ(page_tables(review, Tri::kY, Tri::kY), std::set{Tri::kY}) << revision;
    EXPECT_EQ(page_tables(review, Tri::kM, Tri::kY), std::set<Tri>{}) << revision;
  }
}

// Section 5.6. Columns: GENERIC_ATOMIC64, IOMMUFD, VFIO_GROUP, VFIO_DEVICE_CDEV, VFIO_CONTAINER,
// IOMMUFD_VFIO_CONTAINER, then whether VFIO_NOIOMMU may be y, and IOMMUFD_NOIOMMU when it is.
using Case = std::tuple<bool, bool, bool, bool, bool, bool>;
using Verdict = std::pair<bool, bool>;

constexpr bool n = false;
constexpr bool y = true;

const std::map<Case, Verdict>& truth_table() {
  static const std::map<Case, Verdict> kTable = {
      {{n, n, y, n, y, n}, {y, n}}, {{n, y, n, y, n, n}, {y, y}}, {{n, y, y, n, n, n}, {n, n}},
      {{n, y, y, n, n, y}, {y, n}}, {{n, y, y, n, y, n}, {y, n}}, {{n, y, y, y, n, n}, {n, n}},
      {{n, y, y, y, n, y}, {y, y}}, {{n, y, y, y, y, n}, {y, y}}, {{y, n, y, n, y, n}, {y, n}},
      {{y, y, n, y, n, n}, {n, n}}, {{y, y, y, n, n, n}, {n, n}}, {{y, y, y, n, n, y}, {y, n}},
      {{y, y, y, n, y, n}, {y, n}}, {{y, y, y, y, n, n}, {n, n}}, {{y, y, y, y, n, y}, {y, n}},
      {{y, y, y, y, y, n}, {y, n}}};
  return kTable;
}

TEST(TruthTable, OfTheMergedText) {
  const Review review("mainline");
  std::map<Case, Verdict> found;
  for (const Row& row : review.rows()) {
    if (!row.on("VFIO") || row.on("PPC_PSERIES")) continue;
    Verdict& verdict = found[{row.on("GENERIC_ATOMIC64"), row.on("IOMMUFD"), row.on("VFIO_GROUP"),
                              row.on("VFIO_DEVICE_CDEV"), row.on("VFIO_CONTAINER"),
                              row.on("IOMMUFD_VFIO_CONTAINER")}];
    if (!row.yes("VFIO_NOIOMMU")) continue;
    verdict.first = true;
    verdict.second = row.yes("IOMMUFD_NOIOMMU");
  }
  EXPECT_EQ(found, truth_table());
}

TEST(TruthTable, InvariantsOfTheMergedText) {
  const Review review("mainline");
  for (const Row& row : review.rows()) {
    if (row.yes("IOMMUFD_NOIOMMU")) {
      EXPECT_TRUE(row.yes("VFIO_NOIOMMU") && row.yes("VFIO_DEVICE_CDEV"));
      EXPECT_TRUE(row.on("IOMMUFD") && row.yes("IOMMU_SUPPORT"));
      EXPECT_FALSE(row.on("GENERIC_ATOMIC64") || row.on("SPAPR_TCE_IOMMU"));
      EXPECT_EQ(row.value("IOMMU_PT_AMDV1"), row.value("IOMMUFD"));
    }
    EXPECT_TRUE(!row.noiommu_group() || row.container());
    EXPECT_FALSE(row.yes("VFIO_CONTAINER") && row.yes("IOMMUFD_VFIO_CONTAINER"));
    if (row.on("VFIO") && !row.on("IOMMUFD")) {
      EXPECT_TRUE(row.yes("VFIO_GROUP") && row.yes("VFIO_CONTAINER"));
    }
    if (row.on("VFIO") && row.yes("SPAPR_TCE_IOMMU")) {
      EXPECT_TRUE(row.yes("VFIO_GROUP") && !row.on("VFIO_DEVICE_CDEV"));
    }
  }
}

// Section 8: what the kernel's documentation promises, without GENERIC_ATOMIC64.
TEST(TruthTable, SixRowsOfTheDocumentation) {
  std::map<std::tuple<bool, bool, bool>, bool> selectable;  // group, container, cdev
  const Review review("mainline");
  for (const Row& row : review.rows()) {
    if (!row.on("VFIO") || row.on("GENERIC_ATOMIC64")) continue;
    bool& can = selectable[{row.on("VFIO_GROUP"), row.container(), row.on("VFIO_DEVICE_CDEV")}];
    can = can || row.yes("VFIO_NOIOMMU");
  }
  const std::map<std::tuple<bool, bool, bool>, bool> documented = {
      {{y, y, n}, y}, {{y, n, n}, n}, {{y, y, y}, y}, {{y, n, y}, n}, {{n, n, y}, y}};
  // The sixth row, neither group nor cdev, is one that no configuration with VFIO has.
  EXPECT_EQ(selectable, documented);
}

}  // namespace
}  // namespace noiommu::kconfig
