// Logic gates as clauses for a SAT solver.
#pragma once

#include <initializer_list>
#include <vector>

#include <cadical.hpp>

#include "model/kconfig/tristate.h"

namespace noiommu::kconfig {

// A literal of the solver; its negation is -literal.
using Literal = int;

// A value that the solver finds: the first says "not n", the second "y" and implies the first.
struct TriLiteral {
  Literal on = 0;
  Literal full = 0;
};

// Gates whose inputs are known cost nothing.
//
// One thread at a time.
class Gates {
 public:
  Gates();

  [[nodiscard]] Literal yes() const { return kYes; }
  [[nodiscard]] Literal no() const { return -kYes; }
  [[nodiscard]] bool known(Literal a) const { return a == yes() || a == no(); }
  [[nodiscard]] Literal fresh() { return ++last_; }

  [[nodiscard]] Literal all(Literal a, Literal b);
  [[nodiscard]] Literal any(Literal a, Literal b) { return -all(-a, -b); }
  [[nodiscard]] Literal choose(Literal condition, Literal then, Literal otherwise);

  // As tristate.h has them for values.
  [[nodiscard]] TriLiteral constant(Tri value) const;
  [[nodiscard]] TriLiteral from(Literal a) const { return {a, a}; }
  // Anything; only n and y when `boolean`.
  [[nodiscard]] TriLiteral unknown(bool boolean);
  [[nodiscard]] TriLiteral all(TriLiteral a, TriLiteral b);
  [[nodiscard]] TriLiteral any(TriLiteral a, TriLiteral b);
  [[nodiscard]] TriLiteral negated(TriLiteral a) const { return {-a.full, -a.on}; }
  [[nodiscard]] TriLiteral choose(Literal condition, TriLiteral then, TriLiteral otherwise);
  [[nodiscard]] Literal is(TriLiteral a, Tri value);

  // A hint: solutions in which it holds are tried first.
  void prefer(Literal a) {
    if (!known(a)) solver_.phase(a);
  }

  // What must hold in every solution.
  void require(Literal a);
  void require_any(std::initializer_list<Literal> clause);
  void require_any(const std::vector<Literal>& clause);
  void require_equal(TriLiteral a, TriLiteral b);
  // As soon as `condition` holds.
  void require_equal_if(Literal condition, TriLiteral a, TriLiteral b);

  // Assumptions count for the next solve() only.
  void assume(Literal a) { solver_.assume(a); }
  [[nodiscard]] bool solve();
  [[nodiscard]] bool solve_with(Literal a);
  // In the solution that solve() has found.
  [[nodiscard]] bool holds(Literal a) { return solver_.val(a) > 0; }
  [[nodiscard]] Tri value(TriLiteral a);
  // Whether it is the same in all solutions.
  [[nodiscard]] bool fixed(Literal a) { return solver_.fixed(a) != 0; }

 private:
  static constexpr Literal kYes = 1;

  CaDiCaL::Solver solver_;
  Literal last_ = kYes;
};

}  // namespace noiommu::kconfig
