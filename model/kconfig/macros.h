// The macro language of Kconfig text: variables, functions and `$(..)`.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "model/kconfig/loading.h"

namespace noiommu::kconfig {

class Macros {
 public:
  explicit Macros(Loading& loading) : loading_(loading) {}

  enum class Assign : uint8_t { kSimple, kRecursive, kAppend };  // :=  =  +=

  void assign(Position at, std::string_view name, Assign how, std::string_view value);

  // `text` with every `$(..)` replaced. Position: where it stands, for errors, $(lineno) and
  // $(filename).
  [[nodiscard]] std::string expand(Position at, std::string_view text);

  // How many characters the reference at the start of `text` has, with `$(` and its `)`. 1 when
  // no parenthesis follows the `$`, 0 when the closing one is missing.
  [[nodiscard]] static size_t reference_length(std::string_view text);

 private:
  using Arguments = std::vector<std::string>;
  struct Variable {
    std::string value;
    bool recursive = false;
    int depth = 0;  // how many expansions of it are under way
  };

  [[nodiscard]] std::string expand(Position at, std::string_view text, const Arguments& outer);
  [[nodiscard]] std::string evaluate(Position at, std::string_view clause, const Arguments& outer);
  [[nodiscard]] std::string call_variable(Position at, Variable& variable,
                                          const Arguments& arguments);
  [[nodiscard]] std::string call_function(Position at, const Arguments& arguments);
  [[nodiscard]] std::string shell(Position at, const std::string& command);

  Loading& loading_;
  std::map<std::string, Variable, std::less<>> variables_;
  int nesting_ = 0;
};

}  // namespace noiommu::kconfig
