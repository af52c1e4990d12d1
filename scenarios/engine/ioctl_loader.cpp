#include "scenarios/engine/ioctl_loader.h"

#include <fmt/format.h>

namespace noiommu::scenarios {
namespace {

// Not a field: what out_phys leaves when it is divided by the page size.
constexpr std::string_view kPageOffset = "out_phys_page_offset";

const IoctlCommand& load_command(const Yaml& node) {
  const std::string name = node.text();
  const IoctlCommand* command = find_ioctl(name);
  if (command == nullptr) node.fail(unknown_word("ioctl", name, ioctl_names()));
  return *command;
}

const Field& load_field_name(const IoctlCommand& command, const YamlMap::Entry& entry) {
  const Field* field = command.find_field(entry.name);
  if (field != nullptr) return *field;
  std::vector<std::string_view> names;
  for (const Field& known : command.fields) names.push_back(known.name);
  entry.key.fail(unknown_word("field", entry.name, names, command.name));
}

Value load_field_value(const Field& field, const Yaml& node) {
  return node.value(field.width, field.is_signed);
}

std::vector<Value> load_values(const Yaml& list, unsigned width, bool is_signed) {
  std::vector<Value> values;
  for (const Yaml& item : list.items()) values.push_back(item.value(width, is_signed));
  return values;
}

// `{u64: [1, 2]}`: a pointer to an array.
std::vector<Value> load_array(const Field& field, const Yaml& node) {
  const YamlMap map(node);
  map.allow({"u64"});
  const Yaml& list = map.require("u64");
  if (field.width != 8) {
    node.fail(fmt::format("{} has {} bits and cannot hold a pointer", field.name, 8 * field.width));
  }
  return load_values(list, 8, false);
}

std::vector<IoctlArgument> load_args(const IoctlCommand& command, const Yaml& node) {
  std::vector<IoctlArgument> args;
  const YamlMap fields(node);
  for (const YamlMap::Entry& entry : fields.entries()) {
    const Field& field = load_field_name(command, entry);
    if (entry.value.is_map()) {
      args.push_back({&field, load_array(field, entry.value)});
    } else {
      args.push_back({&field, load_field_value(field, entry.value)});
    }
  }
  return args;
}

IoctlStruct load_struct(const IoctlCommand& command, const YamlMap& step) {
  IoctlStruct argument;
  if (const Yaml* args = step.find("args")) argument.args = load_args(command, *args);
  const Yaml* data = step.find("data");
  const Yaml* words = step.find("data_s32");
  if (data != nullptr && words != nullptr) words->fail("'data' and 'data_s32' exclude each other");
  if (data != nullptr) argument.data = data->hex();
  if (words != nullptr) argument.data = load_values(*words, 4, true);
  return argument;
}

// The argument in one of its forms: a structure, a plain number, or a string.
std::variant<IoctlStruct, Value, std::string> load_argument(const IoctlCommand& command,
                                                            const YamlMap& step) {
  const Yaml* number = step.find("arg");
  const Yaml* string = step.find("arg_string");
  const bool plain = number != nullptr || string != nullptr;
  if (number != nullptr && string != nullptr) {
    string->fail("'arg' and 'arg_string' exclude each other");
  }
  for (const std::string_view key : {"args", "data", "data_s32"}) {
    const Yaml* found = step.find(key);
    if (found == nullptr) continue;
    if (plain) found->fail(fmt::format("'{}' excludes 'arg' and 'arg_string'", key));
    if (command.struct_size == 0) {
      found->fail(fmt::format("{} takes no structure; write 'arg' or 'arg_string'", command.name));
    }
  }
  if (number != nullptr) return number->value(8, true);
  if (string != nullptr) return string->text();
  if (command.struct_size == 0) return Value{};
  return load_struct(command, step);
}

ExpectedField load_expected(const IoctlCommand& command, const YamlMap::Entry& entry) {
  const Field* phys = command.find_field("out_phys");
  if (phys != nullptr && entry.name == kPageOffset) {
    return {entry.name, phys, ExpectedField::Kind::kPageOffset,
            load_field_value(*phys, entry.value)};
  }
  const Field& field = load_field_name(command, entry);
  if (entry.value.is_scalar() && entry.value.text() == "nonzero") {
    return {entry.name, &field, ExpectedField::Kind::kNonzero};
  }
  return {entry.name, &field, ExpectedField::Kind::kValue, load_field_value(field, entry.value)};
}

}  // namespace

IoctlStep load_ioctl(const YamlMap& step) {
  step.allow({"ioctl", "fd", "args", "arg", "arg_string", "data", "data_s32", "save", "as", "errno",
              "expect", "returns"});
  const IoctlCommand& command = load_command(step.require("ioctl"));
  IoctlStep ioctl{.command = &command,
                  .fd = step.require("fd").descriptor(),
                  .argument = load_argument(command, step),
                  .expect = {},
                  .save = {}};
  for (const std::string_view key : {"expect", "save"}) {
    const Yaml* fields = step.find(key);
    if (fields != nullptr && !std::holds_alternative<IoctlStruct>(ioctl.argument)) {
      fields->fail(fmt::format("'{}' needs an argument structure to look at", key));
    }
  }
  if (const Yaml* expect = step.find("expect")) {
    const YamlMap fields(*expect);
    for (const YamlMap::Entry& entry : fields.entries()) {
      ioctl.expect.push_back(load_expected(command, entry));
    }
  }
  if (const Yaml* save = step.find("save")) {
    const YamlMap fields(*save);
    for (const YamlMap::Entry& entry : fields.entries()) {
      ioctl.save.push_back({&load_field_name(command, entry), entry.value.variable_name()});
    }
  }
  return ioctl;
}

}  // namespace noiommu::scenarios
