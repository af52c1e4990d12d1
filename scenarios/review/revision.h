// One revision under review: its Kconfig text, all configurations of it, and what they mean.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "model/design/design.h"
#include "model/kconfig/cycles.h"
#include "model/kconfig/enumeration.h"
#include "model/kconfig/position.h"
#include "model/kernel/config.h"

namespace noiommu::scenarios::review {

class Revision;

// One distinct configuration. Symbols that the revision lacks are n.
//
// The revision must outlive it.
class Configured {
 public:
  Configured(const Revision& revision, const kconfig::Outcome& outcome)
      : revision_(&revision), outcome_(&outcome) {}

  [[nodiscard]] kconfig::Tri value(const char* symbol) const;
  [[nodiscard]] bool on(const char* symbol) const { return value(symbol) != kconfig::Tri::kN; }
  [[nodiscard]] const std::vector<kconfig::SymbolId>& unmet() const { return outcome_->unmet; }

  // What the symbols amount to, under the names of the revision. Spec: kconfig.md section 5.2.
  [[nodiscard]] bool container() const;      // of either kind
  [[nodiscard]] bool noiommu_group() const;  // groups, and the option for them
  [[nodiscard]] bool page_table() const;     // iommufd is built with the one for no-IOMMU devices
  [[nodiscard]] bool noiommu_cdev() const;   // the option for cdevs, and what it needs

  // The review's inputs that are not as in a configuration with nothing on: "IOMMUFD=m VFIO=m".
  [[nodiscard]] std::string text() const;
  // How many those are.
  [[nodiscard]] size_t size() const;
  // What a user sets for it, by symbol.
  [[nodiscard]] std::map<std::string, std::string> overrides() const;

 private:
  const Revision* revision_;
  const kconfig::Outcome* outcome_;
};

// A kernel with VFIO that some configurations make, and that differs from others for programs.
struct KernelBuild {
  Config config;
  Configured smallest;  // all have its noiommu_cdev(), which code need not ask for
  size_t configurations = 0;
};

class Revision {
 public:
  // By the name of a design, or of a Kconfig text that has none. An error for neither.
  static kconfig::Loaded<Revision> load(const std::string& name);
  // A Kconfig text of a user's own, which belongs to no code. `progress` is told now and then how
  // many combinations are accounted for, of how many.
  static Revision of_tree(const std::string& name, kconfig::Tree tree,
                          const std::function<void(uint64_t, uint64_t)>& progress = {});

  [[nodiscard]] const std::string& name() const { return name_; }
  // Nothing for a Kconfig text that belongs to no code.
  [[nodiscard]] const design::Design* design() const { return design_; }
  [[nodiscard]] const kconfig::Tree& tree() const { return *tree_; }
  [[nodiscard]] bool has(const char* symbol) const;
  // The symbols that are varied. Spec: kconfig.md section 5.1.
  [[nodiscard]] const std::vector<kconfig::SymbolId>& inputs() const { return inputs_; }

  [[nodiscard]] const std::vector<std::vector<kconfig::Link>>& cycles() const { return cycles_; }
  // Empty when there is a cycle.
  [[nodiscard]] const std::vector<kconfig::Outcome>& outcomes() const { return outcomes_; }
  // Smallest configurations first. Empty without a design.
  [[nodiscard]] std::vector<KernelBuild> kernels() const;

 private:
  Revision(std::string name, const design::Design* design, kconfig::Tree tree,
           const std::function<void(uint64_t, uint64_t)>& progress);

  std::string name_;
  const design::Design* design_ = nullptr;
  std::unique_ptr<kconfig::Tree> tree_;
  std::vector<kconfig::SymbolId> inputs_;
  std::vector<std::vector<kconfig::Link>> cycles_;
  std::vector<kconfig::Outcome> outcomes_;
};

}  // namespace noiommu::scenarios::review
