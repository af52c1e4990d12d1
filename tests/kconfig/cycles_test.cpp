// Symbols that depend on themselves. Spec: kconfig.md section 4.
#include "model/kconfig/cycles.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "model/kconfig/revisions.h"
#include "tests/kconfig/text_tree.h"

namespace noiommu::kconfig {
namespace {

std::vector<std::string> chains(const Tree& tree) {
  std::vector<std::string> texts;
  for (const auto& chain : find_cycles(tree)) texts.push_back(chain_text(tree, chain));
  return texts;
}

std::vector<std::string> chains_of(const std::string& revision) {
  const auto tree = load_revision(revision);
  if (!tree) ADD_FAILURE() << tree.error().text();
  return tree ? chains(*tree) : std::vector<std::string>{};
}

using Chains = std::vector<std::string>;

TEST(Cycles, TheRejectedIdeasHaveOneEach) {
  EXPECT_EQ(chains_of("rejected-group-unless-noiommu"),
            Chains{"VFIO_GROUP -> VFIO_NOIOMMU -> VFIO_GROUP"});
  EXPECT_EQ(chains_of("rejected-group-needs-container"),
            Chains{"VFIO_CONTAINER -> VFIO_GROUP -> VFIO_CONTAINER"});
  EXPECT_EQ(chains_of("rejected-noiommu-selects-container"),
            Chains{"VFIO_CONTAINER -> IOMMUFD_VFIO_CONTAINER -> VFIO_CONTAINER"});
}

TEST(Cycles, TheRevisionsHaveNone) {
  for (const std::string& name : revision_names()) {
    if (name.starts_with("rejected")) continue;
    EXPECT_EQ(chains_of(name), Chains{}) << name;
  }
}

TEST(Cycles, ASymbolThatNeedsItself) {
  EXPECT_EQ(chains(tree_of("config A\n\tbool \"a\"\n\tdepends on A\n")), Chains{"A -> A"});
}

TEST(Cycles, ThroughSelectAndDefault) {
  const Tree tree = tree_of(
      "config A\n\tbool \"a\"\n\tselect B\n"
      "config B\n\tbool\n"
      "config C\n\tdef_bool B\n"
      "config D\n\tbool \"d\"\n\tselect A\n");
  EXPECT_EQ(chains(tree), Chains{});
  const Tree closed = tree_of(
      "config A\n\tbool \"a\"\n\tselect B\n\tdepends on C\n"
      "config B\n\tbool\n"
      "config C\n\tdef_bool B\n");
  ASSERT_EQ(find_cycles(closed).size(), 1U);
  EXPECT_EQ(find_cycles(closed)[0].size(), 3U);
}

TEST(Cycles, AChoiceAndItsValuesAreNone) {
  EXPECT_EQ(chains(tree_of("choice\n\tprompt \"c\"\n\tdefault B\n"
                           "config A\n\tbool \"a\"\nconfig B\n\tbool \"b\"\nendchoice\n")),
            Chains{});
}

}  // namespace
}  // namespace noiommu::kconfig
