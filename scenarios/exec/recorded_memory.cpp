#include "scenarios/exec/recorded_memory.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <span>

#include "model/kernel/types.h"
#include "scenarios/exec/remote_memory.h"

namespace noiommu::scenarios::exec {

namespace {

// Of a larger mapping only what is named is recorded.
constexpr uint64_t kLargest = uint64_t{64} << 20;
constexpr uint64_t kHugePage = uint64_t{2} << 20;

std::string_view backing_of(const Mapping& mapping, bool write) {
  const bool usable = write ? mapping.writable : mapping.readable;
  if (!usable) return mapping.readable ? "ro" : "none";
  if (!mapping.writable) return "ro";
  if (huge_order(mapping) != 0) return "huge";
  return mapping.shared ? "shared" : "anon";
}

// Of memory of two kinds, as much as both allow. A scenario cannot put two kinds side by side.
std::string_view weaker(std::string_view one, std::string_view other) {
  if (one == other) return one;
  for (const std::string_view weak : {"none", "ro"}) {
    if (one == weak || other == weak) return weak;
  }
  return "anon";
}

// What of the mappings covers [start, end) without a gap; else nothing.
std::span<const Mapping> covering(const std::vector<Mapping>& maps, uint64_t start, uint64_t end) {
  const auto first = std::ranges::upper_bound(maps, start, {}, &Mapping::end);
  auto last = first;
  uint64_t reached = start;
  while (last != maps.end() && last->start <= reached && reached < end) reached = (last++)->end;
  return reached < end ? std::span<const Mapping>() : std::span(first, last);
}

struct stat about(pid_t process, int fd) {
  struct stat found {};
  static_cast<void>(
      stat(fmt::format("/proc/{}/fd/{}", living_thread(process), fd).c_str(), &found));
  return found;
}

}  // namespace

void RecordedMemory::map_region(int fd, uint64_t offset, uint64_t length, const std::string& name) {
  const struct stat file = about(process_, fd);
  device_ = file.st_dev;
  regions_[file.st_ino].add(offset, std::max<uint64_t>(length, 1), name);
}

std::string RecordedMemory::region(const Mapping& mapping, uint64_t address) const {
  const auto known = regions_.find(mapping.inode);
  const auto text = known == regions_.end()
                        ? std::nullopt
                        : known->second.text(mapping.offset + (address - mapping.start));
  return text.value_or(fmt::format("{:#x}", address));
}

RecordedMemory::Span RecordedMemory::piece(const Mappings& maps, Span range, bool write,
                                           std::string_view backing) const {
  const auto parts = covering(maps, range.start, range.end);
  if (backing == "huge") {
    return {range.start & ~(kHugePage - 1), (range.end + kHugePage - 1) & ~(kHugePage - 1)};
  }
  const auto alike = [&](const Mapping& mapping) {
    return mapping.device != device_ && backing_of(mapping, write) == backing;
  };
  if (!std::ranges::all_of(parts, alike)) return range;
  // All of the same kind that lies around it, so that the offsets between calls stay.
  const Mapping* first = parts.data();
  const Mapping* last = &parts.back();
  while (first != maps.data() && (first - 1)->end == first->start && alike(*(first - 1))) --first;
  while (last != &maps.back() && (last + 1)->start == last->end && alike(*(last + 1))) ++last;
  return last->end - first->start > kLargest ? range : Span{first->start, last->end};
}

std::string RecordedMemory::address(const Use& use, Steps& steps) {
  const auto [address, length, write, refused] = use;
  const Span range = {address & kPageMask, (address + length + kPageSize - 1) & kPageMask};
  std::string number = fmt::format("{:#x}", address);
  if (address == 0 || range.end <= range.start) return number;
  const Mappings maps = mappings_of(living_thread(process_));
  const auto parts = covering(maps, range.start, range.end);
  if (parts.empty()) return number;
  if (device_ != 0 && parts.front().device == device_) return region(parts.front(), address);
  std::string_view backing = backing_of(parts.front(), write);
  for (const Mapping& part : parts) backing = weaker(backing, backing_of(part, write));
  // A mapping of a file may not do although it could be written to.
  if (refused && !(write && backing == "ro")) backing = "none";
  const auto known = pieces_.find(backing);
  if (known != pieces_.end() && known->second.contains(range.start, range.end - 1)) {
    return *known->second.text(address);
  }
  const auto [start, end] = piece(maps, range, write, backing);
  const std::string name = new_name();
  steps.push_back(fmt::format("- mmap: {{length: {:#x}, backing: {}}}\n  as: {}\n", end - start,
                              backing, name));
  NamedRanges& pieces = pieces_[std::string(backing)];
  pieces.add(start, end - start, name);
  return *pieces.text(address);
}

std::optional<std::string> RecordedMemory::memfd(int fd, Steps& steps) {
  const struct stat file = about(process_, fd);
  if (file.st_size == 0) return std::nullopt;
  Memfd& known = memfds_[file.st_ino];
  if (known.size != file.st_size) {
    known = {file.st_size, new_name()};
    steps.push_back(fmt::format("- mmap: {{length: {:#x}, backing: memfd}}\n  as: {}\n", known.size,
                                known.name));
  }
  return fmt::format("${}.fd", known.name);
}

void RecordedMemory::follow(Steps& steps) {
  const Mappings maps = mappings_of(living_thread(process_));
  for (auto& [backing, pieces] : pieces_) {
    const bool writable = backing != "ro" && backing != "none";
    for (auto [start, last] : pieces.all()) {
      uint64_t at = start;
      const auto give_up = [&, &kind = pieces](uint64_t end) {
        if (at >= end) return;
        steps.push_back(
            fmt::format("- munmap: {{at: {}, length: {:#x}}}\n", *kind.text(at), end - at));
        kind.remove(at, end - 1);
      };
      for (const Mapping& mapping : maps) {
        if (mapping.end <= at || (writable && !mapping.writable)) continue;
        if (mapping.start > last) break;
        give_up(mapping.start);
        at = mapping.end;
      }
      give_up(last + 1);
    }
  }
}

bool RecordedMemory::writable(uint64_t address, uint64_t length) const {
  const Mappings maps = mappings_of(living_thread(process_));
  const auto parts = covering(maps, address, address + length);
  return !parts.empty() && std::ranges::all_of(parts, &Mapping::writable);
}

}  // namespace noiommu::scenarios::exec
