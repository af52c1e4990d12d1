#include "scenarios/review/revision.h"

#include <fmt/format.h>

#include <algorithm>

#include "model/kconfig/revisions.h"

namespace noiommu::scenarios::review {

namespace {

using kconfig::SymbolId;
using kconfig::Tri;

// What an input is when nothing is on: an IOMMU may still be supported.
Tri when_nothing_is_on(const std::string& symbol) {
  return symbol == "IOMMU_SUPPORT" ? Tri::kY : Tri::kN;
}

}  // namespace

Tri Configured::value(const char* symbol) const {
  const SymbolId id = revision_->tree().find(symbol);
  return id == kconfig::kNoSymbol ? Tri::kN : outcome_->values[id];
}

bool Configured::container() const {
  return on("VFIO_CONTAINER") || on("IOMMUFD_VFIO_CONTAINER");
}

bool Configured::noiommu_group() const {
  return on("VFIO_GROUP") && (on("VFIO_NOIOMMU") || on("VFIO_GROUP_NOIOMMU"));
}

bool Configured::page_table() const {
  if (revision_->has("IOMMUFD_NOIOMMU")) return on("IOMMUFD_NOIOMMU");
  return on("VFIO_NOIOMMU") && on("IOMMU_PT_AMDV1");
}

bool Configured::noiommu_cdev() const {
  if (revision_->has("VFIO_CDEV_NOIOMMU")) return on("VFIO_CDEV_NOIOMMU");
  return on("VFIO_DEVICE_CDEV") && page_table();
}

std::string Configured::text() const {
  std::vector<std::string> words;
  for (const SymbolId id : revision_->inputs()) {
    const std::string& name = revision_->tree().symbols[id].name;
    const Tri value = outcome_->values[id];
    if (value == when_nothing_is_on(name)) continue;
    words.push_back(fmt::format("{}={}", name, tri_name(value)));
  }
  return fmt::format("{}", fmt::join(words, " "));
}

size_t Configured::size() const {
  const auto& inputs = revision_->inputs();
  return static_cast<size_t>(std::count_if(inputs.begin(), inputs.end(), [&](SymbolId id) {
    return outcome_->values[id] != when_nothing_is_on(revision_->tree().symbols[id].name);
  }));
}

kconfig::Loaded<Revision> Revision::load(const std::string& name) {
  Revision revision;
  revision.name_ = name;
  revision.design_ = design::find(name);
  auto tree =
      kconfig::load_revision(revision.design_ ? std::string(revision.design_->kconfig) : name);
  if (!tree) return tl::unexpected(tree.error());
  revision.tree_ = std::make_unique<kconfig::Tree>(std::move(*tree));
  revision.inputs_ = kconfig::settable(*revision.tree_, kconfig::review_inputs());
  revision.cycles_ = find_cycles(*revision.tree_);
  if (revision.cycles_.empty()) {
    revision.outcomes_ = kconfig::enumerate(*revision.tree_, revision.inputs_);
  }
  return revision;
}

bool Revision::has(const char* symbol) const {
  return tree_->find(symbol) != kconfig::kNoSymbol;
}

}  // namespace noiommu::scenarios::review
