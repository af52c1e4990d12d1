#include "scenarios/review/revision.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "model/kconfig/revisions.h"
#include "model/machine/resolve_config.h"

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

std::map<std::string, std::string> Configured::overrides() const {
  std::map<std::string, std::string> overrides;
  for (const SymbolId id : revision_->inputs()) {
    overrides.emplace(revision_->tree().symbols[id].name, tri_name(outcome_->values[id]));
  }
  return overrides;
}

Revision::Revision(std::string name, const design::Design* design, kconfig::Tree tree,
                   const std::function<void(uint64_t, uint64_t)>& progress)
    : name_(std::move(name)),
      design_(design),
      tree_(std::make_unique<kconfig::Tree>(std::move(tree))),
      inputs_(kconfig::settable(*tree_, kconfig::review_inputs())),
      cycles_(find_cycles(*tree_)) {
  if (!cycles_.empty()) return;
  kconfig::EnumerationWatch watch;
  if (progress) {
    watch.progress = [&, all = kconfig::combinations(*tree_, inputs_)](uint64_t done) {
      progress(done, all);
    };
  }
  outcomes_ = kconfig::enumerate(*tree_, inputs_, watch);
}

kconfig::Loaded<Revision> Revision::load(const std::string& name) {
  const design::Design* design = design::find(name);
  auto tree = kconfig::load_revision(design != nullptr ? std::string(design->kconfig) : name);
  if (!tree) {
    kconfig::Diagnostic error = tree.error();
    std::vector<std::string_view> proposals;
    for (const design::Design& one : design::variants()) proposals.push_back(one.name);
    error.message += fmt::format(", and the proposals {}", fmt::join(proposals, ", "));
    return tl::unexpected(std::move(error));
  }
  return Revision(name, design, std::move(*tree), {});
}

Revision Revision::of_tree(const std::string& name, kconfig::Tree tree,
                           const std::function<void(uint64_t, uint64_t)>& progress) {
  return {name, nullptr, std::move(tree), progress};
}

std::vector<KernelBuild> Revision::kernels() const {
  std::vector<KernelBuild> kernels;
  for (const kconfig::Outcome& outcome : outcomes_) {
    const Configured one(*this, outcome);
    if (design_ == nullptr || !one.on("VFIO")) continue;
    const auto resolved = resolve_config(one.overrides(), *design_);
    if (!resolved) continue;
    const auto known = std::ranges::find_if(kernels, [&](const KernelBuild& kernel) {
      return kernel.config == resolved->config &&
             kernel.smallest.noiommu_cdev() == one.noiommu_cdev();
    });
    if (known == kernels.end()) {
      kernels.push_back({resolved->config, one, 1});
    } else {
      ++known->configurations;
      if (one.size() < known->smallest.size()) known->smallest = one;
    }
  }
  std::ranges::stable_sort(kernels, {},
                           [](const KernelBuild& kernel) { return kernel.smallest.size(); });
  return kernels;
}

bool Revision::has(const char* symbol) const {
  return tree_->find(symbol) != kconfig::kNoSymbol;
}

}  // namespace noiommu::scenarios::review
