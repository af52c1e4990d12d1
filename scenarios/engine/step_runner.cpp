#include "scenarios/engine/step_runner.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "model/kernel/kernel.h"
#include "scenarios/engine/trace.h"
#include "scenarios/engine/words.h"

namespace noiommu::scenarios {
namespace {

constexpr uint64_t kPageOffsetMask = 4096 - 1;
constexpr uint64_t kFileChunk = 4096;
constexpr std::string_view kPhysicalAddress = "out_phys";

std::string trim(const std::string& text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const size_t first = text.find_first_not_of(kSpace);
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

std::string show_type(FileStat::Type type) {
  switch (type) {
    case FileStat::Type::kChar:
      return "char";
    case FileStat::Type::kDir:
      return "dir";
    case FileStat::Type::kFile:
      return "file";
    case FileStat::Type::kLink:
      return "link";
  }
  return "?";
}

// What a call returns when it succeeds, if the step or the kind of call says so. An ioctl returns
// 0 unless it makes a descriptor.
std::optional<uint64_t> required_return(const Step& step, const Variables& variables) {
  if (step.returns) return step.returns->resolve(variables);
  const bool is_ioctl = std::holds_alternative<IoctlStep>(step.action);
  return is_ioctl && step.as.empty() ? std::optional<uint64_t>(0) : std::nullopt;
}

// How a step came out, without addresses: they are the back end's own.
std::string show_result(const Step& step, const Result<uint64_t>& result) {
  if (!result) return errno_name(result.error());
  const bool is_address = std::holds_alternative<MmapStep>(step.action) ||
                          std::holds_alternative<MmapFileStep>(step.action);
  return is_address ? "success" : fmt::format("{}", *result);
}

// The differences of one step as one.
Mismatch join(const std::vector<Mismatch>& differences) {
  Mismatch all = differences.front();
  for (size_t i = 1; i < differences.size(); ++i) {
    all.expected += ", " + differences[i].expected;
    all.got += ", " + differences[i].got;
  }
  return all;
}

}  // namespace

std::optional<Mismatch> StepRunner::run(const Step& step) {
  step_ = &step;
  differences_.clear();
  answer_ = {};
  try {
    const auto act_on = [this](const auto& action) { return act(action); };
    const Result<uint64_t> result = std::visit(act_on, step.action);
    answer_.result = show_result(step, result);
    return judge(step, result);
  } catch (const Blocked& blocked) {
    blocked_ = true;
    answer_.result = "never returns";
    return Mismatch{step.error ? describe_errno(*step.error) : "success",
                    fmt::format("a call that never returns: {}", blocked.what())};
  } catch (const KernelOops& oops) {
    blocked_ = true;
    answer_.result = "killed";
    if (step.kills) return std::nullopt;
    return Mismatch{step.error ? describe_errno(*step.error) : "success",
                    fmt::format("a kernel oops that kills the process: {}", oops.what())};
  }
}

std::optional<Mismatch> StepRunner::judge(const Step& step, const Result<uint64_t>& result) {
  if (step.kills) {
    return Mismatch{"a kernel oops that kills the process",
                    result ? "success" : describe_errno(result.error())};
  }
  if (step.error) {
    const std::string expected = describe_errno(*step.error);
    if (result) return Mismatch{expected, fmt::format("success, {} returned", *result)};
    if (result.error() != *step.error) return Mismatch{expected, describe_errno(result.error())};
  } else if (!result) {
    return Mismatch{"success", describe_errno(result.error())};
  } else {
    const auto returns = required_return(step, variables_);
    if (returns && *returns != *result) {
      return Mismatch{fmt::format("{} returned", *returns), fmt::format("{} returned", *result)};
    }
    if (!step.as.empty()) variables_.set(step.as, *result);
  }
  if (!differences_.empty()) return join(differences_);
  return std::nullopt;
}

void StepRunner::note(const std::string& name, const std::string& text) {
  answer_.values.emplace_back(name, text);
}

// The fields that the call changed, those that the scenario looks at, the arrays that it changed,
// and what follows the structure.
void StepRunner::note_argument(const IoctlStep& step, const IoctlArgumentMemory& argument) {
  const std::span<const std::byte> before = argument.stored();
  const std::span<const std::byte> after = argument.bytes();
  if (before.size() != after.size()) return;  // the argument never reached the process
  for (const Field& field : step.command->fields) {
    const uint64_t value = load_field(field, after);
    const bool changed = value != load_field(field, before);
    const bool expected = std::ranges::any_of(
        step.expect, [&](const ExpectedField& wanted) { return wanted.field == &field; });
    if (!changed && !expected) continue;
    const bool physical = field.name == kPhysicalAddress;
    note(std::string(field.name), !physical ? show_field(field, value)
                                  : value == 0
                                      ? "0"
                                      : fmt::format("page+{:#x}", value & kPageOffsetMask));
  }
  for (const auto& array : argument.arrays()) {
    if (array.after == array.items) continue;
    note(std::string(array.pointer->name), fmt::format("[{:#x}]", fmt::join(array.after, ", ")));
  }
  const size_t size = step.command->struct_size;
  if (!std::ranges::equal(before.subspan(size), after.subspan(size))) {
    note("data", show_hex(after.subspan(size)));
  }
}

void StepRunner::expect_text(const std::string& expected, const std::string& got) {
  if (expected != got) differences_.push_back({expected, got});
}

void StepRunner::expect_bytes(const std::optional<Bytes>& expected, const Bytes& got) {
  if (expected) expect_text("data " + show_hex(*expected), "data " + show_hex(got));
}

void StepRunner::expect_field(const ExpectedField& expected, std::span<const std::byte> argument) {
  const Field& field = *expected.field;
  const uint64_t value = load_field(field, argument);
  switch (expected.kind) {
    case ExpectedField::Kind::kNonzero:
      if (value == 0) expect_text(expected.name + " nonzero", expected.name + " 0");
      return;
    case ExpectedField::Kind::kPageOffset:
      expect_text(fmt::format("{} {:#x}", expected.name, expected.value.resolve(variables_)),
                  fmt::format("{} {:#x}", expected.name, value & kPageOffsetMask));
      return;
    case ExpectedField::Kind::kValue: {
      const uint64_t wanted = truncate(expected.value.resolve(variables_), field.width);
      expect_text(fmt::format("{}={}", expected.name, show_field(field, wanted)),
                  fmt::format("{}={}", expected.name, show_field(field, value)));
      return;
    }
  }
}

Result<uint64_t> StepRunner::act(const OpenStep& step) {
  return calls_.open(step.path, step.flags);
}

Result<uint64_t> StepRunner::act(const CloseStep& step) {
  return calls_.close(descriptor(step.fd));
}

Result<uint64_t> StepRunner::act(const DupStep& step) {
  return calls_.dup(descriptor(step.fd));
}

Result<uint64_t> StepRunner::act(const EventfdStep& /*step*/) {
  return calls_.eventfd();
}

Result<uint64_t> StepRunner::act(const ReadEventStep& step) {
  uint64_t count = 0;
  Bytes bytes;
  const Result<uint64_t> result = calls_.read(descriptor(step.fd), sizeof(count), bytes);
  if (!result) return result;
  std::memcpy(&count, bytes.data(), std::min(bytes.size(), sizeof(count)));
  note("count", fmt::format("{}", count));
  if (!step.count) return result;
  expect_text(fmt::format("count {}", step.count->resolve(variables_)),
              fmt::format("count {}", count));
  return result;
}

Result<uint64_t> StepRunner::act(const IoctlStep& step) {
  const int fd = descriptor(step.fd);
  const auto note_descriptor = [&](const Result<uint64_t>& result) {
    if (result && !step_->as.empty()) calls_.opened(static_cast<int>(*result));
    return result;
  };
  if (const auto* number = std::get_if<Value>(&step.argument)) {
    return note_descriptor(calls_.ioctl(fd, *step.command, number->resolve(variables_)));
  }
  if (const auto* text = std::get_if<std::string>(&step.argument)) {
    return note_descriptor(calls_.ioctl(fd, *step.command, *text));
  }
  IoctlArgumentMemory argument(*step.command, std::get<IoctlStruct>(step.argument), variables_);
  const Result<uint64_t> result = calls_.ioctl(fd, *step.command, argument);
  note_argument(step, argument);
  // Some commands answer fields along with an errno.
  for (const ExpectedField& expected : step.expect) expect_field(expected, argument.bytes());
  if (!result) return result;
  for (const SavedField& saved : step.save) {
    variables_.set(saved.name, load_field(*saved.field, argument.bytes()));
  }
  return note_descriptor(result);
}

Result<uint64_t> StepRunner::act(const MmapStep& step) {
  int memfd = -1;
  const auto address =
      calls_.mmap(step.length.resolve(variables_), step.backing, step.touch, memfd);
  if (address && memfd >= 0 && !step_->as.empty()) {
    variables_.set(step_->as + ".fd", static_cast<uint64_t>(memfd));
  }
  return address;
}

Result<uint64_t> StepRunner::act(const MmapFileStep& step) {
  return calls_.mmap_file(descriptor(step.fd), step.offset.resolve(variables_),
                          step.length.resolve(variables_));
}

Result<uint64_t> StepRunner::act(const MunmapStep& step) {
  return calls_.munmap(step.at.resolve(variables_), step.length.resolve(variables_));
}

Result<uint64_t> StepRunner::act(const PreadStep& step) {
  Bytes bytes;
  const auto result = calls_.pread(descriptor(step.fd), step.length.resolve(variables_),
                                   step.offset.resolve(variables_), bytes);
  if (!result) return result;
  note("data", show_hex(bytes));
  expect_bytes(step.data, bytes);
  return result;
}

Result<uint64_t> StepRunner::act(const PwriteStep& step) {
  const int fd = descriptor(step.fd);
  const uint64_t offset = step.offset.resolve(variables_);
  if (const auto* bytes = std::get_if<Bytes>(&step.data)) return calls_.pwrite(fd, *bytes, offset);
  const auto& number = std::get<Number>(step.data);
  const uint64_t value = number.value.resolve(variables_);
  return calls_.pwrite(fd, std::as_bytes(std::span(&value, 1)).first(number.width), offset);
}

Result<uint64_t> StepRunner::act(const PokeStep& step) {
  return calls_.poke(step.at.resolve(variables_), step.data);
}

Result<uint64_t> StepRunner::act(const PeekStep& step) {
  Bytes bytes;
  const auto result = calls_.peek(step.at.resolve(variables_), step.length, bytes);
  if (!result) return result;
  note("data", show_hex(bytes));
  expect_bytes(step.data, bytes);
  return result;
}

Result<uint64_t> StepRunner::act(const SleepStep& step) {
  return calls_.sleep(step.milliseconds);
}

Result<uint64_t> StepRunner::act(const CapabilityStep& step) {
  return calls_.set_capability(step.capability, step.effective);
}

Result<uint64_t> StepRunner::act(const RlimitStep& step) {
  return calls_.set_memlock(step.memlock);
}

Result<uint64_t> StepRunner::act(const WriteFileStep& step) {
  const Result<uint64_t> fd = calls_.open(step.path, O_WRONLY);
  if (!fd) return fd;
  const Result<uint64_t> written = calls_.write(static_cast<int>(*fd), step.text);
  const Result<uint64_t> closed = calls_.close(static_cast<int>(*fd));
  return written ? closed : written;
}

Result<uint64_t> StepRunner::act(const ReadFileStep& step) {
  const Result<uint64_t> fd = calls_.open(step.path, O_RDONLY);
  if (!fd) return fd;
  std::string text;
  Bytes chunk;
  Result<uint64_t> got = 0;
  do {
    got = calls_.read(static_cast<int>(*fd), kFileChunk, chunk);
    for (const std::byte byte : chunk) text += static_cast<char>(byte);
  } while (got && *got > 0);
  const Result<uint64_t> closed = calls_.close(static_cast<int>(*fd));
  if (!got) return got;
  note("text", show_text(trim(text)));
  if (step.text) expect_text(show_text(trim(*step.text)), show_text(trim(text)));
  return closed;
}

Result<uint64_t> StepRunner::act(const ListStep& step) {
  const auto entries = calls_.list(step.path);
  if (!entries) return Err(entries.error());
  note("entries", fmt::format("[{}]", fmt::join(*entries, ", ")));
  if (step.entries) {
    expect_text(fmt::format("[{}]", fmt::join(*step.entries, ", ")),
                fmt::format("[{}]", fmt::join(*entries, ", ")));
  }
  return 0;
}

Result<uint64_t> StepRunner::act(const ReadlinkStep& step) {
  const auto target = calls_.readlink(step.path);
  if (!target) return Err(target.error());
  const std::string basename = target->substr(target->find_last_of('/') + 1);
  note("basename", basename);
  if (step.basename) expect_text("basename " + *step.basename, "basename " + basename);
  return 0;
}

Result<uint64_t> StepRunner::act(const StatStep& step) {
  const auto stat = calls_.stat(step.path);
  if (!stat) return Err(stat.error());
  note("type", show_type(stat->type));
  note("mode", fmt::format("{:04o}", stat->mode));
  if (step.type) expect_text("type " + show_type(*step.type), "type " + show_type(stat->type));
  if (step.mode) {
    expect_text(fmt::format("mode {:04o}", *step.mode), fmt::format("mode {:04o}", stat->mode));
  }
  return 0;
}

}  // namespace noiommu::scenarios
