#include "model/kconfig/macros.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "model/kconfig/shell.h"

namespace noiommu::kconfig {

namespace {

constexpr size_t kMostArguments = 16;
constexpr int kDeepest = 1000;  // expansions of one variable inside each other
constexpr int kDeepestNesting = 4000;

struct Function {
  std::string_view name;
  size_t arguments;
};
constexpr Function kFunctions[] = {{"error-if", 2}, {"filename", 0}, {"info", 1},
                                   {"lineno", 0},   {"shell", 1},    {"warning-if", 2}};

const Function* find_function(std::string_view name) {
  const auto* found = std::find_if(std::begin(kFunctions), std::end(kFunctions),
                                   [&](const Function& f) { return f.name == name; });
  return found == std::end(kFunctions) ? nullptr : found;
}

// The parts between the commas that no parenthesis encloses.
std::vector<std::string_view> split(std::string_view clause) {
  std::vector<std::string_view> parts;
  int depth = 0;
  size_t start = 0;
  for (size_t i = 0; i < clause.size(); ++i) {
    if (clause[i] == '(') ++depth;
    if (clause[i] == ')') --depth;
    if (clause[i] != ',' || depth != 0) continue;
    parts.push_back(clause.substr(start, i - start));
    start = i + 1;
  }
  parts.push_back(clause.substr(start));
  return parts;
}

}  // namespace

size_t Macros::reference_length(std::string_view text) {
  if (text.size() < 2 || text[1] != '(') return 1;
  int depth = 0;
  for (size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '(') ++depth;
    if (text[i] == ')' && --depth == 0) return i + 1;
  }
  return 0;
}

void Macros::assign(Position at, std::string_view name, Assign how, std::string_view value) {
  const auto known = variables_.find(name);
  const bool appends = how == Assign::kAppend && known != variables_.end();
  const bool recursive = appends ? known->second.recursive : how != Assign::kSimple;
  std::string text = recursive ? std::string(value) : expand(at, value);
  if (appends) {
    known->second.value += " " + text;
    return;
  }
  Variable& variable = variables_[std::string(name)];
  variable.recursive = recursive;
  variable.value = std::move(text);
}

std::string Macros::expand(Position at, std::string_view text) {
  return expand(at, text, {});
}

std::string Macros::expand(Position at, std::string_view text, const Arguments& outer) {
  std::string out;
  if (++nesting_ > kDeepestNesting) loading_.fail(at, "references are nested too deeply");
  while (!loading_.error) {
    const size_t dollar = text.find('$');
    out += text.substr(0, dollar);
    if (dollar == std::string_view::npos) break;
    text.remove_prefix(dollar);
    const size_t length = reference_length(text);
    if (length == 0) {
      loading_.fail(at,
                    fmt::format("unterminated reference to '{}': missing ')'", text.substr(2, 40)));
    } else if (length == 1) {
      out += '$';
    } else {
      out += evaluate(at, text.substr(2, length - 3), outer);
    }
    text.remove_prefix(length);
  }
  --nesting_;
  return out;
}

std::string Macros::evaluate(Position at, std::string_view clause, const Arguments& outer) {
  // $(1) .. $(16): an argument of the macro that is being expanded.
  size_t number = 0;
  const auto [end, bad] = std::from_chars(clause.data(), clause.data() + clause.size(), number);
  if (bad == std::errc() && end == clause.data() + clause.size() && number > 0 &&
      number < outer.size()) {
    return outer[number];
  }
  Arguments arguments;
  for (const std::string_view part : split(clause)) {
    if (arguments.size() > kMostArguments) {
      loading_.fail(at, "too many function arguments");
      return {};
    }
    arguments.push_back(expand(at, part, outer));
    if (loading_.error) return {};
  }
  const auto variable = variables_.find(arguments[0]);
  if (variable != variables_.end()) return call_variable(at, variable->second, arguments);
  if (find_function(arguments[0]) != nullptr) return call_function(at, arguments);
  const auto found = loading_.options.environment.find(arguments[0]);
  const bool known = arguments.size() == 1 && found != loading_.options.environment.end();
  return known ? found->second : std::string();
}

std::string Macros::call_variable(Position at, Variable& variable, const Arguments& arguments) {
  if (!variable.recursive) return variable.value;
  if (variable.depth > kDeepest || (arguments.size() == 1 && variable.depth > 0)) {
    loading_.fail(at, fmt::format("recursive variable '{}' references itself", arguments[0]));
    return {};
  }
  ++variable.depth;
  std::string out = expand(at, variable.value, arguments);
  --variable.depth;
  return out;
}

std::string Macros::call_function(Position at, const Arguments& arguments) {
  const Function& function = *find_function(arguments[0]);
  const size_t given = arguments.size() - 1;
  if (given != function.arguments) {
    loading_.fail(at, fmt::format("too {} function arguments passed to '{}'",
                                  given < function.arguments ? "few" : "many", function.name));
    return {};
  }
  if (function.name == "shell") return shell(at, arguments[1]);
  if (function.name == "filename") return loading_.tree.files[at.file].path;
  if (function.name == "lineno") return std::to_string(at.line);
  if (function.name == "info") loading_.tree.messages.push_back(arguments[1]);
  if (function.name == "warning-if" && arguments[1] == "y") loading_.warn(at, arguments[2]);
  if (function.name == "error-if" && arguments[1] == "y") loading_.fail(at, arguments[2]);
  return {};
}

std::string Macros::shell(Position at, const std::string& command) {
  const LoadOptions& options = loading_.options;
  if (options.allow_shell) return run_shell(command, options.environment, options.shell_folder);
  loading_.tree.skipped_commands.push_back({command, loading_.tree.place(at)});
  return "n";
}

}  // namespace noiommu::kconfig
