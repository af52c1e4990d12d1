// Why a value is what it is, what would change it, and what differs between trees.
#include "model/kconfig/explain.h"

#include <gtest/gtest.h>

#include <string>

#include "model/kconfig/difference.h"
#include "model/kconfig/graph.h"
#include "model/kconfig/revisions.h"
#include "tests/kconfig/change_text.h"
#include "tests/kconfig/text_tree.h"

namespace noiommu::kconfig {
namespace {

std::string outline(const Proof& proof, const std::string& indent = {}) {
  std::string text = indent + proof.statement + '\n';
  for (const Proof& one : proof.because) text += outline(one, indent + ' ');
  return text;
}

std::string explained(const Tree& tree, const std::string& given, const std::string& symbol) {
  Configuration configuration(tree);
  configuration.read(given);
  return outline(explain(configuration, tree.find(symbol)));
}

const std::string kText =
    "config A\n\tbool \"a\"\n\tdepends on B && !C\n"
    "config B\n\tbool \"b\"\n"
    "config C\n\tbool \"c\"\n\tdefault y\n"
    "config T\n\tbool\n"
    "config S\n\tbool \"s\"\n\tselect T\n"
    "config NEVER\n\tbool \"never\"\n\tdepends on MISSING\n";

TEST(Explain, NamesWhatHidesAPrompt) {
  EXPECT_EQ(explained(tree_of(kText), "", "A"),
            "A is n\n"
            " its prompt allows n at most: B && !C\n"
            "  B is n\n"
            "   it could be set, and nobody did\n"
            "  !C is n\n"
            "   C is y\n"
            "    its default is y [=y]\n");
}

TEST(Explain, NamesWhoSelects) {
  EXPECT_EQ(explained(tree_of(kText), "CONFIG_S=y\n", "T"),
            "T is y\n"
            " S selects it [=y]\n"
            "  S is y\n"
            "   the user set it\n");
}

TEST(Explain, FindsTheSmallestChange) {
  const Tree tree = tree_of(kText);
  EXPECT_EQ(change(tree, "", "A"), "A=y B=y C=n ");
  EXPECT_EQ(change(tree, "CONFIG_B=y\n", "A"), "A=y C=n ");
  EXPECT_EQ(change(tree, "", "T"), "S=y ");
  EXPECT_EQ(change(tree, "CONFIG_S=y\n", "T"), "");
  EXPECT_EQ(change(tree, "", "NEVER"), "never");
}

TEST(Difference, MergedGivesSixConfigurationsBackThatVersion6Took) {
  const auto v6 = load_revision("v6");
  const auto mainline = load_revision("mainline");
  ASSERT_TRUE(v6 && mainline);
  const auto symbols = changed_symbols(*v6, *mainline);
  ASSERT_EQ(symbols.size(), 1U);
  EXPECT_EQ(symbols[0].name, "VFIO_NOIOMMU");
  const auto found = changed_configurations(*v6, *mainline, review_inputs());
  EXPECT_EQ(found.before, 157U);
  EXPECT_EQ(found.after, 163U);
  EXPECT_TRUE(found.lost.empty());
  EXPECT_EQ(found.gained.size(), 6U);
}

TEST(Graph, DrawsSelectsBold) {
  const Tree tree = tree_of(kText);
  EXPECT_EQ(graph_dot(tree, {tree.find("S")}),
            "digraph kconfig {\n  node [shape=box];\n  \"S\";\n  \"T\" [style=rounded];\n"
            "  \"S\" -> \"T\" [style=bold];\n}\n");
}

}  // namespace
}  // namespace noiommu::kconfig
