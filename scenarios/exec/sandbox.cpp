#include "scenarios/exec/sandbox.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/mount.h>
#include <sched.h>
#include <sys/capability.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

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

void write_map(const char* path, const std::string& text) {
  const int file = open(path, O_WRONLY | O_CLOEXEC);
  const int missing = errno;
  const ssize_t written = file < 0 ? -1 : write(file, text.data(), text.size());
  const int error = file < 0 ? missing : errno;
  if (file >= 0) close(file);
  if (written >= 0) return;
  std::string hint;
  if (error == ENOENT) hint = "/proc is not mounted";
  if (error == EPERM && geteuid() == 0) {
    hint = "root without CAP_SETFCAP cannot map itself; other users can";
  }
  refuse(error, fmt::format("cannot write {}", path), hint);
}

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
  const bool made = unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0;
  const int refused = errno;
  if (made) {
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

void mount_over(int from, const std::string& name, const std::string& onto) {
  const std::string source =
      fmt::format("/proc/self/fd/{}{}{}", from, name.empty() ? "" : "/", name);
  if (mount(source.c_str(), onto.c_str(), nullptr, MS_BIND | MS_REC, nullptr) != 0) {
    const int error = errno;
    refuse(error, fmt::format("cannot mount over {}", onto), why_no_mounts(error));
  }
}

bool drop_capabilities(const std::vector<int>& capabilities) {
  for (const int capability : capabilities) {
    if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) return false;
  }
  return true;
}

}  // namespace noiommu::scenarios::exec
