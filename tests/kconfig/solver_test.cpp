// What a SAT solver finds is what trying everything finds.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "model/kconfig/cycles.h"
#include "model/kconfig/enumeration.h"
#include "model/kconfig/explain.h"
#include "model/kconfig/revisions.h"
#include "tests/kconfig/change_text.h"
#include "tests/kconfig/text_tree.h"

namespace noiommu::kconfig {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Results and how many input vectors lead to each.
using Counts = std::map<std::vector<Tri>, uint64_t>;

Counts counts_of(const std::vector<Outcome>& outcomes) {
  Counts counts;
  for (const Outcome& outcome : outcomes) {
    const bool fresh = counts.emplace(outcome.values, outcome.count).second;
    EXPECT_TRUE(fresh) << "the same result twice";
  }
  return counts;
}

void expect_the_same(const Tree& tree, const std::vector<SymbolId>& inputs) {
  EXPECT_EQ(counts_of(enumerate_by_solver(tree, inputs)),
            counts_of(enumerate_by_trial(tree, inputs)));
}

std::vector<SymbolId> all_with_prompts(const Tree& tree) {
  std::vector<std::string> names;
  for (const SymbolId id : tree.order) {
    if (tree.symbols[id].choice == kNoSymbol) names.push_back(tree.symbols[id].name);
  }
  return settable(tree, names);
}

class EveryRevision : public testing::TestWithParam<std::string> {};

TEST_P(EveryRevision, HasTheSameResultsEitherWay) {
  const auto tree = load_revision(GetParam());
  ASSERT_TRUE(tree);
  if (!find_cycles(*tree).empty()) GTEST_SKIP() << "a tree with a cycle has no configurations";
  expect_the_same(*tree, settable(*tree, review_inputs()));
}

INSTANTIATE_TEST_SUITE_P(Solver, EveryRevision, testing::ValuesIn(revision_names()),
                         [](const auto& revision) {
                           std::string name = revision.param;
                           for (char& c : name) c = std::isalnum(c) != 0 ? c : '_';
                           return name;
                         });

// A tree of symbols that each look at earlier ones only.
std::string random_text(uint32_t seed) {
  std::mt19937 random(seed);
  const auto pick = [&](uint32_t below) { return random() % below; };
  std::string text = "config MODULES\n\tbool \"modules\"\n\tmodules\n";
  const auto earlier = [&](uint32_t i) {
    std::string name = i == 0 ? "MODULES" : "S" + std::to_string(pick(i));
    switch (pick(6)) {
      case 0:
        return "!" + name;
      case 1:
        return name + "=" + std::string(1, "nmy"[pick(3)]);
      case 2:
        return name + "!=" + std::string(1, "nmy"[pick(3)]);
      default:
        return name;
    }
  };
  const auto expression = [&](uint32_t i) {
    std::string result = earlier(i);
    for (uint32_t n = pick(3); n > 0; --n) result += (pick(2) == 0 ? " && " : " || ") + earlier(i);
    return result;
  };
  for (uint32_t i = 0; i < 9; ++i) {
    text += "config S" + std::to_string(i) + (pick(2) == 0 ? "\n\tbool" : "\n\ttristate");
    if (pick(4) != 0) text += " \"prompt\"" + (pick(3) == 0 ? " if " + expression(i) : "");
    text += '\n';
    if (pick(2) == 0) text += "\tdepends on " + expression(i) + '\n';
    for (uint32_t n = pick(3); n > 0; --n) {
      text += "\tdefault " + expression(i) + (pick(2) == 0 ? " if " + expression(i) : "") + '\n';
    }
    // Later symbols only, so that nothing goes round.
    if (i < 8 && pick(2) == 0) {
      text += (pick(2) == 0 ? "\tselect S" : "\timply S") + std::to_string(i + 1 + pick(8 - i)) +
              (pick(2) == 0 ? " if " + expression(i) : "") + '\n';
    }
  }
  return text;
}

TEST(Solver, HasTheSameResultsOnRandomTrees) {
  for (uint32_t seed = 0; seed < 60; ++seed) {
    const std::string text = random_text(seed);
    SCOPED_TRACE(text);
    const Tree tree = tree_of(text);
    ASSERT_THAT(find_cycles(tree), IsEmpty());
    expect_the_same(tree, all_with_prompts(tree));
    if (testing::Test::HasFailure()) return;
  }
}

TEST(Solver, ConfirmsWhatItCannotSee) {
  expect_the_same(tree_of("config N\n\tint \"n\"\n\tdefault 3 if A\n\tdefault 5\n"
                          "config A\n\tbool \"a\"\n"
                          "config B\n\tbool \"b\"\n\tdepends on N > 4\n"
                          "config C\n\tbool \"c\"\n\tdepends on N = 3\n"),
                  {});
  const Tree tree = tree_of(
      "config N\n\tint \"n\"\n\tdefault 3 if A\n\tdefault 5\n"
      "config A\n\tbool \"a\"\n"
      "config B\n\tbool \"b\"\n\tdepends on N > 4\n"
      "choice\n\tprompt \"one\"\n"
      "config X\n\tbool \"x\"\n\tdepends on A\n"
      "config Y\n\tbool \"y\"\n"
      "endchoice\n"
      "config D\n\tbool \"d\"\n\tdepends on X\n");
  expect_the_same(tree, {tree.find("A"), tree.find("B"), tree.find("D")});
}

TEST(Solver, EnumeratesWhatCannotBeTried) {
  std::string text;
  for (int i = 0; i < 70; ++i) {
    text += "config A" + std::to_string(i) + "\n\tbool \"a\"\n\tdepends on A0\n\tselect LAST\n";
  }
  text.replace(text.find("\tdepends on A0\n"), 15, "");
  text += "config LAST\n\tbool\n";
  const Tree tree = tree_of(text);
  std::vector<SymbolId> inputs;
  for (int i = 0; i < 70; ++i) inputs.push_back(tree.find("A" + std::to_string(i)));
  EXPECT_EQ(combinations(tree, inputs), UINT64_MAX);
  inputs.resize(19);
  inputs.push_back(tree.find("A69"));
  // One result without A0, from half of all vectors, and all the others by themselves; a few of
  // them are enough here.
  size_t seen = 0;
  uint64_t most = 0;
  struct Enough {};
  try {
    enumerate(tree, inputs,
              {.found =
                   [&](const Configuration&) {
                     if (++seen == 100) throw Enough();
                   },
               .progress = [&](uint64_t done) { most = std::max(most, done); }});
  } catch (const Enough&) {
  }
  EXPECT_EQ(seen, 100U);
}

TEST(Solver, CountsVectorsThatItNeverTries) {
  std::string text = "config A\n\tbool \"a\"\nif A\n";
  for (int i = 0; i < 40; ++i) {
    text += "config B" + std::to_string(i) + "\n\tbool \"b\"\n\tdepends on C\n";
  }
  text += "endif\nconfig C\n\tbool \"c\"\n";
  const Tree tree = tree_of(text);
  const auto inputs = all_with_prompts(tree);
  ASSERT_GT(combinations(tree, inputs), kMostTried);
  const Tree reduced = tree_of(text + "config D\n\tbool\n\tdefault y if !A\n");
  uint64_t without = 0;
  struct Enough {};
  try {
    enumerate_by_solver(reduced, all_with_prompts(reduced),
                        {.found =
                             [&](const Configuration& one) {
                               if (one.value(reduced.find("A")) == Tri::kN) ++without;
                               if (without == 2) throw Enough();
                             },
                         .progress = {}});
  } catch (const Enough&) {
  }
  EXPECT_EQ(without, 2U) << "with and without C; what B is given makes no difference";
}

TEST(SmallestChange, MayTakeManySymbols) {
  std::string text = "config GOAL\n\tbool \"goal\"\n";
  for (int i = 0; i < 8; ++i) text += "\tdepends on N" + std::to_string(i) + "\n";
  for (int i = 0; i < 8; ++i) text += "config N" + std::to_string(i) + "\n\tbool \"n\"\n";
  EXPECT_EQ(change(tree_of(text), "CONFIG_N3=y\n", "GOAL"),
            "GOAL=y N0=y N1=y N2=y N4=y N5=y N6=y N7=y ");
}

TEST(SmallestChange, PrefersFewToNear) {
  const Tree tree = tree_of(
      "config GOAL\n\tbool\n\tdefault y if A && B || C\n"
      "config A\n\tbool \"a\"\nconfig B\n\tbool \"b\"\n"
      "config C\n\tbool\n\tdefault y if D\nconfig D\n\tbool \"d\"\n");
  EXPECT_EQ(change(tree, "", "GOAL"), "D=y ");
  EXPECT_EQ(change(tree, "CONFIG_A=y\n", "GOAL"), "B=y ");
}

TEST(SmallestChange, TurnsModulesOnForAnM) {
  const Tree tree = tree_of(
      "config MODULES\n\tbool \"modules\"\n\tmodules\n"
      "config A\n\ttristate \"a\"\n\tdepends on B\n"
      "config B\n\ttristate \"b\"\n");
  EXPECT_EQ(change(tree, "", "A", Tri::kM), "A=m B=y MODULES=y ");
  EXPECT_EQ(change(tree, "CONFIG_MODULES=y\nCONFIG_B=m\n", "A", Tri::kM), "A=m ");
  EXPECT_EQ(change(tree, "CONFIG_MODULES=y\nCONFIG_B=m\n", "A"), "A=y B=y ");
}

TEST(SmallestChange, IsConfirmedByTheEvaluator) {
  for (uint32_t seed = 0; seed < 60; ++seed) {
    const Tree tree = tree_of(random_text(seed));
    for (const SymbolId id : tree.order) {
      const Change found = smallest_change(tree, "", id, Tri::kY);
      bool somewhere = false;
      for (const Outcome& outcome : enumerate_by_trial(tree, all_with_prompts(tree))) {
        somewhere = somewhere || outcome.values[id] == Tri::kY;
      }
      EXPECT_EQ(found.possible || somewhere, found.possible) << "seed " << seed;
      if (!found.assignments) continue;
      Configuration configuration(tree);
      for (const Assignment& one : *found.assignments) configuration.set(one.symbol, one.value);
      configuration.evaluate();
      EXPECT_EQ(configuration.value(id), Tri::kY) << "seed " << seed;
    }
    if (testing::Test::HasFailure()) return;
  }
}

// A container would do as well, and is one symbol farther away.
TEST(SmallestChange, OfMainlineTakesTheGroupAway) {
  const auto tree = load_revision("mainline");
  EXPECT_EQ(change(*tree,
                   "CONFIG_IOMMUFD=m\nCONFIG_VFIO=m\nCONFIG_VFIO_GROUP=y\n"
                   "# CONFIG_VFIO_CONTAINER is not set\n"
                   "# CONFIG_IOMMUFD_VFIO_CONTAINER is not set\n",
                   "VFIO_NOIOMMU"),
            "VFIO_NOIOMMU=y VFIO_GROUP=n ");
}

TEST(NeverSettable, ProvesThatNoPromptIsShown) {
  const Tree tree = tree_of(
      "config A\n\tbool \"a\"\n\tdepends on MISSING\n"
      "config B\n\tbool \"b\"\n\tdepends on C && !C\n"
      "config C\n\tbool \"c\"\n"
      "config D\n\tbool \"d\"\n\tdepends on E > 3\n"
      "config E\n\tint \"e\"\n"
      "config F\n\tbool\n\tdefault y\n");
  std::vector<std::string> names;
  for (const SymbolId id : never_settable(tree)) names.push_back(tree.symbols[id].name);
  EXPECT_THAT(names, ElementsAre("A", "B"));
}

}  // namespace
}  // namespace noiommu::kconfig
