/* What programs do with descriptors, memory and processes while a device is theirs: one case a
 * run, by name. Exits with 0 when all was as it must be. */
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "tests/programs/calls.h"
#include "tests/programs/check.h"

#define PAGE 4096ULL
#define IOVA 0x200000ULL

static int iommufd;
static int device;
static uint32_t ioas;

static void set_up(void) {
  iommufd = open_path("/dev/iommu");
  device = open_device();
  CHECK(iommufd >= 0 && device >= 0);
  CHECK(bind_device(device, iommufd) == 0);
  ioas = (uint32_t)alloc_ioas(iommufd);
  CHECK(attach(device, ioas) == 0);
  CHECK(enable(device) == 2);
}

static uint64_t map_page(void* memory, uint64_t iova) {
  uint64_t length = PAGE;
  uint64_t physical = 0;
  CHECK(map(iommufd, ioas, memory, PAGE, iova) == 0);
  CHECK(get_pa(iommufd, ioas, iova, &length, &physical) == 0);
  return physical;
}

static void read_from_device(int from, uint64_t physical, const char* expected, char* at) {
  dma_to_memory(from, physical, 32);
  CHECK(strcmp(at, expected) == 0);
}

/* dup, and descriptors through exec and fork. */
static void descriptors(void) {
  const int copy = dup(open_path("/dev/iommu"));
  CHECK(alloc_ioas(copy) > 0);
  CHECK(dup2(copy, 40) == 40);
  close(copy);
  CHECK(alloc_ioas(40) > 0);
  const pid_t child = fork();
  if (child == 0) exit(alloc_ioas(40) == 3 ? 0 : 1);
  int status = 1;
  waitpid(child, &status, 0);
  CHECK(status == 0);
  CHECK(alloc_ioas(40) == 4);
  execl("/proc/self/exe", "exec_cases", "after-exec", "40", NULL);
}

static void after_exec(const char* fd) {
  CHECK(alloc_ioas(atoi(fd)) == 5);
}

/* The group is busy until the last descriptor is closed, whoever has it. */
static void last_close(void) {
  int ends[2];
  CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  int group = open_path("/dev/vfio/noiommu-0");
  CHECK(group >= 0);
  CHECK(open_path("/dev/vfio/noiommu-0") == -EBUSY);
  const pid_t child = fork();
  if (child == 0) {
    char byte;
    close(group);
    CHECK(read(ends[1], &byte, 1) == 1);
    CHECK(open_path("/dev/vfio/noiommu-0") >= 0);
    exit(0);
  }
  CHECK(close(group) == 0);
  group = open_path("/dev/vfio/noiommu-0"); /* the child may still have its copy */
  if (group >= 0) close(group);
  usleep(100000);
  group = open_path("/dev/vfio/noiommu-0");
  CHECK(group >= 0);
  close(group);
  CHECK(write(ends[0], "x", 1) == 1);
  int status = 1;
  waitpid(child, &status, 0);
  CHECK(status == 0);
}

static void send_fd(int socket, int fd) {
  char byte = 'x';
  struct iovec part = {&byte, 1};
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int))];
  } control = {0};
  struct msghdr message = {.msg_iov = &part,
                           .msg_iovlen = 1,
                           .msg_control = &control,
                           .msg_controllen = sizeof(control)};
  control.header = (struct cmsghdr){
      .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
  memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
  CHECK(sendmsg(socket, &message, 0) == 1);
}

static int receive_fd(int socket) {
  char byte;
  struct iovec part = {&byte, 1};
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int))];
  } control = {0};
  struct msghdr message = {.msg_iov = &part,
                           .msg_iovlen = 1,
                           .msg_control = &control,
                           .msg_controllen = sizeof(control)};
  CHECK(recvmsg(socket, &message, 0) == 1);
  int fd = -1;
  memcpy(&fd, CMSG_DATA(&control.header), sizeof(fd));
  return fd;
}

/* A descriptor that was passed over a socket works in another process. */
static void socket_passing(void) {
  int ends[2];
  CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  const pid_t child = fork();
  if (child == 0) {
    const int passed = receive_fd(ends[1]);
    exit(passed >= 0 && alloc_ioas(passed) == 1 ? 0 : 1);
  }
  send_fd(ends[0], open_path("/dev/iommu"));
  int status = 1;
  waitpid(child, &status, 0);
  CHECK(status == 0);
}

/* A pinned page stays what it was for the device when the program unmaps it. */
static void unmapped_memory(void) {
  set_up();
  char* memory = new_memory(PAGE);
  char* other = new_memory(PAGE);
  strcpy(memory, "kept by the pin");
  const uint64_t pinned = map_page(memory, IOVA);
  const uint64_t second = map_page(other, IOVA + PAGE);
  CHECK(munmap(memory, PAGE) == 0);
  void* again =
      mmap(memory, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  CHECK(again == memory);
  strcpy(memory, "something else");
  dma_to_device(device, pinned, 32);
  read_from_device(device, second, "kept by the pin", other);
  CHECK(map_page(memory, IOVA + 2 * PAGE) != pinned);
  dma_to_device(device, second, 32);
  dma_to_memory(device, pinned, 32); /* nobody sees it */
  CHECK(strcmp(memory, "something else") == 0);
}

/* Pages given back in other ways than munmap. */
static void discarded_memory(void) {
  set_up();
  char* memory = new_memory(4 * PAGE);
  char* other = new_memory(PAGE);
  strcpy(memory, "before");
  const uint64_t pinned = map_page(memory, IOVA);
  const uint64_t second = map_page(other, IOVA + PAGE);
  CHECK(madvise(memory, PAGE, MADV_DONTNEED) == 0);
  CHECK(memory[0] == 0);
  dma_to_device(device, pinned, 32);
  read_from_device(device, second, "before", other);
}

/* Private memory after a fork: the pinned page stays the parent's. */
static void fork_with_pins(void) {
  set_up();
  char* memory = new_memory(PAGE);
  strcpy(memory, "parent");
  const uint64_t physical = map_page(memory, IOVA);
  const pid_t child = fork();
  if (child == 0) {
    strcpy(memory, "child");
    exit(0);
  }
  waitpid(child, NULL, 0);
  dma_to_device(device, physical, 32);
  strcpy(memory, "changed");
  read_from_device(device, physical, "parent", memory);
}

static void shared_memory(void) {
  set_up();
  const int fd = memfd_create("shared", 0);
  CHECK(ftruncate(fd, 2 * (off_t)PAGE) == 0);
  char* one = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  char* two = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  CHECK(map_page(one, IOVA) == map_page(two, IOVA + PAGE)); /* one page, one frame */
  struct iommu_ioas_map_file map = {
      .size = sizeof(map),
      .flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE,
      .ioas_id = ioas,
      .fd = fd,
      .start = PAGE,
      .length = PAGE,
      .iova = IOVA + 2 * PAGE};
  CHECK(ioctl(iommufd, IOMMU_IOAS_MAP_FILE, &map) == 0);
  uint64_t length = PAGE;
  uint64_t physical = 0;
  CHECK(get_pa(iommufd, ioas, IOVA + 2 * PAGE, &length, &physical) == 0);
  strcpy(one + PAGE, "in the file");
  dma_to_device(device, physical, 32);
  strcpy(one + PAGE, "");
  read_from_device(device, physical, "in the file", two + PAGE);
}

/* Registers through the mapped BAR, which are looked at again and again. */
static void mapped_bar(void) {
  set_up();
  volatile uint32_t* bar = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, device, 0);
  CHECK(bar != MAP_FAILED);
  CHECK(bar[EDU_ID / 4] == 0x010000ed);
  bar[EDU_LIVENESS / 4] = 0x12345678;
  for (int i = 0; i < 1000 && bar[EDU_LIVENESS / 4] != ~0x12345678u; ++i) usleep(1000);
  CHECK(bar[EDU_LIVENESS / 4] == ~0x12345678u);
  CHECK(read_register(device, EDU_LIVENESS, 4) == (uint32_t)~0x12345678u);
  char* memory = new_memory(PAGE);
  const uint64_t physical = map_page(memory, IOVA);
  strcpy(memory, "through the BAR");
  volatile uint64_t* wide = (volatile uint64_t*)bar;
  for (int round = 0; round < 2; ++round) {
    wide[EDU_SOURCE / 8] = round == 0 ? physical : EDU_BUFFER;
    wide[EDU_DESTINATION / 8] = round == 0 ? EDU_BUFFER : physical + 64;
    wide[EDU_COUNT / 8] = 16;
    wide[EDU_COMMAND / 8] = round == 0 ? 1 : 3;
    usleep(10000);
    for (int i = 0; i < 1000 && (wide[EDU_COMMAND / 8] & 1) != 0; ++i) usleep(1000);
  }
  CHECK(strcmp(memory + 64, "through the BAR") == 0);
  CHECK(map(iommufd, ioas, (const void*)bar, PAGE, IOVA + PAGE) == -EFAULT);
  CHECK(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, device, (off_t)CONFIG_OFFSET) == MAP_FAILED);
  CHECK(errno == EINVAL);
  CHECK(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, device, 0) == MAP_FAILED && errno == EINVAL);
}

/* An interrupt reaches an eventfd of the program's own. */
static void interrupt(void) {
  set_up();
  const int event = eventfd(0, 0);
  struct {
    struct vfio_irq_set set;
    int32_t fd;
  } set = {.set = {.argsz = sizeof(set),
                   .flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
                   .index = 1,
                   .count = 1},
           .fd = event};
  CHECK(ioctl(device, VFIO_DEVICE_SET_IRQS, &set) == 0);
  write_register(device, EDU_RAISE, 1, 4);
  uint64_t count = 0;
  CHECK(read(event, &count, sizeof(count)) == sizeof(count) && count == 1);
}

static void* in_thread(void* argument) {
  for (int i = 0; i < 200; ++i) {
    const uint64_t iova = IOVA * (2 + (uint64_t)(uintptr_t)argument) + (uint64_t)i * PAGE;
    char* memory = new_memory(PAGE);
    map_page(memory, iova);
    CHECK(unmap(iommufd, ioas, iova, PAGE) == (int64_t)PAGE);
    munmap(memory, PAGE);
  }
  return NULL;
}

static void threads(void) {
  set_up();
  pthread_t all[8];
  for (uintptr_t i = 0; i < 8; ++i) CHECK(pthread_create(&all[i], NULL, in_thread, (void*)i) == 0);
  for (int i = 0; i < 8; ++i) pthread_join(all[i], NULL);
}

static void count_signal(int number) {
  (void)number;
}

/* Calls go on while signals come, as far as they are asked to. */
static void signals(void) {
  set_up();
  struct sigaction action = {.sa_handler = count_signal, .sa_flags = SA_RESTART};
  sigaction(SIGALRM, &action, NULL);
  ualarm(200, 200);
  char* memory = new_memory(PAGE);
  for (int i = 0; i < 2000; ++i) {
    map_page(memory, IOVA);
    CHECK(unmap(iommufd, ioas, IOVA, PAGE) == (int64_t)PAGE);
  }
}

static void many(int processes) {
  for (int i = 0; i < processes; ++i) {
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child != 0) continue;
    iommufd = open_path("/dev/iommu");
    CHECK(iommufd >= 0);
    for (int k = 1; k <= 20; ++k) CHECK(alloc_ioas(iommufd) == k);
    char* memory = new_memory(PAGE);
    CHECK(map(iommufd, 1, memory, PAGE, IOVA) == 0);
    exit(0);
  }
  int status = 0;
  int wrong = 0;
  while (wait(&status) > 0) wrong += status != 0;
  CHECK(wrong == 0);
}

/* A device that was closed in whatever way can be opened again. */
static void killed_owner(void) {
  const pid_t child = fork();
  if (child == 0) {
    const int group = open_path("/dev/vfio/noiommu-0");
    if (group < 0) exit(1);
    kill(getpid(), SIGKILL);
  }
  waitpid(child, NULL, 0);
  const int group = open_path("/dev/vfio/noiommu-0");
  CHECK(group >= 0);
}

/* The modelled kernel asks for the capabilities that the process has at the time. */
static void capability(void) {
  CHECK(open_device() >= 0);
  CHECK(drop_capability(CAP_SYS_RAWIO) == 0);
  CHECK(open_device() == -EPERM);
}

/* Where pages lie, for who may know. */
static void pagemap(void) {
  set_up();
  char* memory = new_memory(PAGE);
  strcpy(memory, "x");
  const int file = open("/proc/self/pagemap", O_RDONLY);
  uint64_t entry = 0;
  const off_t at = (off_t)((uintptr_t)memory / PAGE * 8);
  CHECK(pread(file, &entry, 8, at) == 8);
  const uint64_t physical = (entry & ((1ULL << 55) - 1)) * PAGE;
  CHECK(entry >> 63 == 1 && physical == map_page(memory, IOVA));
  CHECK(lseek(file, at, SEEK_SET) == at && read(file, &entry, 8) == 8);
  CHECK(pread(file, &entry, 7, 0) == -1 && errno == EINVAL);
  CHECK(drop_capability(CAP_SYS_ADMIN) == 0);
  CHECK(pread(file, &entry, 8, at) == 8 && entry >> 63 == 1 && (entry & ((1ULL << 55) - 1)) == 0);
}

static void* nowhere(void) {
  return (void*)(uintptr_t)strtoul("16", NULL, 10);
}

/* Calls on several buffers, and those that a device file does not have. */
static void vectors(void) {
  set_up();
  uint16_t vendor = 0;
  uint16_t id = 0;
  const struct iovec parts[] = {{&vendor, 2}, {&id, 2}};
  CHECK(preadv(device, parts, 2, (off_t)CONFIG_OFFSET) == 4);
  CHECK(vendor == 0x1234 && id == 0x11e8);
  CHECK(lseek(device, 0, SEEK_SET) == -1 && errno == ESPIPE);
  CHECK(ftruncate(device, 0) == -1 && errno == EINVAL);
  CHECK(pread(device, nowhere(), 4, (off_t)CONFIG_OFFSET) == -1 && errno == EFAULT);
  CHECK(pread(device, &id, 2, -1) == -1 && errno == EINVAL);
  char byte;
  CHECK(read(iommufd, &byte, 1) == -1 && errno == EINVAL);
}

static int group_file;

static void set_up_group(void) {
  const int container = open_path("/dev/vfio/vfio");
  const int file = open_path("/dev/vfio/noiommu-0");
  group_file = file;
  CHECK(ioctl(container, VFIO_GET_API_VERSION) == 0);
  CHECK(ioctl(container, VFIO_CHECK_EXTENSION, 8) == 1);
  struct vfio_group_status status = {.argsz = sizeof(status)};
  CHECK(ioctl(file, VFIO_GROUP_GET_STATUS, &status) == 0);
  CHECK(ioctl(file, VFIO_GROUP_SET_CONTAINER, &container) == 0);
  CHECK(ioctl(container, VFIO_SET_IOMMU, 1) == -1 && errno == ENODEV);
  CHECK(ioctl(container, VFIO_SET_IOMMU, 8) == 0);
  device = ioctl(file, VFIO_GROUP_GET_DEVICE_FD, BDF);
  CHECK(device >= 0 && (fcntl(device, F_GETFD) & FD_CLOEXEC) != 0);
}

/* The way of the container and the group. */
static void group(void) {
  set_up_group();
  CHECK(read_register(device, EDU_ID, 4) == 0x010000ed);
  CHECK(ioctl(group_file, VFIO_GROUP_GET_DEVICE_FD, "0000:00:09.0") == -1 && errno == ENODEV);
}

/* A driver is unbound only when its device is closed; meanwhile others go on. */
static void waiting_unbind(void) {
  const int file = open_device();
  CHECK(file >= 0);
  set_up_group();
  const pid_t child = fork();
  if (child == 0) {
    close(file);
    close(device);
    const int unbind = open("/sys/bus/pci/drivers/vfio-pci/unbind", O_WRONLY);
    exit(write(unbind, BDF, sizeof(BDF) - 1) == sizeof(BDF) - 1 ? 0 : 1);
  }
  usleep(100000);
  CHECK(waitpid(child, NULL, WNOHANG) == 0);
  CHECK(read_register(device, EDU_ID, 4) == 0x010000ed);
  close(file);
  close(device);
  int status = 1;
  waitpid(child, &status, 0);
  CHECK(status == 0);
  CHECK(open_device() == -ENOENT);
}

/* An IOVA where a physical address belongs. */
static void wrong_address(void) {
  set_up();
  char* memory = new_memory(PAGE);
  map_page(memory, IOVA);
  dma_to_device(device, IOVA, 64);
}

/* A page that is mapped no longer. */
static void stale_address(void) {
  set_up();
  const uint64_t physical = map_page(new_memory(PAGE), IOVA);
  CHECK(unmap(iommufd, ioas, IOVA, PAGE) == (int64_t)PAGE);
  dma_to_device(device, physical, 64);
}

/* Two pages of memory, but not side by side. */
static void past_the_run(void) {
  set_up();
  char* memory = new_memory(2 * PAGE);
  CHECK(map(iommufd, ioas, memory, 2 * PAGE, IOVA) == 0);
  uint64_t length = 2 * PAGE;
  uint64_t physical = 0;
  CHECK(get_pa(iommufd, ioas, IOVA, &length, &physical) == 0);
  dma_to_device(device, physical + PAGE - 32, 64);
}

int main(int argc, char** argv) {
  static const struct {
    const char* name;
    void (*run)(void);
  } cases[] = {
      {"descriptors", descriptors},
      {"last-close", last_close},
      {"socket", socket_passing},
      {"unmapped", unmapped_memory},
      {"discarded", discarded_memory},
      {"fork", fork_with_pins},
      {"shared", shared_memory},
      {"bar", mapped_bar},
      {"interrupt", interrupt},
      {"threads", threads},
      {"signals", signals},
      {"killed-owner", killed_owner},
      {"capability", capability},
      {"pagemap", pagemap},
      {"vectors", vectors},
      {"group", group},
      {"unbind", waiting_unbind},
      {"wrong-address", wrong_address},
      {"stale-address", stale_address},
      {"past-the-run", past_the_run},
  };
  const char* name = argc > 1 ? argv[1] : "";
  if (strcmp(name, "after-exec") == 0) after_exec(argv[2]);
  if (strcmp(name, "many") == 0) many(atoi(argv[2]));
  if (strcmp(name, "abort") == 0) {
    set_up();
    map_page(new_memory(PAGE), IOVA);
    abort();
  }
  if (strcmp(name, "hang") == 0) { /* with a child that hangs, too */
    set_up();
    if (fork() == 0) pause();
    printf("ready\n");
    fflush(stdout);
    pause();
  }
  if (strcmp(name, "leave-child") == 0) {
    if (fork() == 0) pause();
    exit(7);
  }
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); ++i) {
    if (strcmp(name, cases[i].name) == 0) cases[i].run();
  }
  return 0;
}
