#include "model/kconfig/files.h"

#include <fnmatch.h>
#include <glob.h>

#include <fstream>
#include <iterator>
#include <sstream>

namespace noiommu::kconfig {

namespace {

std::string below(const std::string& root, const std::string& path) {
  if (root.empty() || path.starts_with('/')) return path;
  return root + "/" + path;
}

}  // namespace

bool is_pattern(std::string_view path) {
  return path.find_first_of("*?[") != std::string_view::npos;
}

std::optional<std::string> DiskFiles::read(const std::string& path) const {
  std::ifstream in(below(root_, path), std::ios::binary | std::ios::ate);
  if (!in) return std::nullopt;
  const std::streamoff size = in.tellg();
  if (size < 0) return std::nullopt;
  std::string text(static_cast<size_t>(size), '\0');
  in.seekg(0);
  if (!in.read(text.data(), size)) return std::nullopt;
  return text;
}

std::vector<std::string> DiskFiles::glob(const std::string& pattern) const {
  std::vector<std::string> found;
  const std::string whole = below(root_, pattern);
  glob_t matches{};
  if (::glob(whole.c_str(), 0, nullptr, &matches) == 0) {
    const size_t skip = whole.size() - pattern.size();
    for (size_t i = 0; i < matches.gl_pathc; ++i) found.emplace_back(matches.gl_pathv[i] + skip);
  }
  globfree(&matches);
  return found;
}

std::optional<std::string> MemoryFiles::read(const std::string& path) const {
  const auto found = texts_.find(path);
  if (found == texts_.end()) return std::nullopt;
  return found->second;
}

std::vector<std::string> MemoryFiles::glob(const std::string& pattern) const {
  std::vector<std::string> found;
  for (const auto& [path, text] : texts_) {
    if (fnmatch(pattern.c_str(), path.c_str(), FNM_PATHNAME) == 0) found.push_back(path);
  }
  return found;
}

}  // namespace noiommu::kconfig
