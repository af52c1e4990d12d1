#include "scenarios/engine/own_folder.h"

#include <filesystem>

namespace noiommu::scenarios {

namespace fs = std::filesystem;

std::optional<std::string> find_own_folder(std::string_view folder) {
  std::error_code error;
  if (fs::is_directory(folder, error)) return std::string(folder);
  fs::path above = fs::read_symlink("/proc/self/exe", error);
  while (above.has_relative_path()) {
    above = above.parent_path();
    if (fs::is_directory(above / folder, error)) return (above / folder).string();
  }
  return std::nullopt;
}

}  // namespace noiommu::scenarios
