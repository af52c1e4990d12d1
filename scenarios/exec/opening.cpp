#include "scenarios/exec/opening.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>

#include <array>
#include <filesystem>
#include <string_view>
#include <utility>

#include "scenarios/exec/client.h"
#include "scenarios/exec/owned_fd.h"
#include "scenarios/exec/remote_memory.h"

namespace noiommu::scenarios::exec {

namespace {

// The folder of a path that does not start at the root, from where we stand.
std::string folder_for_us(const Trap& trap, int folder) {
  if (folder == AT_FDCWD) return fmt::format("/proc/{}/cwd", trap.thread);
  return fmt::format("/proc/{}/fd/{}", trap.thread, folder);
}

// The path from where we stand: what means the caller there means the program's thread here.
std::string path_for_us(const Trap& trap, const Opening& opening) {
  const std::array<std::pair<std::string_view, std::string>, 3> own = {
      {{"/proc/self/", fmt::format("/proc/{}/", trap.thread)},
       {"/proc/thread-self/", fmt::format("/proc/{}/task/{}/", trap.thread, trap.thread)},
       {"/dev/fd/", fmt::format("/proc/{}/fd/", trap.thread)}}};
  for (const auto& [prefix, ours] : own) {
    if (opening.path.starts_with(prefix)) return ours + opening.path.substr(prefix.size());
  }
  if (opening.path.starts_with('/')) return opening.path;
  return folder_for_us(trap, opening.folder) + "/" + opening.path;
}

// Whether absolute paths start somewhere else for the thread than for us.
bool has_another_root(pid_t thread) {
  struct stat ours {};
  struct stat its {};
  for (const char* what : {"root", "ns/mnt"}) {
    const std::string path = fmt::format("/proc/{}/{}", thread, what);
    if (stat(fmt::format("/proc/self/{}", what).c_str(), &ours) != 0 ||
        stat(path.c_str(), &its) != 0 || ours.st_ino != its.st_ino || ours.st_dev != its.st_dev) {
      return true;
    }
  }
  return false;
}

std::optional<struct stat> look(const std::string& path, bool follow) {
  struct stat about {};
  const int done = follow ? stat(path.c_str(), &about) : lstat(path.c_str(), &about);
  return done == 0 ? std::optional(about) : std::nullopt;
}

// As openat2 goes where it is told not to leave a folder, to follow no link, and so on.
std::optional<struct stat> look_within(const Trap& trap, const Opening& opening) {
  const OwnedFd folder(open(folder_for_us(trap, opening.folder).c_str(), O_PATH | O_CLOEXEC));
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC | (opening.flags & O_NOFOLLOW);
  how.resolve = opening.resolve;
  const OwnedFd found(static_cast<int>(
      syscall(SYS_openat2, folder.get(), opening.path.c_str(), &how, sizeof(how))));
  struct stat about {};
  if (!found || fstat(found.get(), &about) != 0) return std::nullopt;
  return about;
}

}  // namespace

std::optional<Opening> opening_of(const Trap& trap) {
  const auto& arguments = trap.arguments;
  Opening opening{.folder = AT_FDCWD, .path = {}, .flags = arguments[1], .resolve = 0};
  UserPtr path{arguments[0]};
  switch (trap.call) {
#ifdef SYS_open
    case SYS_open:
      break;
    case SYS_creat:
      opening.flags = O_CREAT | O_WRONLY | O_TRUNC;
      break;
#endif
    default:
      opening.folder = static_cast<int>(arguments[0]);
      path = {arguments[1]};
      opening.flags = arguments[2];
  }
  if (trap.call == SYS_openat2) {
    open_how how{};
    const auto bytes = std::as_writable_bytes(std::span(&how, 1));
    if (arguments[3] < sizeof(how) || !read_remote(trap.thread, {arguments[2]}, bytes)) {
      return std::nullopt;
    }
    opening.flags = how.flags;
    opening.resolve = how.resolve;
  }
  auto text = read_remote_text(trap.thread, path);
  if (!text || text->empty()) return std::nullopt;
  opening.path = std::move(*text);
  return opening;
}

std::optional<struct stat> target_of(const Trap& trap, const Opening& opening) {
  if (opening.resolve != 0) return look_within(trap, opening);
  const std::string path = path_for_us(trap, opening);
  const bool follow = (opening.flags & O_NOFOLLOW) == 0;
  auto about = look(path, follow);
  if (about && path == opening.path && has_another_root(trap.thread)) {
    return look(fmt::format("/proc/{}/root{}", trap.thread, path), follow);
  }
  return about;
}

bool would_be_new_in_sysfs(const Trap& trap, const Opening& opening) {
  if ((opening.flags & O_CREAT) == 0) return false;
  const auto folder = std::filesystem::path(path_for_us(trap, opening)).parent_path();
  struct statvfs about {};
  return statvfs(folder.c_str(), &about) == 0 && (about.f_flag & ST_RDONLY) != 0;
}

bool is_own_pagemap(const Trap& trap, const Opening& opening) {
  const std::string& path = opening.path;
  if (!path.starts_with("/proc/") || !path.ends_with("/pagemap")) return false;
  return path == "/proc/self/pagemap" || path == "/proc/thread-self/pagemap" ||
         path == fmt::format("/proc/{}/pagemap", process_of(trap.thread));
}

}  // namespace noiommu::scenarios::exec
