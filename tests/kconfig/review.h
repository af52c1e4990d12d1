// All configurations of a revision over the inputs of kconfig.md section 5.1, to count classes of.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "model/kconfig/enumeration.h"
#include "model/kconfig/revisions.h"

namespace noiommu::kconfig {

// One configuration, with symbols by name. A symbol that the revision lacks is n.
class Row {
 public:
  Row(const Tree& tree, const Outcome& outcome) : tree_(tree), outcome_(outcome) {}

  [[nodiscard]] Tri value(const std::string& name) const {
    const SymbolId id = tree_.find(name);
    return id == kNoSymbol ? Tri::kN : outcome_.values[id];
  }
  [[nodiscard]] bool on(const std::string& name) const { return value(name) != Tri::kN; }
  [[nodiscard]] bool yes(const std::string& name) const { return value(name) == Tri::kY; }

  [[nodiscard]] bool container() const {
    return on("VFIO_CONTAINER") || on("IOMMUFD_VFIO_CONTAINER");
  }
  // The option for groups; version 5 has renamed it.
  [[nodiscard]] bool noiommu() const { return on("VFIO_NOIOMMU") || on("VFIO_GROUP_NOIOMMU"); }
  [[nodiscard]] bool noiommu_group() const { return noiommu() && on("VFIO_GROUP"); }
  [[nodiscard]] const std::vector<SymbolId>& unmet() const { return outcome_.unmet; }

 private:
  const Tree& tree_;
  const Outcome& outcome_;
};

using Class = std::function<bool(const Row&)>;

class Review {
 public:
  explicit Review(const std::string& revision) : tree_(tree_of(revision)) {
    outcomes_ = enumerate(tree_, settable(tree_, review_inputs()));
  }

  [[nodiscard]] size_t count(const Class& holds) const {
    return static_cast<size_t>(
        std::count_if(outcomes_.begin(), outcomes_.end(),
                      [&](const Outcome& outcome) { return holds(Row(tree_, outcome)); }));
  }
  // Rows look into the review, which must outlive them.
  [[nodiscard]] std::vector<Row> rows() && = delete;
  [[nodiscard]] std::vector<Row> rows() const& {
    std::vector<Row> rows;
    for (const Outcome& outcome : outcomes_) rows.emplace_back(tree_, outcome);
    return rows;
  }
  [[nodiscard]] const Tree& tree() const { return tree_; }
  [[nodiscard]] const std::vector<Outcome>& outcomes() const { return outcomes_; }

 private:
  static Tree tree_of(const std::string& revision) {
    auto tree = load_revision(revision);
    if (!tree) ADD_FAILURE() << tree.error().text();
    return tree ? std::move(*tree) : Tree();
  }

  Tree tree_;
  std::vector<Outcome> outcomes_;
};

}  // namespace noiommu::kconfig
