// The files of ours that a recording has names for.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "scenarios/exec/seen_call.h"

namespace noiommu::scenarios::exec {

struct RecordedFile {
  std::weak_ptr<File> file;
  std::string name;
  std::vector<std::pair<std::string, uint64_t>> mappings;  // name and length
};

// Thread-safety: none.
class RecordedFiles {
 public:
  // nullptr for a file that the recording has not seen opened.
  [[nodiscard]] RecordedFile* find(const FileRef& file);
  // `name` is "iommufd", or "iommufd2" where that is taken.
  void add(const FileRef& file, const std::string& name) { files_.push_back({file, name, {}}); }
  // Those that the program has closed by now, the newest first: what was made with the help of
  // another file goes before it.
  [[nodiscard]] std::vector<RecordedFile> take_closed();

 private:
  std::vector<RecordedFile> files_;
};

// What a file of this kind is called.
[[nodiscard]] std::string kind_name(FileKind kind);

}  // namespace noiommu::scenarios::exec
