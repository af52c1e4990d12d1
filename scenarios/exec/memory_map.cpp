#include "scenarios/exec/memory_map.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstddef>
#include <string_view>
#include <utility>

#include "scenarios/exec/owned_fd.h"

namespace noiommu::scenarios::exec {

namespace {

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
