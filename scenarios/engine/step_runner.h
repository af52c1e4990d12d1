// Runs the steps of one scenario and compares their answers.
//
// A step that fails changes no variable: a name that an earlier step has set keeps its number, and
// one that no step has set is all ones. The recorded programs pin this down: after a failed
// `as: grp` they go on to use the descriptor that an earlier `as: grp` had brought.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "scenarios/engine/calls.h"
#include "scenarios/engine/scenario.h"
#include "scenarios/engine/value.h"

namespace noiommu::scenarios {

// What a step should have answered, and what it did: "EPERM" and "success".
struct Mismatch {
  std::string expected;
  std::string got;
};

// What a step answered, as far as two kernels can be compared by it: no addresses, and of physical
// ones only whether there is one and where in its page it lies.
struct Answer {
  std::string result;  // "3", "success", "EPERM"
  std::vector<std::pair<std::string, std::string>>
      values;  // name and text, e.g. {"iova", "0x1000"}

  bool operator==(const Answer&) const = default;
};

class StepRunner {
 public:
  explicit StepRunner(Session& session) : calls_(session) {}

  // Nothing when the step answers as it must. A call that can never return is a mismatch too, and
  // the last thing that this process does.
  std::optional<Mismatch> run(const Step& step);
  // The end of the process. Throws Blocked when it cannot come.
  void finish() {
    if (!blocked_) calls_.close_all();
  }
  [[nodiscard]] bool blocked() const { return blocked_; }

  // Of the step that ran last.
  [[nodiscard]] const Answer& answer() const { return answer_; }
  [[nodiscard]] const std::vector<std::string>& trace() const { return calls_.trace(); }
  [[nodiscard]] const Variables& variables() const { return variables_; }

 private:
  // Compares how the step came out.
  std::optional<Mismatch> judge(const Step& step, const Result<uint64_t>& result);
  // One overload per kind of step. They note differences in differences_.
  Result<uint64_t> act(const OpenStep& step);
  Result<uint64_t> act(const CloseStep& step);
  Result<uint64_t> act(const DupStep& step);
  Result<uint64_t> act(const EventfdStep& step);
  Result<uint64_t> act(const ReadEventStep& step);
  Result<uint64_t> act(const IoctlStep& step);
  Result<uint64_t> act(const MmapStep& step);
  Result<uint64_t> act(const MmapFileStep& step);
  Result<uint64_t> act(const MunmapStep& step);
  Result<uint64_t> act(const PreadStep& step);
  Result<uint64_t> act(const PwriteStep& step);
  Result<uint64_t> act(const PokeStep& step);
  Result<uint64_t> act(const PeekStep& step);
  Result<uint64_t> act(const SleepStep& step);
  Result<uint64_t> act(const CapabilityStep& step);
  Result<uint64_t> act(const RlimitStep& step);
  Result<uint64_t> act(const WriteFileStep& step);
  Result<uint64_t> act(const ReadFileStep& step);
  Result<uint64_t> act(const ListStep& step);
  Result<uint64_t> act(const ReadlinkStep& step);
  Result<uint64_t> act(const StatStep& step);

  [[nodiscard]] int descriptor(const Value& value) const {
    return static_cast<int>(value.resolve(variables_));
  }
  // Adds to the answer.
  void note(const std::string& name, const std::string& text);
  void note_argument(const IoctlStep& step, const IoctlArgumentMemory& argument);
  void expect_text(const std::string& expected, const std::string& got);
  void expect_bytes(const std::optional<Bytes>& expected, const Bytes& got);
  void expect_field(const ExpectedField& expected, std::span<const std::byte> argument);

  Calls calls_;
  Variables variables_;
  const Step* step_ = nullptr;         // the one that runs
  bool blocked_ = false;               // in a call that never returns, or that killed the process
  std::vector<Mismatch> differences_;  // of its answer
  Answer answer_;
};

}  // namespace noiommu::scenarios
