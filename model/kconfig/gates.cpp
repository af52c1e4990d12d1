#include "model/kconfig/gates.h"

namespace noiommu::kconfig {

namespace {

constexpr int kSatisfiable = 10;  // what CaDiCaL's solve() answers

}  // namespace

Gates::Gates() {
  require(kYes);
}

Literal Gates::all(Literal a, Literal b) {
  if (a == no() || b == no() || a == -b) return no();
  if (a == yes() || a == b) return b;
  if (b == yes()) return a;
  const Literal both = fresh();
  require_any({-both, a});
  require_any({-both, b});
  require_any({both, -a, -b});
  return both;
}

Literal Gates::choose(Literal condition, Literal then, Literal otherwise) {
  if (then == otherwise) return then;
  return any(all(condition, then), all(-condition, otherwise));
}

TriLiteral Gates::constant(Tri value) const {
  return {value == Tri::kN ? no() : yes(), value == Tri::kY ? yes() : no()};
}

TriLiteral Gates::unknown(bool boolean) {
  const Literal on = fresh();
  if (boolean) return from(on);
  const Literal full = fresh();
  require_any({-full, on});
  return {on, full};
}

TriLiteral Gates::all(TriLiteral a, TriLiteral b) {
  return {all(a.on, b.on), all(a.full, b.full)};
}

TriLiteral Gates::any(TriLiteral a, TriLiteral b) {
  return {any(a.on, b.on), any(a.full, b.full)};
}

TriLiteral Gates::choose(Literal condition, TriLiteral then, TriLiteral otherwise) {
  return {choose(condition, then.on, otherwise.on), choose(condition, then.full, otherwise.full)};
}

Literal Gates::is(TriLiteral a, Tri value) {
  if (value == Tri::kN) return -a.on;
  return value == Tri::kY ? a.full : all(a.on, -a.full);
}

void Gates::require(Literal a) {
  require_any({a});
}

void Gates::require_any(std::initializer_list<Literal> clause) {
  for (const Literal a : clause) solver_.add(a);
  solver_.add(0);
}

void Gates::require_any(const std::vector<Literal>& clause) {
  for (const Literal a : clause) solver_.add(a);
  solver_.add(0);
}

void Gates::require_equal(TriLiteral a, TriLiteral b) {
  require_equal_if(yes(), a, b);
}

void Gates::require_equal_if(Literal condition, TriLiteral a, TriLiteral b) {
  for (const auto& [one, other] : {std::pair(a.on, b.on), std::pair(a.full, b.full)}) {
    require_any({-condition, -one, other});
    require_any({-condition, one, -other});
  }
}

bool Gates::solve() {
  return solver_.solve() == kSatisfiable;
}

bool Gates::solve_with(Literal a) {
  if (solver_.fixed(a) < 0) return false;
  assume(a);
  return solve();
}

Tri Gates::value(TriLiteral a) {
  if (!holds(a.on)) return Tri::kN;
  return holds(a.full) ? Tri::kY : Tri::kM;
}

}  // namespace noiommu::kconfig
