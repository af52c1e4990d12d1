// The values of all symbols of a tree, as they follow from the values a user gave.
//
// One thread at a time; the tree must outlive it. Spec: kconfig.md section 6.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/kconfig/tree.h"

namespace noiommu::kconfig {

// A value that the user gave and did not get.
struct Overridden {
  SymbolId symbol = kNoSymbol;
  std::string wanted;
  std::string got;
};

class Configuration {
 public:
  explicit Configuration(const Tree& tree);

  // Takes a .config as `conf --olddefconfig` does, and evaluates. Replaces what was given before.
  void read(std::string_view config);

  enum class All : uint8_t { kNo, kYes, kMod, kDefault };
  // What `conf --allnoconfig`, `--allyesconfig`, `--allmodconfig` and `--alldefconfig` answer.
  void set_all(All how);

  // One by one: forget what was given, give some values, evaluate. A value of a choice that is set
  // to y is the one that the choice takes.
  void clear();
  void set(SymbolId symbol, Tri value);
  void set(SymbolId symbol, std::string value);
  void evaluate();

  [[nodiscard]] const Tree& tree() const { return tree_; }
  [[nodiscard]] Tri value(SymbolId id) const { return states_[id].value; }
  // "n", "m" or "y", else the text of the value.
  [[nodiscard]] const std::string& text(SymbolId id) const;
  // The value of an expression, n and y for comparisons.
  [[nodiscard]] Tri value_of(ExprId id) const;
  // The most that a user could set; n: no prompt is visible.
  [[nodiscard]] Tri visible(SymbolId id) const { return states_[id].visible; }
  [[nodiscard]] Tri selected(SymbolId id) const { return states_[id].selected; }
  [[nodiscard]] Tri implied(SymbolId id) const { return states_[id].implied; }
  [[nodiscard]] Tri depends(SymbolId id) const { return states_[id].depends; }
  [[nodiscard]] bool given(SymbolId id) const { return states_[id].given; }
  // Of a bool or tristate that was given.
  [[nodiscard]] Tri given_value(SymbolId id) const { return states_[id].given_value; }
  // Whether it stands in the .config.
  [[nodiscard]] bool written(SymbolId id) const { return states_[id].written; }

  // Symbols that a select set higher than their dependencies allow, in the order of evaluation.
  [[nodiscard]] const std::vector<SymbolId>& unmet() const { return unmet_; }
  [[nodiscard]] std::vector<Overridden> overridden() const;
  // Lines of the .config that were no use: unknown symbols, values that do not fit a type.
  [[nodiscard]] const std::vector<std::string>& complaints() const { return complaints_; }

  // The whole .config, byte for byte as `conf` writes it.
  [[nodiscard]] std::string config() const;

 private:
  struct State {
    Tri value = Tri::kN;
    Tri visible = Tri::kN;
    Tri depends = Tri::kN;
    Tri selected = Tri::kN;
    Tri implied = Tri::kN;
    Tri given_value = Tri::kN;
    bool valid = false;
    bool written = false;
    bool given = false;
    SymbolId chosen = kNoSymbol;        // of a choice: the value that is y
    SymbolId given_choice = kNoSymbol;  // of a choice: the value that the user wants
    const std::string* text = nullptr;  // of numbers and strings; never null once evaluated
    std::string given_text;
    std::string in_range;  // where `text` points after a range has changed it
  };

  Tri calculate(ExprId id);
  void calculate_symbol(SymbolId id);
  void calculate_visibility(SymbolId id);
  [[nodiscard]] Tri calculate_tristate(SymbolId id);
  void calculate_text(SymbolId id);
  void keep_in_range(SymbolId id);
  [[nodiscard]] SymbolId calculate_choice(SymbolId id);
  [[nodiscard]] SymbolId default_of_choice(const Symbol& choice);
  [[nodiscard]] Tri compare(const Expr& expr) const;
  [[nodiscard]] Tri pulled(SymbolId id, const std::vector<Pull>& pulls);
  [[nodiscard]] const Default* active_default(const Symbol& symbol);
  [[nodiscard]] const Range* active_range(const Symbol& symbol);
  [[nodiscard]] long long bound(SymbolId id, int base);
  [[nodiscard]] Type effective_type(SymbolId id) const;
  [[nodiscard]] bool fits_range(SymbolId id);

  void read_lines(std::string_view config);
  void read_value(std::string_view name, std::string_view value, size_t line);
  bool give(SymbolId id, std::string_view value);
  void note_choice_value(SymbolId id);
  void forget_what_does_not_fit();

  const Tree& tree_;
  std::vector<State> states_;
  std::vector<SymbolId> unmet_;
  std::vector<std::string> complaints_;
};

}  // namespace noiommu::kconfig
