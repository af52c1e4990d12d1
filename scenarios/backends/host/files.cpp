#include "scenarios/backends/host/files.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace noiommu::scenarios::host {

namespace fs = std::filesystem;

bool Files::exists(const std::string& path) const {
  std::error_code error;
  return fs::exists(real(path), error);
}

std::optional<std::string> Files::read(const std::string& path) const {
  std::ifstream in(real(path));
  std::ostringstream text;
  if (!in || !(text << in.rdbuf())) {
    // An empty file is no error, but streams think so.
    return in.is_open() && !in.bad() ? std::optional<std::string>("") : std::nullopt;
  }
  std::string all = text.str();
  all.erase(all.find_last_not_of(" \t\r\n") + 1);
  return all;
}

std::vector<std::string> Files::list(const std::string& path) const {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(real(path), error)) {
    names.push_back(entry.path().filename().string());
  }
  std::ranges::sort(names);
  return names;
}

std::optional<std::string> Files::link_name(const std::string& path) const {
  std::error_code error;
  const fs::path target = fs::read_symlink(real(path), error);
  if (error) return std::nullopt;
  return target.filename().string();
}

bool Files::write(const std::string& path, const std::string& text) const {
  const int fd = ::open(real(path).c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC);
  if (fd < 0) return false;
  const bool taken = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  ::close(fd);
  return taken;
}

}  // namespace noiommu::scenarios::host
