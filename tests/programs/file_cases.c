/* What programs do with the names in /dev and /sys and with open files: one case a run, by name.
 * Exits with 0 when all was as it must be. */
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/stat.h>

#include "tests/programs/calls.h"
#include "tests/programs/check.h"

#define PAGE 4096ULL

/* A terminal of one's own. */
static void terminal(void) {
  const int master = posix_openpt(O_RDWR | O_NOCTTY);
  CHECK(master >= 0);
  CHECK(grantpt(master) == 0 && unlockpt(master) == 0);
  const char* name = ptsname(master);
  CHECK(name != NULL);
  const int terminal = open(name, O_RDWR | O_NOCTTY);
  CHECK(terminal >= 0);
  char bytes[8] = "";
  CHECK(write(master, "hello\n", 6) == 6);
  CHECK(read(terminal, bytes, sizeof(bytes)) == 6 && memcmp(bytes, "hello\n", 6) == 0);
}

#define THREADS 16

static char reopened_path[64];
static pthread_barrier_t together;

static void* reopen_at_once(void* number) {
  pthread_barrier_wait(&together);
  *(int*)number = open(reopened_path, O_RDWR);
  return NULL;
}

/* An open file lives as long as anybody has it open, however many do so at the same moment. */
static void reopened(void) {
  const int iommufd = open_path("/dev/iommu");
  CHECK(alloc_ioas(iommufd) == 1);
  snprintf(reopened_path, sizeof(reopened_path), "/proc/self/fd/%d", iommufd);
  pthread_barrier_init(&together, NULL, THREADS);
  for (int round = 0; round < 20; ++round) {
    pthread_t threads[THREADS];
    int copies[THREADS];
    for (int i = 0; i < THREADS; ++i) {
      CHECK(pthread_create(&threads[i], NULL, reopen_at_once, &copies[i]) == 0);
    }
    for (int i = 0; i < THREADS; ++i) pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS; ++i) {
      CHECK(copies[i] >= 0 && close(copies[i]) == 0);
      usleep(500);
    }
    CHECK(alloc_ioas(iommufd) == 2 + round);
  }
}

/* What is closed many times in a row is closed, and nothing else. */
static void closed_at_once(void) {
  for (int round = 0; round < 100; ++round) {
    const int group = open_path("/dev/vfio/noiommu-0");
    CHECK(group >= 0);
    int copies[THREADS];
    snprintf(reopened_path, sizeof(reopened_path), "/proc/self/fd/%d", group);
    for (int i = 0; i < THREADS; ++i) copies[i] = open(reopened_path, O_RDWR);
    CHECK(open_path("/dev/vfio/noiommu-0") == -EBUSY);
    for (int i = 0; i < THREADS; ++i) close(copies[i]);
    CHECK(open_path("/dev/vfio/noiommu-0") == -EBUSY);
    close(group);
  }
}

static int bound_device(void) {
  const int device = open_device();
  CHECK(device >= 0);
  const int bound = bind_device(device, open_path("/dev/iommu"));
  if (bound >= 0) return device;
  close(device);
  return bound;
}

/* A mapped BAR keeps the device open, and nothing does once it is unmapped. */
static void mapped(void) {
  for (int round = 0; round < 20; ++round) {
    const int device = bound_device();
    CHECK(device >= 0);
    CHECK(enable(device) == 2);
    uint32_t* bar = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, device, 0);
    CHECK(bar != MAP_FAILED && bar[EDU_ID / 4] == 0x010000ed);
    close(device);
    CHECK(bound_device() == -EINVAL);
    CHECK(bar[EDU_ID / 4] == 0x010000ed);
    CHECK(munmap(bar, 1 << 20) == 0);
  }
}

/* A mapped BAR that nobody uses for some time, and then does. */
static void idle(void) {
  const int device = bound_device();
  CHECK(device >= 0 && enable(device) == 2);
  volatile uint32_t* bar = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, device, 0);
  CHECK(bar != MAP_FAILED);
  sleep(4);
  bar[EDU_LIVENESS / 4] = 0x12345678;
  for (int i = 0; i < 100 && bar[EDU_LIVENESS / 4] != ~0x12345678u; ++i) usleep(1000);
  CHECK(bar[EDU_LIVENESS / 4] == ~0x12345678u);
}

/* Regions are mapped by who looks first how long the file is. */
static void length(void) {
  const int device = bound_device();
  CHECK(device >= 0);
  struct stat about;
  CHECK(fstat(device, &about) == 0 && about.st_size >= (off_t)CONFIG_OFFSET + 256);
  const int iommufd = open_path("/dev/iommu");
  CHECK(fstat(iommufd, &about) == 0 && about.st_size == 0);
}

/* A fault queue can be waited for, and answers at any time. */
static void fault_queue(void) {
  struct iommu_fault_alloc alloc = {.size = sizeof(alloc)};
  CHECK(ioctl(open_path("/dev/iommu"), IOMMU_FAULT_QUEUE_ALLOC, &alloc) == 0);
  const int queue = (int)alloc.out_fault_fd;
  struct pollfd wait = {.fd = queue, .events = POLLIN | POLLOUT};
  CHECK(poll(&wait, 1, 0) == 1 && wait.revents == POLLOUT);
  struct epoll_event event = {.events = EPOLLIN};
  const int several = epoll_create1(0);
  CHECK(epoll_ctl(several, EPOLL_CTL_ADD, queue, &event) == 0);
  CHECK(epoll_wait(several, &event, 1, 10) == 0);
  char bytes[64];
  CHECK(read(queue, bytes, 1) == -1 && errno == ESPIPE);
  close(queue);
}

#define SYSFS_DEVICE "/sys/bus/pci/devices/" BDF
#define DRIVER "/sys/bus/pci/drivers/vfio-pci"

/* Config space as setpci uses it. */
static void config(void) {
  const int file = open(SYSFS_DEVICE "/config", O_RDWR);
  const int seen = open(SYSFS_DEVICE "/config", O_RDONLY);
  CHECK(file >= 0 && seen >= 0);
  CHECK(write_register(file, 4, 0x6, 2) == 2);
  CHECK(read_register(seen, 4, 2) == 0x6 && read_register(seen, 0, 4) == 0x11e81234);
  CHECK(write_register(file, 5, 0x4, 1) == 1);
  CHECK(read_register(seen, 4, 2) == 0x406);
  char bytes[300];
  CHECK(read(seen, bytes, sizeof(bytes)) == 256);
  CHECK(drop_capability(CAP_SYS_ADMIN) == 0);
  const int later = open(SYSFS_DEVICE "/config", O_RDONLY);
  CHECK(read(later, bytes, sizeof(bytes)) == 64);
}

/* Names in sysfs are the kernel's. */
static void names(void) {
  CHECK(mkdir(SYSFS_DEVICE "/new", 0700) == -1);
  CHECK(mkdir("/sys/bus/new", 0700) == -1);
  CHECK(unlink(DRIVER "/unbind") == -1);
  CHECK(rename(DRIVER "/unbind", DRIVER "/bind") == -1);
  CHECK(rmdir(SYSFS_DEVICE "/iommu_group") == -1);
  CHECK(access(DRIVER "/unbind", W_OK) == 0);
  CHECK(access(SYSFS_DEVICE "/driver_override", R_OK | W_OK) == 0);
  const int unbind = open(DRIVER "/unbind", O_WRONLY);
  CHECK(write(unbind, BDF, sizeof(BDF) - 1) == sizeof(BDF) - 1);
  CHECK(access(SYSFS_DEVICE "/vfio-dev", F_OK) == -1 && errno == ENOENT);
  const int bind = open(DRIVER "/bind", O_WRONLY);
  CHECK(write(bind, BDF, sizeof(BDF) - 1) == sizeof(BDF) - 1);
  CHECK(access(SYSFS_DEVICE "/vfio-dev/noiommu-vfio0/uevent", W_OK) == 0);
  CHECK(open_device() >= 0);
}

int main(int argc, char** argv) {
  static const struct {
    const char* name;
    void (*run)(void);
  } cases[] = {
      {"terminal", terminal},       {"reopened", reopened}, {"closed-at-once", closed_at_once},
      {"mapped", mapped},           {"idle", idle},         {"length", length},
      {"fault-queue", fault_queue}, {"names", names},       {"config", config},
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
