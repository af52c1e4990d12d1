// What holds for all sequences of calls up to a length.
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "scenarios/review/property.h"

namespace noiommu::scenarios::review {

namespace {

using Kind = SearchAction::Kind;
using Try = SearchState::Try;

// A sequence that shows something, which is told apart from others by its kind.
struct Hit {
  std::string kind;
  uint32_t state = 0;               // where it begins to matter
  std::vector<uint32_t> last = {};  // the actions from there on
  std::string proof = {};           // a step that shows it afterwards; empty: the answers do
};

// The shortest sequence of each kind, over all kernels.
struct Shortest {
  std::string kind;
  const Exploration* in = nullptr;
  std::vector<uint32_t> path;
  std::string proof;
  size_t configurations = 0;  // of all kernels that show the kind
};

using FindHits = std::function<std::vector<Hit>(const Exploration&)>;
using Describe = std::function<std::string(const Exploration&, const Shortest&, const Run&)>;

// Of one kernel. States come by depth, so the first of a kind is the shortest but for the actions
// after the state, of which a kind always has the same number.
void merge(const Exploration& exploration, const std::vector<Hit>& hits,
           std::vector<Shortest>& found) {
  std::vector<std::string> seen;
  for (const Hit& hit : hits) {
    if (std::ranges::find(seen, hit.kind) != seen.end()) continue;
    seen.push_back(hit.kind);
    std::vector<uint32_t> path = exploration.path(hit.state, hit.last);
    const auto known = std::ranges::find(found, hit.kind, &Shortest::kind);
    if (known == found.end()) {
      found.push_back(
          {hit.kind, &exploration, std::move(path), hit.proof, exploration.configurations});
      continue;
    }
    known->configurations += exploration.configurations;
    if (path.size() >= known->path.size()) continue;
    known->in = &exploration;
    known->path = std::move(path);
    known->proof = hit.proof;
  }
}

Finding search(const Subject& subject, const char* name, bool without_rawio, const FindHits& hits,
               const Describe& describe) {
  if (subject.revision.design() == nullptr) {
    return Finding::not_applicable("there is no code for it");
  }
  Finding finding{.depth = subject.explorations.depth};
  std::vector<Shortest> found;
  for (const Exploration& exploration : subject.explorations.all) {
    if (exploration.without_rawio != without_rawio) continue;
    finding.states += exploration.states.size();
    merge(exploration, hits(exploration), found);
  }
  if (finding.states == 0) return Finding::not_applicable("no such device is ever shown");
  std::ranges::stable_sort(found, {}, [](const Shortest& one) { return one.path.size(); });
  if (!found.empty()) finding.depth = found.front().path.size();
  for (const Shortest& one : found) {
    Program program = one.in->program(name, one.path);
    Run shown = run(one.in->boot, program, true);
    const std::string what = describe(*one.in, one, shown);
    if (!one.proof.empty()) {
      program.steps.push_back(one.proof);
      shown.scenario = run(one.in->boot, program, true).scenario;
    }
    finding.verdict = Verdict::kViolated;
    finding.counterexamples.push_back({.what = what,
                                       .config = one.in->boot.configured.text(),
                                       .configurations = one.configurations,
                                       .nodes = {},
                                       .scenario = shown.scenario,
                                       .sequence = shown.sequence});
  }
  return finding;
}

// Each action that was tried, with where and how it ended.
template <class Visit>
void each_try(const Exploration& exploration, const Visit& visit) {
  for (uint32_t state = 0; state < exploration.states.size(); ++state) {
    const auto& tries = exploration.states[state].tries;
    for (uint32_t action = 0; action < tries.size(); ++action) visit(state, action, tries[action]);
  }
}

const std::string& last_name(const Exploration& in, const Shortest& shortest) {
  return in.actions[shortest.path.back()].name;
}

// Successes that get hold of something while the capability is not in force.
std::vector<Hit> reached(const Exploration& exploration) {
  std::vector<Hit> hits;
  each_try(exploration, [&](uint32_t state, uint32_t action, const Try& tried) {
    const SearchAction& one = exploration.actions[action];
    if (one.reach == SearchAction::Reach::kNothing || tried.ending != Ending::kWell) return;
    if (!exploration.states[state].capable) hits.push_back({one.name, state, {action}});
  });
  return hits;
}

}  // namespace

Finding check_rawio_everywhere(const Subject& subject) {
  return search(subject, "rawio-everywhere", true, reached,
                [](const Exploration& in, const Shortest& shortest, const Run& /*run*/) {
                  return fmt::format("a program without CAP_SYS_RAWIO succeeds with {}",
                                     last_name(in, shortest));
                });
}

Finding check_rawio_at_bind(const Subject& subject) {
  return search(subject, "rawio-at-bind", false, reached,
                [](const Exploration& in, const Shortest& shortest, const Run& /*run*/) {
                  return fmt::format("a program that has dropped CAP_SYS_RAWIO succeeds with {}",
                                     last_name(in, shortest));
                });
}

Finding check_no_warn(const Subject& subject) {
  const auto hits = [](const Exploration& exploration) {
    std::vector<Hit> found;
    each_try(exploration, [&](uint32_t state, uint32_t action, const Try& tried) {
      if (!tried.warned && tried.ending != Ending::kKilled) return;
      const std::string& name = exploration.actions[action].name;
      if (!tried.warned) {
        found.push_back({name + " oopses", state, {action}});
        return;
      }
      found.push_back(
          {name + " warns",
           state,
           {action},
           fmt::format("- {{read_file: /proc/sys/kernel/tainted, expect: '{}'", tried.taint)});
    });
    return found;
  };
  return search(subject, "no-warn", false, hits,
                [](const Exploration& in, const Shortest& shortest, const Run& run) {
                  return fmt::format(
                      "{}: the kernel {}", last_name(in, shortest),
                      run.error == "KILLED" ? "dereferences a NULL pointer" : "says WARNING");
                });
}

// Whoever is there already: the program with what it has open, and the nodes that are shown.
Finding check_toggle_safe(const Subject& subject) {
  const auto hits = [](const Exploration& exploration) {
    std::vector<Hit> found;
    each_try(exploration, [&](uint32_t state, uint32_t toggle, const Try& tried) {
      const Kind kind = exploration.actions[toggle].kind;
      if (kind != Kind::kClears && kind != Kind::kSets) return;
      if (tried.ending != Ending::kWell || tried.to == state) return;
      const auto& before = exploration.states[state].tries;
      const auto& after = exploration.states[tried.to].tries;
      for (uint32_t action = 0; action < after.size(); ++action) {
        if (exploration.actions[action].kind != Kind::kCall) continue;
        if (before[action].ending != Ending::kWell) continue;
        if (after[action].ending == Ending::kWell) continue;
        found.push_back(
            {fmt::format("once the parameter is {}, {}", kind == Kind::kClears ? "N" : "Y",
                         exploration.actions[action].name),
             state,
             {toggle, action}});
      }
    });
    return found;
  };
  return search(subject, "toggle-safe", false, hits,
                [](const Exploration& /*in*/, const Shortest& shortest, const Run& run) {
                  return fmt::format("{} {}; without the write it succeeds", shortest.kind,
                                     run.error == "KILLED"
                                         ? "makes the kernel dereference a NULL pointer"
                                         : fmt::format("answers {}", run.error));
                });
}

}  // namespace noiommu::scenarios::review
