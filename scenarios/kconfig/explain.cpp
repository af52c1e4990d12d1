// `noiommu kconfig explain`.
#include "model/kconfig/explain.h"

#include <fmt/format.h>

#include <ostream>

#include <nlohmann/json.hpp>

#include "scenarios/kconfig/commands.h"
#include "scenarios/kconfig/messages.h"

namespace noiommu::scenarios {

namespace {

using kconfig::Assignment;
using kconfig::Change;
using kconfig::Proof;
using kconfig::Tree;
using kconfig::Tri;
using Json = nlohmann::ordered_json;

Json proof_json(const Proof& proof) {
  Json json = {{"statement", proof.statement}};
  if (proof.because.empty()) return json;
  json["because"] = Json::array();
  for (const Proof& one : proof.because) json["because"].push_back(proof_json(one));
  return json;
}

void proof_text(const Proof& proof, size_t indent, std::string_view bullet, std::ostream& out) {
  out << fmt::format("{:{}}{}{}\n", "", indent, bullet, proof.statement);
  for (const Proof& one : proof.because) proof_text(one, indent + 2, bullet, out);
}

Json change_json(const Tree& tree, const Change& change) {
  if (!change.assignments) return nullptr;
  Json json = Json::object();
  for (const Assignment& one : *change.assignments) {
    json[symbol_text(tree, one.symbol)] = std::string(tri_name(one.value));
  }
  return json;
}

std::string change_text(const Tree& tree, const Change& change, const std::string& wanted) {
  if (!change.possible) return fmt::format("no configuration at all makes it {}\n", wanted);
  if (!change.assignments) return fmt::format("no change was found that makes it {}\n", wanted);
  if (change.assignments->empty()) return fmt::format("it is {} already\n", wanted);
  std::string text = fmt::format("to make it {}:", wanted);
  for (const Assignment& one : *change.assignments) {
    text += fmt::format(" {}={}", symbol_text(tree, one.symbol), tri_name(one.value));
  }
  return text + '\n';
}

}  // namespace

int kconfig_explain(const KconfigOptions& options, const KconfigValues& values,
                    const std::string& symbol, const std::string& wanted, std::ostream& out,
                    std::ostream& err) {
  const auto subject = load_subject(options.target, values);
  if (!subject) return complain(subject.error(), err);
  const Tree& tree = subject->tree;
  mention_skipped(tree, err);
  const kconfig::SymbolId id = tree.find(symbol);
  if (id == kconfig::kNoSymbol) return complain_no_symbol(symbol, err);
  kconfig::Configuration configuration(tree);
  configuration.read(subject->values);
  const Proof proof = kconfig::explain(configuration, id);
  const Tri value = wanted == "y" ? Tri::kY : wanted == "m" ? Tri::kM : Tri::kN;
  const Change change = kconfig::smallest_change(tree, subject->values, id, value);
  if (options.format == KconfigFormat::kJson) {
    out << Json{{"proof", proof_json(proof)},
                {"change", change_json(tree, change)},
                {"possible", change.possible}}
               .dump(2)
        << '\n';
  } else {
    proof_text(proof, 0, options.format == KconfigFormat::kMarkdown ? "- " : "", out);
    if (options.format == KconfigFormat::kMarkdown) out << '\n';
    out << change_text(tree, change, wanted);
  }
  return change.assignments ? kKconfigFine : kKconfigFindings;
}

}  // namespace noiommu::scenarios
