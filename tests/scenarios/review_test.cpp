// `noiommu review`: the defects that the series was reviewed for are found, in as many
// configurations as there are, with the shortest sequence of calls.
// Spec: kconfig.md sections 5.2 to 5.4 and 8; vfio-core.md sections 1, 3, 5, 7 and 8.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>

#include "scenarios/review/property.h"

namespace noiommu::scenarios::review {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::SizeIs;
using testing::StartsWith;

// A revision with what was searched in it, for as long as it is asked about.
class Asked {
 public:
  explicit Asked(const std::string& name, size_t depth = 6)
      : revision_(load(name)), depth_(depth) {}

  Finding operator()(const std::string& name) {
    for (const Property& property : properties()) {
      if (property.name != name) continue;
      if (property.searches && explorations_.all.empty()) {
        explorations_ = explore(revision_, kernels_, depth_);
      }
      return property.check({revision_, kernels_, explorations_});
    }
    throw std::invalid_argument(name);
  }

 private:
  static Revision load(const std::string& name) {
    auto loaded = Revision::load(name);
    if (!loaded) throw std::invalid_argument(loaded.error().text());
    return std::move(*loaded);
  }

  const Revision revision_;
  const std::vector<KernelBuild> kernels_ = revision_.kernels();
  const size_t depth_;
  Explorations explorations_;
};

Finding find(const std::string& revision, const std::string& name) {
  return Asked(revision)(name);
}
Counterexample first(const std::string& revision, const std::string& name) {
  return find(revision, name).counterexamples.at(0);
}

// "holds", "-", or how many configurations show each counterexample.
std::string verdict(const Finding& finding) {
  if (finding.verdict == Verdict::kHolds) return "holds";
  if (finding.verdict == Verdict::kNotApplicable) return "-";
  std::string text;
  for (const Counterexample& one : finding.counterexamples) {
    text += (text.empty() ? "" : " ") + std::to_string(one.configurations);
  }
  return text;
}

using Column = std::map<std::string, std::string>;

Column column(const std::string& revision, bool searches) {
  Asked asked(revision);
  Column found;
  for (const Property& property : properties()) {
    if (property.searches == searches) found[property.name] = verdict(asked(property.name));
  }
  return found;
}

TEST(Review, V70HasGroupsOnly) {
  EXPECT_EQ(column("v7.0", false), (Column{{"acyclic", "holds"},
                                           {"unmet-select", "holds"},
                                           {"module-linkage", "holds"},
                                           {"no-dead-weight", "holds"},
                                           {"support-matrix", "-"},
                                           {"groups-need-containers", "42"},
                                           {"no-regression", "holds"},
                                           {"usable-nodes", "21"},
                                           {"cdev-as-configured", "27"},
                                           {"feature-table", "-"},
                                           {"named-noiommu", "-"},
                                           {"tainted", "holds"},
                                           {"emulated-untouched", "holds"}}));
}

TEST(Review, V4HasWhatItsReviewersFound) {
  EXPECT_EQ(column("v4", false), (Column{{"acyclic", "holds"},
                                         {"unmet-select", "holds"},
                                         {"module-linkage", "15"},
                                         {"no-dead-weight", "33"},
                                         {"support-matrix", "1 1 1"},
                                         {"groups-need-containers", "36"},
                                         {"no-regression", "20"},
                                         {"usable-nodes", "15 9"},
                                         {"cdev-as-configured", "holds"},
                                         {"feature-table", "12"},
                                         {"named-noiommu", "holds"},
                                         {"tainted", "6"},
                                         {"emulated-untouched", "holds"}}));
}

TEST(Review, V5MarksTooMuchAndBindsTooMuch) {
  EXPECT_EQ(column("v5", false), (Column{{"acyclic", "holds"},
                                         {"unmet-select", "holds"},
                                         {"module-linkage", "holds"},
                                         {"no-dead-weight", "87"},
                                         {"support-matrix", "1"},
                                         {"groups-need-containers", "42"},
                                         {"no-regression", "63"},
                                         {"usable-nodes", "21 6 18 6 6"},
                                         {"cdev-as-configured", "12"},
                                         {"feature-table", "holds"},
                                         {"named-noiommu", "48 18"},
                                         {"tainted", "6"},
                                         {"emulated-untouched", "48"}}));
}

TEST(Review, V6StillMarksMediatedDevices) {
  EXPECT_EQ(column("v6", false), (Column{{"acyclic", "holds"},
                                         {"unmet-select", "holds"},
                                         {"module-linkage", "holds"},
                                         {"no-dead-weight", "holds"},
                                         {"support-matrix", "holds"},
                                         {"groups-need-containers", "21"},
                                         {"no-regression", "6"},
                                         {"usable-nodes", "holds"},
                                         {"cdev-as-configured", "holds"},
                                         {"feature-table", "holds"},
                                         {"named-noiommu", "holds"},
                                         {"tainted", "holds"},
                                         {"emulated-untouched", "18 18 18"}}));
}

TEST(Review, MainlineHidesNothing) {
  EXPECT_EQ(column("mainline", false), (Column{{"acyclic", "holds"},
                                               {"unmet-select", "holds"},
                                               {"module-linkage", "holds"},
                                               {"no-dead-weight", "holds"},
                                               {"support-matrix", "holds"},
                                               {"groups-need-containers", "21"},
                                               {"no-regression", "holds"},
                                               {"usable-nodes", "holds"},
                                               {"cdev-as-configured", "6"},
                                               {"feature-table", "holds"},
                                               {"named-noiommu", "holds"},
                                               {"tainted", "holds"},
                                               {"emulated-untouched", "holds"}}));
}

TEST(Review, SearchesEachRevision) {
  const std::vector<std::string> names{"rawio-everywhere", "rawio-at-bind", "no-warn",
                                       "toggle-safe"};
  const std::map<std::string, std::vector<std::string>> expected{
      {"v7.0", {"holds", "holds", "holds", "35"}},
      {"v4", {"18", "18", "6", "6 21"}},
      {"v5", {"48 18", "48 18", "holds", "56"}},
      {"v6", {"holds", "18", "holds", "32"}},
      {"mainline", {"holds", "18", "holds", "35"}}};
  for (const auto& [revision, verdicts] : expected) {
    const Column found = column(revision, true);
    for (size_t i = 0; i < names.size(); ++i) {
      EXPECT_EQ(found.at(names[i]), verdicts[i]) << revision << " " << names[i];
    }
  }
}

TEST(Review, ShowsTheSmallestConfiguration) {
  EXPECT_EQ(first("v4", "module-linkage").config, "IOMMUFD=y VFIO=m VFIO_GROUP=y VFIO_NOIOMMU=y");
  EXPECT_EQ(first("v4", "no-dead-weight").config,
            "VFIO=m VFIO_GROUP=y VFIO_CONTAINER=y VFIO_NOIOMMU=y");
  EXPECT_EQ(first("v5", "no-dead-weight").config, "IOMMUFD=m IOMMUFD_NOIOMMU=y");
  EXPECT_EQ(first("v7.0", "usable-nodes").config, "IOMMUFD=m VFIO=m VFIO_GROUP=y VFIO_NOIOMMU=y");
  EXPECT_EQ(first("v6", "no-regression").config,
            "GENERIC_ATOMIC64=y IOMMUFD=m VFIO=m VFIO_GROUP=y VFIO_DEVICE_CDEV=y "
            "IOMMUFD_VFIO_CONTAINER=y VFIO_NOIOMMU=y");
}

// Seed 002 lists these nodes; the posted v4 leaves the group out, and with it the only way in.
TEST(Review, DrawsTheUnusableGroupOfTheSeed) {
  const Finding finding = find("v4", "usable-nodes");
  ASSERT_THAT(finding.counterexamples, SizeIs(2));
  const Counterexample& kept = finding.counterexamples[0];
  EXPECT_EQ(kept.config, "IOMMUFD=m VFIO=m VFIO_GROUP=y VFIO_NOIOMMU=y");
  EXPECT_EQ(kept.nodes_config, "IOMMUFD=m VFIO=m VFIO_GROUP=y VFIO_DEVICE_CDEV=y VFIO_NOIOMMU=y");
  EXPECT_THAT(kept.nodes,
              ElementsAre("/dev/vfio", "|-- devices", "|   `-- noiommu-vfio0", "`-- noiommu-0"));
  EXPECT_THAT(finding.counterexamples[1].what, HasSubstr("no node leads to it"));
  EXPECT_THAT(finding.counterexamples[1].nodes, ElementsAre("/dev/vfio"));
}

TEST(Review, KnowsBothReadingsOfAnUnusableGroup) {
  EXPECT_THAT(
      first("v7.0", "usable-nodes").what,
      HasSubstr("/dev/vfio/vfio answers ENOENT; with /dev/iommu as its container it works"));
}

TEST(Review, FindsWhatIsWrongWithTextThatBelongsToNoCode) {
  EXPECT_EQ(first("rejected-group-unless-noiommu", "acyclic").what,
            "VFIO_GROUP -> VFIO_NOIOMMU -> VFIO_GROUP");
  EXPECT_EQ(verdict(find("v4-without-depends", "unmet-select")), "26");
  EXPECT_EQ(verdict(find("v4-without-iommu-support", "unmet-select")), "4");
  for (const char* name : {"tainted", "no-warn", "feature-table"}) {
    EXPECT_EQ(verdict(find("v4-without-depends", name)), "-") << name;
  }
  EXPECT_EQ(verdict(find("rejected-group-needs-container", "no-regression")), "-");
}

// Seed 001: three calls from nothing to a bound device.
TEST(Review, FindsTheCdevThatAsksForNothing) {
  const Finding finding = find("v4", "rawio-everywhere");
  EXPECT_EQ(finding.depth, 3U);
  const Counterexample& one = finding.counterexamples.at(0);
  EXPECT_THAT(one.sequence,
              ElementsAre("open(\"/dev/iommu\", O_RDWR) = 3",
                          "open(\"/dev/vfio/devices/noiommu-vfio0\", O_RDWR) = 4",
                          "ioctl(4, VFIO_DEVICE_BIND_IOMMUFD, {argsz=16, flags=0, iommufd=3, "
                          "token_uuid_ptr=0}) = 0 {out_devid=1}"));
  EXPECT_THAT(one.scenario, HasSubstr("drop_caps: [CAP_SYS_RAWIO]"));
}

// v5 knows a group of such a device only with its own option.
TEST(Review, FindsTheGroupThatAsksForNothing) {
  const Finding finding = find("v5", "rawio-everywhere");
  ASSERT_THAT(finding.counterexamples, SizeIs(2));
  EXPECT_THAT(finding.counterexamples[1].what, EndsWith("GET_DEVICE_FD"));
  EXPECT_THAT(finding.counterexamples[1].sequence, SizeIs(4));
}

// Seed 003, with nothing in the sequence that need not be there.
TEST(Review, FindsTheWarningOfEarlySuccess) {
  const Finding finding = find("early-success", "no-warn");
  EXPECT_EQ(finding.depth, 4U);
  const Counterexample& one = finding.counterexamples.at(0);
  EXPECT_THAT(one.what, StartsWith("ATTACH"));
  ASSERT_THAT(one.sequence, SizeIs(4));
  EXPECT_THAT(one.sequence.back(), HasSubstr("VFIO_DEVICE_ATTACH_IOMMUFD_PT"));
  EXPECT_THAT(one.sequence.back(), HasSubstr("= -1 EINVAL"));
}

TEST(Review, FindsTheMissingGroupOfAClearedParameter) {
  const Finding finding = find("v4", "toggle-safe");
  EXPECT_EQ(finding.depth, 4U) << "open twice, write, BIND";
  EXPECT_THAT(finding.counterexamples.at(0).what, HasSubstr("dereference a NULL pointer"));
  EXPECT_THAT(finding.counterexamples.at(0).scenario, HasSubstr("errno: KILLED"));
}

TEST(Review, TheLatchMakesTogglingSafeAndBreaksAdministrators) {
  Asked latch("latch");
  EXPECT_EQ(verdict(latch("toggle-safe")), "holds");
  const Finding lost = latch("no-regression");
  EXPECT_EQ(verdict(lost), "56");
  EXPECT_THAT(lost.counterexamples.at(0).what, HasSubstr("answers EPERM"));
}

TEST(Review, TheLackOfIommuStateIsNoPredicate) {
  EXPECT_EQ(verdict(find("no-iommu-state", "emulated-untouched")), "18 18");
}

TEST(Review, EarlySuccessCannotAttach) {
  EXPECT_THAT(first("early-success", "usable-nodes").what,
              HasSubstr("VFIO_DEVICE_ATTACH_IOMMUFD_PT answers EINVAL"));
}

TEST(Review, SaysHowFarItSearched) {
  Asked asked("mainline", 3);
  const Finding finding = asked("no-warn");
  EXPECT_EQ(finding.verdict, Verdict::kHolds);
  EXPECT_EQ(finding.depth, 3U);
  const size_t at_three = finding.states;
  EXPECT_GT(at_three, 100U);
  Asked further("mainline", 5);
  EXPECT_GT(further("no-warn").states, at_three);
}

// If two states that are taken for one could be told apart, a program would come to answers that
// the graph does not foretell.
TEST(Search, ItsGraphForetellsEveryProgram) {
  for (const char* name : {"v7.0", "v4", "v5", "mainline", "early-success"}) {
    const auto revision = Revision::load(name);
    const Explorations explorations = explore(*revision, revision->kernels(), 7);
    std::mt19937 random(7);
    for (int round = 0; round < 60; ++round) {
      const Exploration& in = explorations.all[random() % explorations.all.size()];
      std::vector<uint32_t> path;
      std::string foretold;
      uint32_t state = 0;
      while (!in.states[state].tries.empty() && path.size() < 14) {
        const auto action = static_cast<uint32_t>(random() % in.actions.size());
        const SearchState::Try& tried = in.states[state].tries[action];
        if (tried.ending != Ending::kWell && tried.ending != Ending::kFailed) continue;
        path.push_back(action);
        foretold += tried.ending == Ending::kWell ? '+' : '-';
        state = tried.to;
      }
      // An action fails with the last of its steps that ran; the scenario says which do.
      const Program program = in.program("foretold", path);
      const std::string scenario = run(in.boot, program, true).scenario;
      std::string found;
      size_t at = scenario.find("steps:\n");
      for (const uint32_t action : path) {
        bool well = true;
        for (size_t step = 0; step < in.actions[action].steps.size(); ++step) {
          at = scenario.find("\n- ", at) + 1;
          const std::string line = scenario.substr(at, scenario.find('\n', at) - at);
          well = well && line.find(", errno: ") == std::string::npos;
        }
        found += well ? '+' : '-';
      }
      EXPECT_EQ(found, foretold) << name << ": " << scenario;
    }
  }
}

}  // namespace
}  // namespace noiommu::scenarios::review
