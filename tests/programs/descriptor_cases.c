/* What programs do with descriptors of devices besides reading them: one case a run, by name. Exits
 * with 0 when all was as it must be. */
#include <linux/openat2.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <termios.h>

#include "tests/programs/calls.h"
#include "tests/programs/check.h"

#define NODE "/dev/vfio/devices/noiommu-vfio0"

static int open_bound_device(void) {
  const int device = open_device();
  CHECK(device >= 0 && bind_device(device, open_path("/dev/iommu")) == 0);
  CHECK(enable(device) == 2);
  return device;
}

static uint32_t vendor_and_device(int device) {
  return (uint32_t)read_register(device, CONFIG_OFFSET, 4);
}

static int pass_over_a_socket(int fd) {
  int ends[2];
  char byte = 0;
  struct iovec part = {&byte, 1};
  union {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr aligned;
  } control = {{0}};
  struct msghdr message = {.msg_iov = &part,
                           .msg_iovlen = 1,
                           .msg_control = control.bytes,
                           .msg_controllen = sizeof(control.bytes)};
  CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  struct cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(header), &fd, sizeof(fd));
  CHECK(sendmsg(ends[0], &message, 0) == 1 && recvmsg(ends[1], &message, 0) == 1);
  memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
  return fd;
}

/* Every duplicate reads configuration space and shows the BAR; those that the program did not
 * number itself read the BAR, too. */
static void duplicates(void) {
  const int device = open_bound_device();
  const struct {
    int fd;
    int numbered;
  } copies[] = {
      {dup(device), 0},
      {fcntl(device, F_DUPFD, 3), 0},
      {fcntl(device, F_DUPFD_CLOEXEC, 3), 0},
      {fcntl(device, F_DUPFD, 700), 0},
      {dup2(device, 20), 1},
      {pass_over_a_socket(device), 1},
  };
  for (size_t i = 0; i < sizeof(copies) / sizeof(copies[0]); ++i) {
    const int copy = copies[i].fd;
    CHECK(copy >= 0);
    CHECK(vendor_and_device(copy) == 0x11e81234);
    CHECK(write_register(copy, COMMAND_OFFSET, 0x0006, 2) == 2);
    CHECK(read_register(device, COMMAND_OFFSET, 2) == 0x0006);
    volatile uint32_t* bar = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, copy, 0);
    CHECK(bar != MAP_FAILED && bar[EDU_ID] == 0x010000ed);
    if (!copies[i].numbered) CHECK(read_register(copy, EDU_ID, 4) == 0x010000ed);
  }
  CHECK((fcntl(copies[0].fd, F_GETFD) & FD_CLOEXEC) == 0);
  CHECK((fcntl(copies[1].fd, F_GETFD) & FD_CLOEXEC) == 0);
  CHECK((fcntl(copies[2].fd, F_GETFD) & FD_CLOEXEC) != 0);
}

/* Calls that a device file does not know, and those that every file knows. */
static void other_calls(void) {
  const int device = open_bound_device();
  const int unbound = open_path("/dev/iommu");
  struct termios terminal;
  int number = 0;
  CHECK(answer(ioctl(device, TCGETS, &terminal)) == -ENOTTY);
  CHECK(answer(ioctl(device, FIONREAD, &number)) == -ENOTTY);
  CHECK(answer(ioctl(unbound, FIONREAD, &number)) == -ENOTTY);
  CHECK(ioctl(device, FIOCLEX) == 0 && fcntl(device, F_GETFD) == FD_CLOEXEC);
  CHECK(ioctl(device, FIONCLEX) == 0 && fcntl(device, F_GETFD) == 0);
  CHECK(answer(fsync(device)) == -EINVAL && answer(fdatasync(device)) == -EINVAL);
  CHECK(answer(posix_fallocate(device, 0, 0)) == EINVAL);
  CHECK(answer(fallocate(device, 0, 0, 4096)) == -ENODEV);
  FILE* file = tmpfile();
  CHECK(file != NULL && fputs("bytes", file) >= 0 && fflush(file) == 0);
  off_t from = 0;
  CHECK(answer(sendfile(device, fileno(file), &from, 5)) == -EINVAL);
  CHECK(answer(sendfile(fileno(file), device, &from, 5)) == -EINVAL);
  loff_t at = 0;
  CHECK(answer(copy_file_range(fileno(file), &at, device, NULL, 5, 0)) == -EINVAL);
  uint32_t id = 0;
  struct iovec part = {&id, 4};
  CHECK(preadv(device, &part, 1, (off_t)CONFIG_OFFSET) == 4 && id == 0x11e81234);
  CHECK(answer(preadv2(device, &part, 1, 0, RWF_HIPRI)) == -EOPNOTSUPP);
  id = 0;
  CHECK(preadv2(device, &part, 1, -1, 0) == 4 && id == 0x010000ed);
}

/* By a path that leads to a descriptor for the path alone, and with openat2. */
static void ways_to_open(void) {
  char link[64];
  const int path = open(NODE, O_PATH);
  CHECK(path >= 0);
  snprintf(link, sizeof(link), "/proc/self/fd/%d", path);
  CHECK(bind_device(open_path(link), open_path("/dev/iommu")) == 0);
  snprintf(link, sizeof(link), "/dev/fd/%d", path);
  CHECK(open_path(link) >= 0);

  const int folder = open("/dev/vfio", O_RDONLY | O_DIRECTORY);
  struct open_how how = {.flags = O_RDWR};
  const char* name = "devices/noiommu-vfio0";
  CHECK(syscall(SYS_openat2, folder, name, &how, sizeof(how)) >= 0);
  CHECK(answer(syscall(SYS_openat2, folder, name, &how, 8)) == -EINVAL);
  CHECK(answer(syscall(SYS_openat2, folder, name, NULL, sizeof(how))) == -EFAULT);
  how.resolve = RESOLVE_BENEATH;
  CHECK(syscall(SYS_openat2, folder, name, &how, sizeof(how)) >= 0);
  CHECK(answer(syscall(SYS_openat2, folder, "../vfio/devices/noiommu-vfio0", &how, sizeof(how))) ==
        -EXDEV);
  CHECK(answer(syscall(SYS_openat2, folder, NODE, &how, sizeof(how))) == -EXDEV);
  how.resolve = RESOLVE_IN_ROOT;
  CHECK(syscall(SYS_openat2, folder, "/devices/noiommu-vfio0", &how, sizeof(how)) >= 0);
}

/* A program that allows itself few descriptors still has its device. */
static void low_limit(void) {
  const struct rlimit few = {64, 64};
  CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
  const int device = open_bound_device();
  CHECK(device < 64 && vendor_and_device(device) == 0x11e81234);
  int last = 0;
  while (last >= 0) last = open_path("/dev/iommu");
  CHECK(last == -EMFILE);
}

/* No call of the C library's allocator is met by a signal. */
static void nothing(int signal) {
  (void)signal;
}

static void allocations(void) {
  struct sigaction action = {.sa_handler = nothing};
  sigaction(SIGALRM, &action, NULL);
  const struct itimerval often = {{0, 500}, {0, 500}};
  setitimer(ITIMER_REAL, &often, NULL);
  for (int i = 0; i < 20000; ++i) {
    void* block = malloc(130000);
    CHECK(block != NULL);
    free(block);
  }
}

int main(int argc, char** argv) {
  static const struct {
    const char* name;
    void (*run)(void);
  } cases[] = {
      {"duplicates", duplicates}, {"other-calls", other_calls}, {"ways-to-open", ways_to_open},
      {"low-limit", low_limit},   {"allocations", allocations},
  };
  const char* name = argc > 1 ? argv[1] : "";
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); ++i) {
    if (strcmp(name, cases[i].name) != 0) continue;
    cases[i].run();
    return 0;
  }
  fprintf(stderr, "no case '%s'\n", name);
  return 2;
}
