// Where the text of Kconfig files comes from: a folder on disk, or memory.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace noiommu::kconfig {

class Files {
 public:
  Files() = default;
  Files(const Files&) = delete;
  Files& operator=(const Files&) = delete;
  virtual ~Files() = default;

  // The text of a file; nothing when it cannot be read. Paths are relative to the tree's root.
  [[nodiscard]] virtual std::optional<std::string> read(const std::string& path) const = 0;
  // The files that a pattern with `*`, `?` and `[..]` names, in order; each can be read.
  [[nodiscard]] virtual std::vector<std::string> glob(const std::string& pattern) const = 0;
};

// Files below a folder. An absolute path is taken as it is.
class DiskFiles : public Files {
 public:
  explicit DiskFiles(std::string root) : root_(std::move(root)) {}
  [[nodiscard]] std::optional<std::string> read(const std::string& path) const override;
  [[nodiscard]] std::vector<std::string> glob(const std::string& pattern) const override;

 private:
  std::string root_;
};

class MemoryFiles : public Files {
 public:
  explicit MemoryFiles(std::map<std::string, std::string> texts) : texts_(std::move(texts)) {}
  [[nodiscard]] std::optional<std::string> read(const std::string& path) const override;
  [[nodiscard]] std::vector<std::string> glob(const std::string& pattern) const override;

 private:
  std::map<std::string, std::string> texts_;
};

[[nodiscard]] bool is_pattern(std::string_view path);

}  // namespace noiommu::kconfig
