#include "scenarios/exec/recorded_addresses.h"

#include <fmt/format.h>

#include <algorithm>

#include "model/kernel/types.h"

namespace noiommu::scenarios::exec {

std::optional<std::string> RecordedAddresses::chosen(const Ioas& ioas, uint64_t iova,
                                                     uint64_t length) {
  // The choice looks at how the memory is aligned; one page always is.
  differ_ = differ_ || length > kPageSize;
  if (!differ_) return std::nullopt;
  const std::string name = fmt::format("iova{}", ++chosen_);
  iovas_[ioas].add(iova, length, name);
  return name;
}

// The first byte after a range belongs to it as well: programs map one after the other.
std::string RecordedAddresses::iova(const Ioas& ioas, uint64_t iova) const {
  const auto known = iovas_.find(ioas);
  if (known != iovas_.end()) {
    if (auto text = known->second.text(iova)) return *text;
    if (const auto end = known->second.end_text(iova)) return *end;
  }
  return fmt::format("{:#x}", iova);
}

void RecordedAddresses::unmapped(const Ioas& ioas, uint64_t iova, uint64_t length) {
  const auto known = iovas_.find(ioas);
  if (known == iovas_.end() || length == 0) return;
  known->second.remove(iova, iova + std::min(length - 1, UINT64_MAX - iova));
}

void RecordedAddresses::closed(const std::string& iommufd) {
  std::erase_if(iovas_, [&](const auto& one) { return one.first.iommufd == iommufd; });
}

std::string RecordedAddresses::told(uint64_t physical, uint64_t length) {
  std::string& name = told_[physical];
  if (name.empty()) name = fmt::format("pa{}", told_.size());
  physical_.add(physical, std::max<uint64_t>(length, 1), name);
  return name;
}

}  // namespace noiommu::scenarios::exec
