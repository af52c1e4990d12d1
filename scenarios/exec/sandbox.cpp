#include "scenarios/exec/sandbox.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/mount.h>
#include <sched.h>
#include <sys/capability.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "scenarios/exec/setup_error.h"

namespace noiommu::scenarios::exec {

namespace {

[[noreturn]] void refuse(const std::string& what, const std::string& hint = {}) {
  const int error = errno;
  throw SetupError(
      fmt::format("{}: {}{}{}", what, std::strerror(error), hint.empty() ? "" : "\n  ", hint));
}

std::string first_line(const char* path) {
  std::string line;
  std::getline(std::ifstream(path).seekg(0), line);
  return line;
}

// Why unshare(CLONE_NEWUSER) was refused, as far as the machine tells.
std::string why_no_user_namespace() {
  if (first_line("/proc/sys/kernel/unprivileged_userns_clone") == "0") {
    return "the sysctl kernel.unprivileged_userns_clone is 0";
  }
  if (first_line("/proc/sys/user/max_user_namespaces") == "0") {
    return "the sysctl user.max_user_namespaces is 0";
  }
  if (access("/.dockerenv", F_OK) == 0) {
    return "Docker's default seccomp profile refuses unshare(CLONE_NEWUSER) and mount(2):\n"
           "  run the container with --security-opt seccomp=unconfined "
           "--security-opt apparmor=unconfined";
  }
  return "the kernel lacks CONFIG_USER_NS, or a seccomp filter refuses unshare(CLONE_NEWUSER)";
}

void write_map(const char* path, const std::string& text) {
  std::ofstream file(path);
  file << text << std::flush;
  if (!file) refuse(fmt::format("cannot write {}", path));
}

}  // namespace

void enter_namespaces(uint32_t uid) {
  const uid_t user = geteuid();
  const gid_t group = getegid();
  if (unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0) {
    write_map("/proc/self/setgroups", "deny");
    write_map("/proc/self/uid_map", fmt::format("{} {} 1", uid, user));
    write_map("/proc/self/gid_map", fmt::format("{} {} 1", uid == 0 ? 0 : group, group));
  } else if (errno == ENOSYS || user != uid || unshare(CLONE_NEWNS) != 0) {
    refuse("cannot make a user namespace", why_no_user_namespace());
  }
  if (mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0) {
    refuse("cannot keep mounts private",
           "AppArmor may restrict user namespaces: see the sysctl "
           "kernel.apparmor_restrict_unprivileged_userns");
  }
}

OwnedFd new_filesystem() {
  const OwnedFd making(static_cast<int>(syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC)));
  if (!making) refuse("cannot make a file system in memory");
  syscall(SYS_fsconfig, making.get(), FSCONFIG_SET_STRING, "mode", "0755", 0);
  if (syscall(SYS_fsconfig, making.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) {
    refuse("cannot make a file system in memory");
  }
  OwnedFd made(static_cast<int>(syscall(SYS_fsmount, making.get(), FSMOUNT_CLOEXEC, 0)));
  if (!made) refuse("cannot make a file system in memory");
  return made;
}

void mount_over(int from, const std::string& name, const std::string& onto) {
  const std::string source =
      fmt::format("/proc/self/fd/{}{}{}", from, name.empty() ? "" : "/", name);
  if (mount(source.c_str(), onto.c_str(), nullptr, MS_BIND | MS_REC, nullptr) != 0) {
    refuse(fmt::format("cannot mount over {}", onto));
  }
}

bool drop_capabilities(const std::vector<int>& capabilities) {
  for (const int capability : capabilities) {
    if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) return false;
  }
  return true;
}

}  // namespace noiommu::scenarios::exec
