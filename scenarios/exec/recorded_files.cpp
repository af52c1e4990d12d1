#include "scenarios/exec/recorded_files.h"

#include <algorithm>

namespace noiommu::scenarios::exec {

RecordedFile* RecordedFiles::find(const FileRef& file) {
  if (!file) return nullptr;
  const auto found = std::ranges::find_if(
      files_, [&](const RecordedFile& known) { return known.file.lock() == file; });
  return found == files_.end() ? nullptr : &*found;
}

std::vector<RecordedFile> RecordedFiles::take_closed() {
  const auto is_open = [](const RecordedFile& known) { return !known.file.expired(); };
  const auto closed = std::stable_partition(files_.begin(), files_.end(), is_open);
  std::vector<RecordedFile> taken(std::make_move_iterator(closed),
                                  std::make_move_iterator(files_.end()));
  files_.erase(closed, files_.end());
  std::ranges::reverse(taken);
  return taken;
}

std::string kind_name(FileKind kind) {
  switch (kind) {
    case FileKind::kIommufd:
      return "iommufd";
    case FileKind::kContainer:
      return "container";
    case FileKind::kGroup:
      return "group";
    case FileKind::kDevice:
      return "device";
    case FileKind::kFault:
      return "fault";
    case FileKind::kDmaBuf:
      return "dmabuf";
    case FileKind::kAttribute:
      return "file";
  }
  return "file";
}

}  // namespace noiommu::scenarios::exec
