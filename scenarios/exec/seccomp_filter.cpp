#include "scenarios/exec/seccomp_filter.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

namespace noiommu::scenarios::exec {

namespace {

using Filter = std::unique_ptr<void, decltype(&seccomp_release)>;

constexpr uint64_t kIoctlType = 0xff00;
constexpr uint64_t kVfioType = uint64_t{';'} << 8;

void trap(const Filter& filter, int call, const std::vector<scmp_arg_cmp>& when = {}) {
  seccomp_rule_add_array(filter.get(), SCMP_ACT_NOTIFY, call, static_cast<unsigned>(when.size()),
                         when.data());
}

// What names a file. An open for its path alone, or of a directory, cannot be one of ours.
void trap_opens(const Filter& filter) {
  trap(filter, SCMP_SYS(open));
  trap(filter, SCMP_SYS(creat));
  trap(filter, SCMP_SYS(openat2));
  trap(filter, SCMP_SYS(openat), {SCMP_A2_32(SCMP_CMP_MASKED_EQ, O_PATH | O_DIRECTORY, 0)});
}

// Calls on descriptors from `first` on. Those that came to lower numbers, by dup2 or over a socket,
// are known where no other file can be meant: by a command of VFIO, by an offset that is that of a
// region, and by a mapping that is shared.
void trap_descriptors(const Filter& filter, int first) {
  const auto ours = static_cast<unsigned>(first);
  trap(filter, SCMP_SYS(ioctl), {SCMP_A1(SCMP_CMP_MASKED_EQ, kIoctlType, kVfioType)});
  for (const int call :
       {SCMP_SYS(read),      SCMP_SYS(write),           SCMP_SYS(pread64),   SCMP_SYS(pwrite64),
        SCMP_SYS(readv),     SCMP_SYS(writev),          SCMP_SYS(preadv),    SCMP_SYS(pwritev),
        SCMP_SYS(preadv2),   SCMP_SYS(pwritev2),        SCMP_SYS(lseek),     SCMP_SYS(ftruncate),
        SCMP_SYS(fallocate), SCMP_SYS(fsync),           SCMP_SYS(fdatasync), SCMP_SYS(sendfile),
        SCMP_SYS(splice),    SCMP_SYS(copy_file_range), SCMP_SYS(ioctl),     SCMP_SYS(dup)}) {
    trap(filter, call, {SCMP_A0_32(SCMP_CMP_GE, ours)});
  }
  trap(filter, SCMP_SYS(sendfile), {SCMP_A1_32(SCMP_CMP_GE, ours)});
  trap(filter, SCMP_SYS(splice), {SCMP_A2_32(SCMP_CMP_GE, ours)});
  trap(filter, SCMP_SYS(copy_file_range), {SCMP_A2_32(SCMP_CMP_GE, ours)});
  for (const unsigned command : {F_DUPFD, F_DUPFD_CLOEXEC}) {
    trap(filter, SCMP_SYS(fcntl),
         {SCMP_A0_32(SCMP_CMP_GE, ours), SCMP_A1_32(SCMP_CMP_EQ, command)});
  }
  trap(filter, SCMP_SYS(write),
       {SCMP_A0_32(SCMP_CMP_EQ, STDOUT_FILENO), SCMP_A2(SCMP_CMP_LT, kShortWrite)});
  constexpr uint64_t kSecondRegion = uint64_t{1} << 40;
  for (const int call : {SCMP_SYS(pread64), SCMP_SYS(pwrite64), SCMP_SYS(preadv), SCMP_SYS(pwritev),
                         SCMP_SYS(preadv2), SCMP_SYS(pwritev2)}) {
    trap(filter, call, {SCMP_A3(SCMP_CMP_GE, kSecondRegion)});
  }
  trap(filter, SCMP_SYS(mmap),
       {SCMP_A3_32(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, 0), SCMP_A4_32(SCMP_CMP_GE, ours)});
  trap(filter, SCMP_SYS(mmap),
       {SCMP_A3_32(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS | MAP_SHARED, MAP_SHARED)});
}

// What takes pages away from a program: pinned ones keep what they hold. The dynamic linker alone
// maps with MAP_DENYWRITE, over what it has just reserved.
void trap_memory(const Filter& filter) {
  trap(filter, SCMP_SYS(munmap));
  trap(filter, SCMP_SYS(mremap));
  trap(filter, SCMP_SYS(mmap),
       {SCMP_A3_32(SCMP_CMP_MASKED_EQ, MAP_FIXED | MAP_DENYWRITE, MAP_FIXED)});
  for (const int advice : {MADV_DONTNEED, MADV_REMOVE}) {
    trap(filter, SCMP_SYS(madvise), {SCMP_A2_32(SCMP_CMP_EQ, static_cast<unsigned>(advice))});
  }
  trap(filter, SCMP_SYS(execve));
  trap(filter, SCMP_SYS(execveat));
  trap(filter, SCMP_SYS(exit_group));
}

std::vector<sock_filter> compile(int first_descriptor) {
  const Filter filter(seccomp_init(SCMP_ACT_ALLOW), seccomp_release);
  seccomp_attr_set(filter.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ALLOW);
  seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);
  trap_opens(filter);
  trap_descriptors(filter, first_descriptor);
  trap_memory(filter);
  const int file = memfd_create("filter", MFD_CLOEXEC);
  seccomp_export_bpf(filter.get(), file);
  std::vector<sock_filter> code(static_cast<size_t>(lseek(file, 0, SEEK_END)) /
                                sizeof(sock_filter));
  const ssize_t got = pread(file, code.data(), code.size() * sizeof(sock_filter), 0);
  close(file);
  code.resize(got < 0 ? 0 : static_cast<size_t>(got) / sizeof(sock_filter));
  return code;
}

}  // namespace

int first_free_descriptor() {
  constexpr rlim_t kUsual = 1024;
  rlimit now{};
  getrlimit(RLIMIT_NOFILE, &now);
  return static_cast<int>(std::min(now.rlim_cur, kUsual) / 2);
}

Result<int> install_filter(int first_descriptor) {
  std::vector<sock_filter> code = compile(first_descriptor);
  const sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return Err(errno);
  const auto load = [&](unsigned long flags) {
    return static_cast<int>(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program));
  };
  // The program is not kept from anything, so that it needs no slower processor. With the last flag
  // a signal waits until a call that has begun is over. Linux 5.19.
  constexpr unsigned long kFlags =
      SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_SPEC_ALLOW;
  int listener = load(kFlags | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);
  if (listener < 0 && errno == EINVAL) listener = load(kFlags);
  if (listener < 0) return Err(errno);
  return listener;
}

}  // namespace noiommu::scenarios::exec
