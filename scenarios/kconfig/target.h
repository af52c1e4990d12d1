// Which Kconfig tree a command works on, and with which user values.
#pragma once

#include <string>
#include <vector>

#include "model/kconfig/configuration.h"
#include "model/kconfig/position.h"
#include "model/kconfig/tree.h"

namespace noiommu::scenarios {

struct KconfigTarget {
  std::string revision = "mainline";
  std::string tree;  // a folder with a Linux tree; when not empty, instead of a revision
  std::string arch = "x86";
  bool allow_shell = false;
};

struct KconfigValues {
  std::string config_file;               // a .config, or nothing
  std::vector<std::string> assignments;  // SYMBOL=VALUE, over it
};

[[nodiscard]] kconfig::Loaded<kconfig::Tree> load_target(const KconfigTarget& target);

// A tree, and the text of a .config to evaluate it with.
struct KconfigSubject {
  kconfig::Tree tree;
  std::string values;
};

// An error also for a file that cannot be read, or a word that is no assignment to a symbol of the
// tree.
[[nodiscard]] kconfig::Loaded<KconfigSubject> load_subject(const KconfigTarget& target,
                                                           const KconfigValues& values);

}  // namespace noiommu::scenarios
