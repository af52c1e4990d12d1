#include "scenarios/engine/step_loader.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "scenarios/engine/ioctl_loader.h"
#include "scenarios/engine/words.h"

namespace noiommu::scenarios {
namespace {

// The fields of a step whose action is a map, e.g. those of `munmap: {at: $m, length: 4K}`.
YamlMap fields_of(const YamlMap& step, std::string_view action,
                  std::initializer_list<std::string_view> keys) {
  YamlMap fields(step.require(action));
  fields.allow(keys);
  return fields;
}

// `expect: {KEY: ...}`, or nullptr without `expect`.
std::optional<Yaml> expected(const YamlMap& step, std::string_view key) {
  const Yaml* expect = step.find("expect");
  if (expect == nullptr) return std::nullopt;
  const YamlMap fields(*expect);
  fields.allow({key});
  return fields.require(key);
}

std::optional<Bytes> expected_data(const YamlMap& step) {
  const auto data = expected(step, "data");
  return data ? std::optional(data->hex()) : std::nullopt;
}

Action load_open(const YamlMap& step) {
  step.allow({"open", "flags", "as", "errno"});
  OpenStep open{.path = step.require("open").text(), .flags = O_RDWR};
  if (const Yaml* flags = step.find("flags")) {
    open.flags = flags->one_of<int>({{"rdwr", O_RDWR}, {"rdonly", O_RDONLY}, {"wronly", O_WRONLY}});
  }
  return open;
}

Action load_close(const YamlMap& step) {
  step.allow({"close", "errno"});
  return CloseStep{step.require("close").descriptor()};
}

Action load_dup(const YamlMap& step) {
  step.allow({"dup", "as", "errno"});
  return DupStep{step.require("dup").descriptor()};
}

Action load_eventfd(const YamlMap& step) {
  step.allow({"eventfd", "as", "errno"});
  step.require("eventfd").must_be_empty();
  return EventfdStep{};
}

Action load_read_event(const YamlMap& step) {
  step.allow({"read_event", "expect", "errno"});
  ReadEventStep read{.fd = step.require("read_event").descriptor(), .count = {}};
  if (const auto count = expected(step, "count")) read.count = count->value(8, false);
  return read;
}

Action load_ioctl_step(const YamlMap& step) {
  return load_ioctl(step);
}

Action load_mmap(const YamlMap& step) {
  step.allow({"mmap", "as", "errno"});
  if (YamlMap(step.require("mmap")).find("fd") != nullptr) {
    const YamlMap fields = fields_of(step, "mmap", {"fd", "offset", "length"});
    return MmapFileStep{.fd = fields.require("fd").descriptor(),
                        .offset = fields.require("offset").address(),
                        .length = fields.require("length").address()};
  }
  const YamlMap fields = fields_of(step, "mmap", {"length", "backing", "touch"});
  MmapStep mmap{.length = fields.require("length").address()};
  if (const Yaml* backing = fields.find("backing")) {
    mmap.backing = backing->one_of<Backing>({{"anon", Backing::kAnon},
                                             {"shared", Backing::kShared},
                                             {"huge", Backing::kHuge},
                                             {"memfd", Backing::kMemfd},
                                             {"ro", Backing::kReadOnly},
                                             {"none", Backing::kNone}});
  }
  if (const Yaml* touch = fields.find("touch")) mmap.touch = touch->boolean();
  return mmap;
}

Action load_munmap(const YamlMap& step) {
  step.allow({"munmap", "errno"});
  const YamlMap fields = fields_of(step, "munmap", {"at", "length"});
  return MunmapStep{fields.require("at").address(), fields.require("length").address()};
}

Action load_pread(const YamlMap& step) {
  step.allow({"pread", "expect", "returns", "errno"});
  const YamlMap fields = fields_of(step, "pread", {"fd", "offset", "length"});
  return PreadStep{.fd = fields.require("fd").descriptor(),
                   .offset = fields.require("offset").address(),
                   .length = fields.require("length").address(),
                   .data = expected_data(step)};
}

std::variant<Bytes, Number> load_pwrite_data(const YamlMap& fields) {
  constexpr std::array<std::pair<std::string_view, unsigned>, 3> kNumbers{
      {{"u16", 2}, {"u32", 4}, {"u64", 8}}};
  std::optional<std::variant<Bytes, Number>> data;
  const auto take = [&](const Yaml& node, std::variant<Bytes, Number> taken) {
    if (data) node.fail("pwrite takes one of 'data', 'u16', 'u32' and 'u64'");
    data = std::move(taken);
  };
  if (const Yaml* hex = fields.find("data")) take(*hex, hex->hex());
  for (const auto& [key, width] : kNumbers) {
    const Yaml* number = fields.find(key);
    if (number != nullptr) take(*number, Number{number->value(width, false), width});
  }
  if (!data) fields.self().fail("pwrite needs 'data', 'u16', 'u32' or 'u64'");
  return *std::move(data);
}

Action load_pwrite(const YamlMap& step) {
  step.allow({"pwrite", "returns", "errno"});
  const YamlMap fields = fields_of(step, "pwrite", {"fd", "offset", "data", "u16", "u32", "u64"});
  return PwriteStep{.fd = fields.require("fd").descriptor(),
                    .offset = fields.require("offset").address(),
                    .data = load_pwrite_data(fields)};
}

Action load_poke(const YamlMap& step) {
  step.allow({"poke", "errno"});
  const YamlMap fields = fields_of(step, "poke", {"at", "data"});
  return PokeStep{fields.require("at").address(), fields.require("data").hex()};
}

Action load_peek(const YamlMap& step) {
  constexpr uint64_t kMost = uint64_t{1}
                             << 24;  // a peek's bytes stand in the file, or in a message
  step.allow({"peek", "expect", "errno"});
  const YamlMap fields = fields_of(step, "peek", {"at", "length"});
  const uint64_t length = fields.require("length").integer();
  if (length > kMost) fields.require("length").fail("length: peek takes at most 16M");
  return PeekStep{fields.require("at").address(), length, expected_data(step)};
}

Action load_sleep(const YamlMap& step) {
  step.allow({"sleep"});
  return SleepStep{step.require("sleep").integer()};
}

Action load_drop_cap(const YamlMap& step) {
  step.allow({"drop_cap", "errno"});
  return CapabilityStep{load_capability(step.require("drop_cap")), false};
}

Action load_raise_cap(const YamlMap& step) {
  step.allow({"raise_cap", "errno"});
  return CapabilityStep{load_capability(step.require("raise_cap")), true};
}

Action load_rlimit(const YamlMap& step) {
  step.allow({"rlimit", "errno"});
  return RlimitStep{fields_of(step, "rlimit", {"MEMLOCK"}).require("MEMLOCK").integer()};
}

Action load_write_file(const YamlMap& step) {
  step.allow({"write_file", "text", "errno"});
  return WriteFileStep{step.require("write_file").text(), step.require("text").text()};
}

Action load_read_file(const YamlMap& step) {
  step.allow({"read_file", "expect", "errno"});
  ReadFileStep read{.path = step.require("read_file").text(), .text = {}};
  if (const Yaml* expect = step.find("expect")) read.text = expect->text();
  return read;
}

Action load_list(const YamlMap& step) {
  step.allow({"list", "expect", "errno"});
  ListStep list{.path = step.require("list").text(), .entries = {}};
  if (const Yaml* expect = step.find("expect")) {
    list.entries.emplace();
    for (const Yaml& entry : expect->items()) list.entries->push_back(entry.text());
    std::ranges::sort(*list.entries);
  }
  return list;
}

Action load_readlink(const YamlMap& step) {
  step.allow({"readlink", "expect", "errno"});
  ReadlinkStep readlink{.path = step.require("readlink").text(), .basename = {}};
  if (const auto name = expected(step, "basename")) readlink.basename = name->text();
  return readlink;
}

uint32_t load_mode(const Yaml& node) {
  const std::string text = node.text();
  uint32_t mode = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, mode, 8);
  if (error != std::errc{} || stop != end || mode > 07777) {
    node.fail(fmt::format("mode: '{}' is not an octal mode such as 0600", text));
  }
  return mode;
}

Action load_stat(const YamlMap& step) {
  step.allow({"stat", "expect", "errno"});
  StatStep stat{.path = step.require("stat").text(), .type = {}, .mode = {}};
  if (const Yaml* expect = step.find("expect")) {
    const YamlMap fields(*expect);
    fields.allow({"type", "mode"});
    if (const Yaml* type = fields.find("type")) {
      stat.type = type->one_of<FileStat::Type>({{"char", FileStat::Type::kChar},
                                                {"dir", FileStat::Type::kDir},
                                                {"file", FileStat::Type::kFile}});
    }
    if (const Yaml* mode = fields.find("mode")) stat.mode = load_mode(*mode);
  }
  return stat;
}

struct ActionKind {
  std::string_view key;
  Action (*load)(const YamlMap& step);
};

constexpr std::array kActions{
    ActionKind{"open", load_open},
    ActionKind{"close", load_close},
    ActionKind{"ioctl", load_ioctl_step},
    ActionKind{"mmap", load_mmap},
    ActionKind{"munmap", load_munmap},
    ActionKind{"pread", load_pread},
    ActionKind{"pwrite", load_pwrite},
    ActionKind{"poke", load_poke},
    ActionKind{"peek", load_peek},
    ActionKind{"dup", load_dup},
    ActionKind{"eventfd", load_eventfd},
    ActionKind{"read_event", load_read_event},
    ActionKind{"sleep", load_sleep},
    ActionKind{"drop_cap", load_drop_cap},
    ActionKind{"raise_cap", load_raise_cap},
    ActionKind{"rlimit", load_rlimit},
    ActionKind{"write_file", load_write_file},
    ActionKind{"read_file", load_read_file},
    ActionKind{"list", load_list},
    ActionKind{"readlink", load_readlink},
    ActionKind{"stat", load_stat},
};

// The one key that says what the step does.
const ActionKind& find_action(const YamlMap& step) {
  const ActionKind* action = nullptr;
  for (const YamlMap::Entry& entry : step.entries()) {
    const auto kind = std::ranges::find(kActions, entry.name, &ActionKind::key);
    if (kind == kActions.end()) continue;
    if (action != nullptr) {
      entry.key.fail(fmt::format("two actions in one step: '{}' and '{}'", action->key, kind->key));
    }
    action = &*kind;
  }
  if (action != nullptr) return *action;
  if (step.entries().empty()) step.self().fail("a step needs an action, such as 'open' or 'ioctl'");
  std::vector<std::string_view> names;
  names.reserve(kActions.size());
  for (const ActionKind& kind : kActions) names.push_back(kind.key);
  // Blame the key that looks most like an action.
  const auto closest = std::ranges::min_element(step.entries(), {}, [&](const auto& entry) {
    return edit_distance(entry.name, nearest(entry.name, names));
  });
  closest->key.fail(unknown_word("action", closest->name, names));
}

}  // namespace

Step load_step(const Yaml& node) {
  const ActionKind& kind = find_action(YamlMap(node));
  const YamlMap map(Yaml(node.file(), node.node(), fmt::format("this {} step", kind.key)));
  const Yaml& head = map.require(kind.key);
  Step step{.line = node.line(),
            .column = node.column(),
            .title = std::string(kind.key),
            .action = kind.load(map),
            .error = {},
            .kills = false,
            .returns = {},
            .as = {}};
  if (head.is_scalar() && !head.text().empty()) step.title += ": " + head.text();
  if (const Yaml* error = map.find("errno")) {
    step.kills = error->text() == "KILLED";
    if (!step.kills) step.error = load_errno(*error);
  }
  if (const Yaml* as = map.find("as")) step.as = as->variable_name();
  if (const Yaml* returns = map.find("returns")) {
    if (step.error) returns->fail("a step that must fail returns nothing");
    step.returns = returns->value(8, false);
  }
  const Yaml* expect = map.find("expect");
  if (expect != nullptr && step.error && kind.key != "ioctl") {
    expect->fail("a step that must fail has nothing to expect");
  }
  return step;
}

}  // namespace noiommu::scenarios
