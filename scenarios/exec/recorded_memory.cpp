#include "scenarios/exec/recorded_memory.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "model/kernel/types.h"

namespace noiommu::scenarios::exec {

namespace {

// Of a larger mapping only what is named is recorded.
constexpr uint64_t kLargest = uint64_t{64} << 20;
constexpr uint64_t kHugePage = uint64_t{2} << 20;

std::string backing_of(const std::string& rights, const std::string& path) {
  if (rights[0] != 'r' && rights[1] != 'w') return "none";
  if (rights[1] != 'w') return "ro";
  if (path.starts_with("/anon_hugepage") || path.find("huge") != std::string::npos) return "huge";
  return rights[3] == 's' ? "shared" : "anon";
}

std::string at_offset(const std::string& name, uint64_t offset) {
  return offset == 0 ? fmt::format("${}", name) : fmt::format("${}+{:#x}", name, offset);
}

}  // namespace

std::optional<RecordedMemory::Piece> RecordedMemory::find(uint64_t start, uint64_t end) const {
  std::ifstream maps(fmt::format("/proc/{}/maps", process_));
  std::optional<Piece> found;
  for (std::string line; std::getline(maps, line);) {
    std::istringstream in(line);
    char dash = 0;
    std::string rights;
    std::string skipped;
    std::string path;
    uint64_t first = 0;
    uint64_t last = 0;
    in >> std::hex >> first >> dash >> last >> rights >> skipped >> skipped >> skipped >> path;
    if (rights.size() < 4) continue;
    const std::string backing = backing_of(rights, path);
    if (found && first == found->end && backing == found->backing) {
      found->end = last;
    } else if (found && found->end >= end) {
      break;
    } else if (first <= start && start < last) {
      found = {.start = first, .end = last, .backing = backing, .name = {}};
    }
  }
  if (!found || found->end < end) return std::nullopt;
  return found;
}

std::string RecordedMemory::address(uint64_t address, uint64_t length,
                                    std::vector<std::string>& steps) {
  const uint64_t start = address & kPageMask;
  const uint64_t end = (address + length + kPageSize - 1) & kPageMask;
  if (address == 0 || end <= start) return fmt::format("{:#x}", address);
  std::optional<Piece> there = find(start, end);
  if (!there) return fmt::format("{:#x}", address);
  for (const Piece& known : pieces_) {
    if (known.start <= start && end <= known.end && known.backing == there->backing) {
      return at_offset(known.name, address - known.start);
    }
  }
  if (there->backing == "huge") {
    there->start = start & ~(kHugePage - 1);
    there->end = (end + kHugePage - 1) & ~(kHugePage - 1);
  } else if (there->end - there->start > kLargest) {
    there->start = start;
    there->end = end;
  }
  there->name = new_name();
  steps.push_back(fmt::format("- mmap: {{length: {:#x}, backing: {}}}\n  as: {}\n",
                              there->end - there->start, there->backing, there->name));
  pieces_.push_back(*there);
  return at_offset(there->name, address - there->start);
}

std::string RecordedMemory::memfd(int fd, std::vector<std::string>& steps) {
  struct stat about {};
  static_cast<void>(stat(fmt::format("/proc/{}/fd/{}", process_, fd).c_str(), &about));
  const auto known = std::ranges::find(memfds_, about.st_ino, &Memfd::inode);
  if (known != memfds_.end()) return fmt::format("${}.fd", known->name);
  const std::string name = new_name();
  const auto size = std::max<uint64_t>(static_cast<uint64_t>(about.st_size), kPageSize);
  steps.push_back(fmt::format("- mmap: {{length: {:#x}, backing: memfd}}\n  as: {}\n", size, name));
  memfds_.push_back({about.st_ino, name});
  return fmt::format("${}.fd", name);
}

}  // namespace noiommu::scenarios::exec
