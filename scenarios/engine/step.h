// One step of a scenario: a system call and what it must answer. Spec: scenario-format.md, "Steps".
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "model/kernel/result.h"
#include "scenarios/engine/ioctl_table.h"
#include "scenarios/engine/session.h"
#include "scenarios/engine/value.h"

namespace noiommu::scenarios {

using Bytes = std::vector<std::byte>;

struct OpenStep {
  std::string path;
  int flags = 0;  // O_RDWR, O_RDONLY or O_WRONLY
};
struct CloseStep {
  Value fd;
};
struct DupStep {
  Value fd;
};
struct EventfdStep {};
struct ReadEventStep {
  Value fd;
  std::optional<Value> count;
};

// `field: value`, or a pointer to an array of u64.
struct IoctlArgument {
  const Field* field = nullptr;
  std::variant<Value, std::vector<Value>> value;
};
struct IoctlStruct {
  std::vector<IoctlArgument> args;
  std::variant<Bytes, std::vector<Value>> data;  // right after the full structure; values are s32
};
struct ExpectedField {
  enum class Kind { kValue, kNonzero, kPageOffset };
  std::string name;  // as the scenario calls it
  const Field* field = nullptr;
  Kind kind = Kind::kValue;
  Value value = {};
};
struct SavedField {
  const Field* field = nullptr;
  std::string name;
};
struct IoctlStep {
  const IoctlCommand* command = nullptr;
  Value fd;
  std::variant<IoctlStruct, Value, std::string> argument;
  std::vector<ExpectedField> expect;
  std::vector<SavedField> save;
};

struct MmapStep {
  Value length;
  Backing backing = Backing::kAnon;
  bool touch = false;
};
struct MmapFileStep {
  Value fd;
  Value offset;
  Value length;
};
struct MunmapStep {
  Value at;
  Value length;
};
struct PreadStep {
  Value fd;
  Value offset;
  Value length;
  std::optional<Bytes> data;
};
struct Number {
  Value value;
  unsigned width = 0;  // bytes, stored little endian
};
struct PwriteStep {
  Value fd;
  Value offset;
  std::variant<Bytes, Number> data;
};
struct PokeStep {
  Value at;
  Bytes data;
};
struct PeekStep {
  Value at;
  uint64_t length = 0;
  std::optional<Bytes> data;
};

struct SleepStep {
  uint64_t milliseconds = 0;
};
struct CapabilityStep {
  int capability = 0;
  bool effective = false;
};
struct RlimitStep {
  uint64_t memlock = 0;
};

struct WriteFileStep {
  std::string path;
  std::string text;
};
struct ReadFileStep {
  std::string path;
  std::optional<std::string> text;
};
struct ListStep {
  std::string path;
  std::optional<std::vector<std::string>> entries;  // sorted
};
struct ReadlinkStep {
  std::string path;
  std::optional<std::string> basename;
};
struct StatStep {
  std::string path;
  std::optional<FileStat::Type> type;
  std::optional<uint32_t> mode;
};

using Action = std::variant<OpenStep, CloseStep, DupStep, EventfdStep, ReadEventStep, IoctlStep,
                            MmapStep, MmapFileStep, MunmapStep, PreadStep, PwriteStep, PokeStep,
                            PeekStep, SleepStep, CapabilityStep, RlimitStep, WriteFileStep,
                            ReadFileStep, ListStep, ReadlinkStep, StatStep>;

struct Step {
  int line = 0;  // in the file, from 1
  int column = 0;
  std::string title;  // as the file says it, e.g. "ioctl: IOMMU_IOAS_MAP"
  Action action;
  std::optional<Errno> error;    // the step must fail with it
  bool kills = false;            // the call must end in a kernel oops, and the process with it
  std::optional<Value> returns;  // what a call that succeeds must return
  std::string as;                // the variable that keeps the result; empty: none
};

}  // namespace noiommu::scenarios
