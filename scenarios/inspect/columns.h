// Text in aligned columns.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace noiommu::scenarios {

class Columns {
 public:
  // One letter a column, `l` or `r`: where its cells stand.
  explicit Columns(std::string_view alignment) : alignment_(alignment) {}

  // A row may have fewer cells than there are columns; its last one is never padded, and widens no
  // column when cells are missing behind it.
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  // Every line indented by two spaces and without spaces at its end.
  [[nodiscard]] std::string text() const;

 private:
  std::string alignment_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace noiommu::scenarios
