// Small text files, links and folders of this machine, below a root that tests can choose.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace noiommu::scenarios::host {

class Files {
 public:
  // Every path below is taken relative to `root`; empty: the machine itself.
  explicit Files(std::string root = {}) : root_(std::move(root)) {}

  // Where `path` really lies.
  [[nodiscard]] std::string real(const std::string& path) const { return root_ + path; }
  [[nodiscard]] bool exists(const std::string& path) const;
  // Without the white space at its end. Nothing when it cannot be read.
  [[nodiscard]] std::optional<std::string> read(const std::string& path) const;
  // Sorted; empty when there is no such folder.
  [[nodiscard]] std::vector<std::string> list(const std::string& path) const;
  // The last part of a link's target. Nothing when it is no link.
  [[nodiscard]] std::optional<std::string> link_name(const std::string& path) const;
  // Whether one write(2) took the text whole. The file must be there.
  [[nodiscard]] bool write(const std::string& path, const std::string& text) const;

 private:
  std::string root_;
};

}  // namespace noiommu::scenarios::host
