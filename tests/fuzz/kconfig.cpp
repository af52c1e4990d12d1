// libFuzzer target: any text is parsed without a crash, a hang or a leak, and what it parses to is
// evaluated. The text after a line "---" is the .config.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "model/kconfig/configuration.h"
#include "model/kconfig/cycles.h"
#include "model/kconfig/load.h"

namespace {

using namespace noiommu::kconfig;

void evaluate(const Tree& tree, std::string_view given) {
  static_cast<void>(find_cycles(tree));
  Configuration configuration(tree);
  configuration.read(given);
  static_cast<void>(configuration.config());
  configuration.set_all(Configuration::All::kMod);
  static_cast<void>(configuration.config());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  constexpr std::string_view kCut = "\n---\n";
  const size_t cut = input.find(kCut);
  const std::string text(input.substr(0, cut));
  const MemoryFiles files({{"Kconfig", text}, {"other", "config OTHER\n\tdef_bool y\n"}});
  const auto tree = load(files, "Kconfig");
  if (tree) evaluate(*tree, cut == std::string_view::npos ? "" : input.substr(cut + kCut.size()));
  return 0;
}
