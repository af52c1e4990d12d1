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

constexpr const char* kOnByDefault[] = {
    "IOMMUFD",    "IOMMUFD_VFIO_CONTAINER", "VFIO",    "VFIO_CONTAINER", "VFIO_DEVICE_CDEV",
    "VFIO_GROUP", "VFIO_NOIOMMU",           "VFIO_PCI"};

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

tl::expected<Config, std::string> resolve_config(
    const std::map<std::string, std::string>& overrides) {
  const auto tree = kconfig::load_revision("mainline");
  if (!tree) return tl::unexpected(tree.error().text());
  kconfig::Configuration configuration(*tree);
  for (const char* symbol : kOnByDefault) configuration.set(tree->find(symbol), Tri::kY);
  for (const auto& [symbol, value] : overrides) {
    if (auto why = objection(*tree, symbol, value); !why.empty()) return tl::unexpected(why);
    configuration.set(tree->find(symbol), tri_of(value));
  }
  configuration.evaluate();
  const auto on = [&](const char* symbol) {
    return configuration.value(tree->find(symbol)) != Tri::kN;
  };
  if (!on("VFIO_PCI")) {
    return tl::unexpected<std::string>("VFIO_PCI is n: without vfio-pci there is nothing to run");
  }
  return Config{.vfio_group = on("VFIO_GROUP"),
                .vfio_container = on("VFIO_CONTAINER"),
                .vfio_device_cdev = on("VFIO_DEVICE_CDEV"),
                .vfio_noiommu = on("VFIO_NOIOMMU"),
                .iommufd = on("IOMMUFD"),
                .iommufd_noiommu = on("IOMMUFD_NOIOMMU"),
                .iommufd_vfio_container = on("IOMMUFD_VFIO_CONTAINER")};
}

}  // namespace noiommu
