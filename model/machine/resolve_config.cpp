#include "model/machine/resolve_config.h"

#include <fmt/format.h>

#include "model/kconfig/configuration.h"
#include "model/kconfig/revisions.h"

namespace noiommu {

namespace {

using kconfig::SymbolId;
using kconfig::Tree;
using kconfig::Tri;
using kconfig::Type;

constexpr const char* kSymbols[] = {
    "IOMMUFD",        "IOMMUFD_NOIOMMU",    "IOMMUFD_VFIO_CONTAINER",
    "VFIO_CONTAINER", "VFIO_CDEV_NOIOMMU",  "VFIO_DEVICE_CDEV",
    "VFIO_GROUP",     "VFIO_GROUP_NOIOMMU", "VFIO_NOIOMMU"};

// Why the symbol cannot be set so, or nothing.
std::string objection(const Tree& tree, const std::string& name, const std::string& value) {
  const SymbolId id = tree.find(name);
  const bool known = id != kconfig::kNoSymbol && tree.defined(id) && is_tri(tree.symbols[id].type);
  if (!known) return fmt::format("{} is not a symbol that the model knows", name);
  const bool tristate = tree.symbols[id].type == Type::kTristate;
  if (value == "y" || value == "n" || (tristate && value == "m")) return {};
  return fmt::format("{}={}: the symbol is {}", name, value, tristate ? "y, m or n" : "y or n");
}

Tri tri_of(const std::string& value) {
  if (value == "n") return Tri::kN;
  return value == "m" ? Tri::kM : Tri::kY;
}

}  // namespace

tl::expected<ResolvedConfig, std::string> resolve_config(
    const std::map<std::string, std::string>& overrides, const design::Design& design) {
  const auto tree = kconfig::load_revision(std::string(design.kconfig));
  if (!tree) return tl::unexpected(tree.error().text());
  kconfig::Configuration configuration(*tree);
  const auto known = [&](const char* symbol) { return tree->find(symbol) != kconfig::kNoSymbol; };
  for (const char* symbol : {"VFIO", "VFIO_PCI"}) configuration.set(tree->find(symbol), Tri::kY);
  for (const char* symbol : kSymbols) {
    if (known(symbol)) configuration.set(tree->find(symbol), Tri::kY);
  }
  for (const auto& [symbol, value] : overrides) {
    if (auto why = objection(*tree, symbol, value); !why.empty()) return tl::unexpected(why);
    configuration.set(tree->find(symbol), tri_of(value));
  }
  configuration.evaluate();
  const auto on = [&](const char* symbol) {
    return known(symbol) && configuration.value(tree->find(symbol)) != Tri::kN;
  };
  if (!on("VFIO_PCI")) {
    return tl::unexpected<std::string>("VFIO_PCI is n: without vfio-pci there is nothing to run");
  }
  ResolvedConfig resolved;
  for (const char* symbol : kSymbols) {
    if (known(symbol)) resolved.symbols[symbol] = on(symbol);
  }
  const bool group_noiommu = on("VFIO_NOIOMMU") || on("VFIO_GROUP_NOIOMMU");
  // Before it had a symbol of its own the page table came with VFIO's. Spec: kconfig.md section 3.
  const bool has_table = known("IOMMUFD_NOIOMMU")
                             ? on("IOMMUFD_NOIOMMU")
                             : design.get_pa != design::GetPa::kNone && on("VFIO_NOIOMMU");
  resolved.config = {.vfio_group = on("VFIO_GROUP"),
                     .vfio_container = on("VFIO_CONTAINER"),
                     .vfio_device_cdev = on("VFIO_DEVICE_CDEV"),
                     .vfio_noiommu = group_noiommu || on("VFIO_CDEV_NOIOMMU"),
                     .vfio_group_noiommu = group_noiommu,
                     .iommufd = on("IOMMUFD"),
                     .iommufd_noiommu = has_table && on("IOMMUFD"),
                     .iommufd_vfio_container = on("IOMMUFD_VFIO_CONTAINER")};
  return resolved;
}

}  // namespace noiommu
