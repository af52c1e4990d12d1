#include "scenarios/exec/memory_map.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>

#include "scenarios/exec/owned_fd.h"

namespace noiommu::scenarios::exec {

namespace {

// Linux 6.11, linux/fs.h.
struct procmap_query {
  uint64_t size;
  uint64_t query_flags;
  uint64_t query_addr;
  uint64_t vma_start;
  uint64_t vma_end;
  uint64_t vma_flags;
  uint64_t vma_page_size;
  uint64_t vma_offset;
  uint64_t inode;
  uint32_t dev_major;
  uint32_t dev_minor;
  uint32_t vma_name_size;  // of the buffer, then with the final zero
  uint32_t build_id_size;
  uint64_t vma_name_addr;
  uint64_t build_id_addr;
};
constexpr unsigned long kProcmapQuery = _IOWR('f', 17, procmap_query);
constexpr uint64_t kReadable = 0x1;
constexpr uint64_t kWritable = 0x2;
constexpr uint64_t kShared = 0x8;
constexpr uint64_t kCoveringOrNext = 0x10;

// Without the text of all that a process has mapped. Nothing where the kernel cannot.
std::optional<std::vector<Mapping>> ask_for(pid_t process, uint64_t start, uint64_t end) {
  const OwnedFd maps(open(fmt::format("/proc/{}/maps", process).c_str(), O_RDONLY | O_CLOEXEC));
  std::vector<Mapping> found;
  std::array<char, PATH_MAX> name{};
  for (uint64_t at = start; found.empty() || found.back().start < end; at = found.back().end) {
    procmap_query query{};
    query.size = sizeof(query);
    query.query_flags = kCoveringOrNext;
    query.query_addr = at;
    query.vma_name_size = name.size();
    query.vma_name_addr = reinterpret_cast<uint64_t>(name.data());
    if (ioctl(maps.get(), kProcmapQuery, &query) != 0) {
      if (errno != ENOENT) return std::nullopt;
      break;
    }
    found.push_back({.start = query.vma_start,
                     .end = query.vma_end,
                     .readable = (query.vma_flags & kReadable) != 0,
                     .writable = (query.vma_flags & kWritable) != 0,
                     .shared = (query.vma_flags & kShared) != 0,
                     .offset = query.vma_offset,
                     .device = makedev(query.dev_major, query.dev_minor),
                     .inode = query.inode,
                     .path = query.vma_name_size == 0 ? "" : name.data()});
  }
  return found;
}

// What /proc says at one moment.
std::string read_whole(const std::string& path) {
  const OwnedFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  constexpr size_t kStep = 1 << 16;
  std::string text;
  ssize_t got = 0;
  do {
    const size_t had = text.size();
    text.resize(had + kStep);
    got = ::read(file.get(), text.data() + had, kStep);
    text.resize(had + (got > 0 ? static_cast<size_t>(got) : 0));
  } while (got > 0);
  return text;
}

}  // namespace

std::vector<Mapping> mappings_of(pid_t process) {
  return mappings_of(process, 0, UINT64_MAX);
}

std::vector<Mapping> mappings_of(pid_t process, uint64_t start, uint64_t end) {
  const bool all = start == 0 && end == UINT64_MAX;
  if (auto asked = all ? std::nullopt : ask_for(process, start, end)) return *std::move(asked);
  const std::string text = read_whole(fmt::format("/proc/{}/maps", process));
  std::vector<Mapping> found;
  const char* at = text.data();
  const char* const text_end = at + text.size();
  // A number and the character behind it.
  const auto number = [&](auto& value, int base = 16) {
    at = std::from_chars(at, text_end, value, base).ptr;
    if (at != text_end) ++at;
  };
  // "55d0c8a00000-55d0c8a21000 rw-p 00001000 fe:00 1234    /path"
  constexpr std::ptrdiff_t kRights = 5;
  while (at != text_end && (found.empty() || found.back().start < end)) {
    const char* const line_end = std::find(at, text_end, '\n');
    const char* const next = line_end == text_end ? text_end : line_end + 1;
    Mapping mapping;
    unsigned major = 0;
    unsigned minor = 0;
    number(mapping.start);
    number(mapping.end);
    if (mapping.end <= start || line_end - at < kRights) {
      at = next;
      continue;
    }
    mapping.readable = at[0] == 'r';
    mapping.writable = at[1] == 'w';
    mapping.shared = at[3] == 's';
    at += kRights;
    number(mapping.offset);
    number(major);
    number(minor);
    at = std::from_chars(at, text_end, mapping.inode).ptr;
    mapping.device = makedev(major, minor);
    const char* path = std::find_if(at, line_end, [](char c) { return c != ' '; });
    mapping.path = std::string_view(path, static_cast<size_t>(line_end - path));
    found.push_back(std::move(mapping));
    at = next;
  }
  return found;
}

unsigned huge_order(const Mapping& mapping) {
  constexpr long kAnonymousHugePage = 2 << 20;
  struct statfs about {};
  long size = 0;
  if (mapping.path.starts_with("/anon_hugepage")) {
    size = kAnonymousHugePage;
  } else if (mapping.path.starts_with('/') && statfs(mapping.path.c_str(), &about) == 0 &&
             about.f_type == HUGETLBFS_MAGIC) {
    size = about.f_bsize;
  }
  return size == 0 ? 0 : static_cast<unsigned>(std::countr_zero(static_cast<uint64_t>(size))) - 12;
}

}  // namespace noiommu::scenarios::exec
