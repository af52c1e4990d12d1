#include "scenarios/exec/sandbox.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <linux/mount.h>
#include <sched.h>
#include <sys/capability.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "scenarios/exec/setup_error.h"

namespace noiommu::scenarios::exec {

namespace {

[[noreturn]] void refuse(int error, const std::string& what, const std::string& hint = {}) {
  throw SetupError(
      fmt::format("{}: {}{}{}", what, std::strerror(error), hint.empty() ? "" : "\n  ", hint));
}

std::string first_line(const char* path) {
  std::string line;
  std::getline(std::ifstream(path).seekg(0), line);
  return line;
}

// Whether somebody has put a filter over our own system calls, as containers have it.
bool filtered() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("Seccomp:")) return line.find('2') != std::string::npos;
  }
  return false;
}

constexpr const char* kInDocker =
    "a seccomp filter refuses it, as Docker's default profile does: run the container with\n"
    "  --security-opt seccomp=unconfined --security-opt apparmor=unconfined, or with\n"
    "  --cap-add SYS_ADMIN --cap-add SYS_PTRACE --security-opt apparmor=unconfined";

// Why unshare(CLONE_NEWUSER) was refused, as far as the machine tells.
std::string why_no_user_namespace(int error) {
  if (first_line("/proc/sys/kernel/unprivileged_userns_clone") == "0") {
    return "the sysctl kernel.unprivileged_userns_clone is 0";
  }
  if (error == ENOSPC || error == EUSERS) {
    return "no more namespaces are allowed: see the sysctls user.max_user_namespaces and "
           "user.max_mnt_namespaces";
  }
  if (error == EINVAL || error == ENOSYS) return "the kernel lacks CONFIG_USER_NS";
  if (filtered()) return kInDocker;
  return "a process in a chroot, or whose user id is not mapped, makes no user namespace";
}

std::string why_no_mounts(int error) {
  if (error == EINVAL) {
    return "/ is not a mount: in a chroot, run \"mount --bind DIR DIR\" before \"chroot DIR\"";
  }
  if (error == EACCES) {
    return "AppArmor may refuse it: in Docker, --security-opt apparmor=unconfined allows it; on\n"
           "  Ubuntu see the sysctl kernel.apparmor_restrict_unprivileged_userns";
  }
  return filtered() ? kInDocker : "";
}

// 0 or the errno.
int write_file(const std::string& path, const std::string& text) {
  const OwnedFd file(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  return file && write(file.get(), text.data(), text.size()) >= 0 ? 0 : errno;
}

void write_map(const char* path, const std::string& text) {
  const int error = write_file(path, text);
  if (error == 0) return;
  std::string hint;
  if (error == ENOENT) hint = "/proc is not mounted";
  if (error == EPERM && geteuid() == 0) {
    hint = "root without CAP_SETFCAP cannot map itself; other users can";
  }
  refuse(error, fmt::format("cannot write {}", path), hint);
}

// Ids that a namespace has: lines of the first one in it, the first one outside, and how many.
struct Range {
  uint32_t first = 0;
  uint32_t count = 0;
};

std::vector<Range> ids_in(const char* path) {
  std::vector<Range> all;
  std::ifstream map(path);
  Range range;
  for (uint32_t outside = 0; map >> range.first >> outside >> range.count;) all.push_back(range);
  return all;
}

bool has(const std::vector<Range>& ranges, uint32_t id) {
  return std::ranges::any_of(
      ranges, [id](const Range& one) { return id >= one.first && id - one.first < one.count; });
}

std::string as_they_are(const std::vector<Range>& ranges) {
  std::string map;
  for (const Range& one : ranges) map += fmt::format("{0} {0} {1}\n", one.first, one.count);
  return map;
}

bool capable(int capability) {
  const std::unique_ptr<std::remove_pointer_t<cap_t>, decltype(&cap_free)> all(cap_get_proc(),
                                                                               cap_free);
  cap_flag_value_t value = CAP_CLEAR;
  return all && cap_get_flag(all.get(), capability, CAP_EFFECTIVE, &value) == 0 && value == CAP_SET;
}

// A process that stays outside, and gives the namespaces that we are about to enter all the ids
// that there are.
class Mapper {
 public:
  Mapper(const std::vector<Range>& uids, const std::vector<Range>& gids) {
    if (pipe2(ends_.data(), O_CLOEXEC) != 0) refuse(errno, "cannot make a pipe");
    const std::string ours = fmt::format("/proc/{}", getpid());
    child_ = fork();
    if (child_ < 0) refuse(errno, "cannot fork");
    if (child_ != 0) return;
    char go = 0;
    close(ends_[1]);
    if (read(ends_[0], &go, 1) != 1) _exit(0);
    const int error = write_file(ours + "/uid_map", as_they_are(uids));
    _exit(error != 0 ? error : write_file(ours + "/gid_map", as_they_are(gids)));
  }
  ~Mapper() {
    for (const int end : ends_) close(end);
    if (child_ > 0) waitpid(child_, nullptr, 0);
  }
  Mapper(const Mapper&) = delete;
  Mapper& operator=(const Mapper&) = delete;

  // 0 or the errno.
  int map() {
    int status = 0;
    if (write(ends_[1], "x", 1) != 1 || waitpid(std::exchange(child_, -1), &status, 0) < 0) {
      return errno;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
  }

 private:
  std::array<int, 2> ends_ = {-1, -1};
  pid_t child_ = -1;
};

// What looks into the program works on oneself, unless a filter refuses it.
void check_filters() {
  char byte = 0;
  char seen = 0;
  const iovec from{&byte, 1};
  const iovec to{&seen, 1};
  if (process_vm_readv(getpid(), &to, 1, &from, 1, 0) != 1) {
    refuse(errno, "cannot use process_vm_readv(2)", kInDocker);
  }
  const OwnedFd self(static_cast<int>(syscall(SYS_pidfd_open, getpid(), 0)));
  const OwnedFd taken(static_cast<int>(syscall(SYS_pidfd_getfd, self.get(), self.get(), 0)));
  if (!taken) refuse(errno, "cannot use pidfd_getfd(2)", kInDocker);
}

}  // namespace

void enter_namespaces(uint32_t uid) {
  const uid_t user = geteuid();
  const gid_t group = getegid();
  check_filters();
  // Root can be any user there, too.
  const std::vector<Range> uids = ids_in("/proc/self/uid_map");
  const std::vector<Range> gids = ids_in("/proc/self/gid_map");
  std::optional<Mapper> mapper;
  if (user == 0 && has(uids, uid) && has(gids, uid) && capable(CAP_SETUID) && capable(CAP_SETGID) &&
      capable(CAP_SETFCAP)) {
    mapper.emplace(uids, gids);
  }
  const bool made = unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0;
  const int refused = errno;
  if (made && mapper) {
    if (const int error = mapper->map()) refuse(error, "cannot map user and group ids");
  } else if (made) {
    write_map("/proc/self/setgroups", "deny");
    write_map("/proc/self/uid_map", fmt::format("{} {} 1", uid, user));
    write_map("/proc/self/gid_map", fmt::format("{} {} 1", uid == 0 ? 0 : group, group));
  } else if (refused == ENOSYS || user != uid || unshare(CLONE_NEWNS) != 0) {
    refuse(refused, "cannot make a user namespace", why_no_user_namespace(refused));
  }
  if (mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0) {
    const int error = errno;
    refuse(error, "cannot keep mounts private", why_no_mounts(error));
  }
}

OwnedFd new_filesystem() {
  const OwnedFd making(static_cast<int>(syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC)));
  const auto give_up = [](int error) {
    refuse(error, "cannot make a file system in memory", why_no_mounts(error));
  };
  if (!making) give_up(errno);
  syscall(SYS_fsconfig, making.get(), FSCONFIG_SET_STRING, "mode", "0755", 0);
  if (syscall(SYS_fsconfig, making.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) {
    give_up(errno);
  }
  OwnedFd made(static_cast<int>(syscall(SYS_fsmount, making.get(), FSMOUNT_CLOEXEC, 0)));
  if (!made) give_up(errno);
  return made;
}

void attach(int filesystem, const std::string& onto) {
  if (syscall(SYS_move_mount, filesystem, "", AT_FDCWD, onto.c_str(), MOVE_MOUNT_F_EMPTY_PATH) !=
      0) {
    const int error = errno;
    refuse(error, fmt::format("cannot mount over {}", onto), why_no_mounts(error));
  }
}

void make_read_only(const std::string& mounted) {
  if (mount(nullptr, mounted.c_str(), nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr) != 0) {
    const int error = errno;
    refuse(error, fmt::format("cannot make {} read-only", mounted), why_no_mounts(error));
  }
}

void mount_over(int from, const std::string& name, const std::string& onto) {
  const std::string source =
      fmt::format("/proc/self/fd/{}{}{}", from, name.empty() ? "" : "/", name);
  if (mount(source.c_str(), onto.c_str(), nullptr, MS_BIND | MS_REC, nullptr) != 0) {
    const int error = errno;
    refuse(error, fmt::format("cannot mount over {}", onto), why_no_mounts(error));
  }
}

bool become(uint32_t uid) {
  if (geteuid() == uid) return true;
  return setgroups(0, nullptr) == 0 && setresgid(uid, uid, uid) == 0 &&
         setresuid(uid, uid, uid) == 0;
}

bool drop_capabilities(const std::vector<int>& capabilities) {
  for (const int capability : capabilities) {
    if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) return false;
  }
  return true;
}

}  // namespace noiommu::scenarios::exec
