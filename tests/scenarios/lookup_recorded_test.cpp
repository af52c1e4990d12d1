// Lookups over everything that the recorded scenarios map agree with IOMMU_IOAS_NOIOMMU_GET_PA.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <span>

#include "scenarios/engine/loader.h"
#include "scenarios/engine/model_backend.h"
#include "scenarios/engine/runner.h"
#include "scenarios/inspect/lookup.h"
#include "scenarios/inspect/snapshot.h"
#include "uapi/iommufd.h"

namespace noiommu::scenarios {
namespace {

const std::string kScenarios = std::string(NOIOMMU_SOURCE_DIR) + "/scenarios";

// Probes of one process between two of its system calls.
class Probes {
 public:
  explicit Probes(Session& session) : session_(session), process_(*process_of(session)) {}

  void run() {
    const Snapshot snapshot = take_snapshot(process_);
    for (const ContextFacts& context : snapshot.contexts) {
      if (context.descriptors.empty()) continue;  // nobody could ask
      for (const ObjectFacts& object : context.objects) {
        if (const auto* ioas = std::get_if<IoasFacts>(&object.is)) {
          probe(context.descriptors, object.id, *ioas);
        }
      }
    }
  }
  [[nodiscard]] const std::set<Reason>& seen() const { return seen_; }
  [[nodiscard]] size_t count() const { return count_; }

 private:
  void probe(const std::vector<int>& descriptors, uint32_t ioas, const IoasFacts& facts) {
    std::set<uint64_t> iovas = {0, UINT64_MAX};
    for (const AreaFacts& area : facts.areas) {
      const uint64_t middle = area.iova.start + area.length() / 2;
      for (const uint64_t iova : {area.iova.start - 1, area.iova.start, area.iova.start + 0x80,
                                  middle, area.iova.last, area.iova.last + 1}) {
        iovas.insert(iova);
      }
    }
    for (const uint64_t iova : iovas) {
      for (const uint64_t length : {uint64_t{1}, kPageSize, UINT64_MAX}) {
        for (const Lookup& lookup : look_up(process_, {iova, length, ioas})) {
          if (lookup.descriptors == descriptors) compare(lookup);
        }
      }
    }
  }

  void compare(const Lookup& lookup) {
    iommu_ioas_noiommu_get_pa command{.size = sizeof(command),
                                      .flags = 0,
                                      .ioas_id = lookup.ioas,
                                      .__reserved = 0,
                                      .iova = lookup.iova,
                                      .length = lookup.length,
                                      .out_phys = 0};
    const uint64_t at = session_.scratch(sizeof(command));
    ASSERT_TRUE(session_.poke(at, std::as_bytes(std::span(&command, 1))));
    const auto done = session_.ioctl(lookup.descriptors.front(), IOMMU_IOAS_NOIOMMU_GET_PA, at);
    ASSERT_TRUE(session_.peek(at, std::as_writable_bytes(std::span(&command, 1))));
    ++count_;
    seen_.insert(lookup.reason);
    ASSERT_EQ(done.has_value(), lookup.answer.has_value()) << explain(lookup);
    if (!done) {
      EXPECT_EQ(done.error(), lookup.answer.error()) << explain(lookup);
      return;
    }
    EXPECT_EQ(command.out_phys, lookup.answer->start.value);
    EXPECT_EQ(command.length, lookup.answer->bytes);
    // What is shown beside the answer proves it.
    EXPECT_EQ(command.out_phys, lookup.walk_pa.value);
    EXPECT_TRUE(lookup.walk.back().is_leaf());
    const uint64_t last = lookup.iova + (command.length - 1);
    EXPECT_LE(last, lookup.area->iova.last);
    EXPECT_EQ(last == lookup.area->iova.last, lookup.reason == Reason::kAreaEnds);
    EXPECT_EQ(last < lookup.area->iova.last && command.length == lookup.length,
              lookup.reason == Reason::kLengthAsked);
    if (lookup.reason == Reason::kNotAdjacent) {
      EXPECT_NE(lookup.last_frame + kPageSize, lookup.next_frame);
    }
  }

  Session& session_;
  const Process& process_;
  std::set<Reason> seen_;
  size_t count_ = 0;
};

bool asks_get_pa(const Step& step) {
  const auto* ioctl = std::get_if<IoctlStep>(&step.action);
  return ioctl != nullptr && ioctl->command->name == "IOMMU_IOAS_NOIOMMU_GET_PA";
}

TEST(LookupRecorded, AgreesWithGetPaWhereverAScenarioAsks) {
  const Loaded loaded = load_paths({kScenarios});
  const auto backend = make_model_backend();
  std::set<Reason> seen;
  size_t probes = 0;
  for (const Scenario& scenario : loaded.scenarios) {
    if (backend->unmet(scenario)) continue;
    for (size_t last = 0; last < scenario.steps.size(); ++last) {
      if (!asks_get_pa(scenario.steps[last]) && last + 1 < scenario.steps.size()) continue;
      Scenario part = scenario;
      part.steps.resize(last + 1);
      SCOPED_TRACE(scenario.name + " after step " + std::to_string(last + 1));
      const auto look = [&](Session& session) {
        Probes all(session);
        all.run();
        seen.insert(all.seen().begin(), all.seen().end());
        probes += all.count();
      };
      EXPECT_NE(run_scenario(*backend, part, {.before_end = look}).outcome, Outcome::kSkipped);
    }
  }
  EXPECT_GT(probes, 1000U);
  for (const Reason reason :
       {Reason::kAreaEnds, Reason::kLengthAsked, Reason::kNotAdjacent, Reason::kNoCapability,
        Reason::kLastIova, Reason::kNoArea, Reason::kNoDomain, Reason::kHasIommu}) {
    EXPECT_TRUE(seen.contains(reason)) << reason_code(reason);
  }
}

}  // namespace
}  // namespace noiommu::scenarios
