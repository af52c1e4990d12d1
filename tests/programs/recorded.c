/* What is hard to write down so that it can be asked again. The argument names a case. */
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/programs/calls.h"
#include "tests/programs/check.h"
#include "uapi/vfio_device.h"

#define PAGE ((uint64_t)4096)
#define IOVA 0x10000ULL

static int iommufd;
static int device;
static uint32_t ioas;

static void set_up(void) {
  iommufd = open_path("/dev/iommu");
  device = open_device();
  CHECK(bind_device(device, iommufd) == 0);
  ioas = (uint32_t)alloc_ioas(iommufd);
  CHECK(attach(device, ioas) == 0);
}

/* Of the name that the revisions under review had for it. */
static void old_get_pa(void) {
  set_up();
  char* memory = new_memory(PAGE);
  CHECK(map(iommufd, ioas, memory, PAGE, IOVA) == 0);
  struct iommu_ioas_get_pa get = {.size = sizeof(get), .ioas_id = ioas, .iova = IOVA + 16};
  CHECK(ioctl(iommufd, IOMMU_IOAS_GET_PA, &get) == 0);
  CHECK(get.out_length == PAGE - 16);
}

/* A transfer goes on while other calls are made. */
static void busy_waiting(void) {
  set_up();
  CHECK(enable(device) == 2);
  char* memory = new_memory(PAGE);
  CHECK(map(iommufd, ioas, memory, PAGE, IOVA) == 0);
  uint64_t length = PAGE;
  uint64_t physical = 0;
  CHECK(get_pa(iommufd, ioas, IOVA, &length, &physical) == 0);
  write_register(device, EDU_SOURCE, physical, 8);
  write_register(device, EDU_DESTINATION, EDU_BUFFER, 8);
  write_register(device, EDU_COUNT, 16, 8);
  write_register(device, EDU_COMMAND, 1, 8);
  usleep(60000);
  CHECK((read_register(device, EDU_COMMAND, 8) & 1) == 1);
  CHECK(alloc_ioas(iommufd) > 0);
  usleep(60000);
  CHECK((read_register(device, EDU_COMMAND, 8) & 1) == 0);
}

static const uint32_t kReadWrite = IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE;

static int map_as(uint32_t flags, const void* memory, uint64_t length, uint64_t* iova) {
  struct iommu_ioas_map map = {.size = sizeof(map),
                               .flags = flags,
                               .ioas_id = ioas,
                               .user_va = (uint64_t)(uintptr_t)memory,
                               .length = length,
                               .iova = *iova};
  const int done = (int)answer(ioctl(iommufd, IOMMU_IOAS_MAP, &map));
  *iova = map.iova;
  return done;
}

/* A megabyte, of which `offset` is from its first multiple of 256 KiB on. */
static char* aligned_memory(uint64_t offset) {
  char* memory = new_memory(1 << 20);
  return memory + (-(uintptr_t)memory & 0x3ffff) + offset;
}

/* The kernel chooses an IOVA again after it was unmapped. */
static void reused_iova(void) {
  set_up();
  char* memory = aligned_memory(0);
  uint64_t first = 0;
  uint64_t second = 0;
  uint64_t third = 0;
  uint64_t length = 1;
  uint64_t physical = 0;
  CHECK(map_as(kReadWrite, memory + PAGE, 5 * PAGE, &first) == 0);
  CHECK(unmap(iommufd, ioas, first, 5 * PAGE) > 0);
  CHECK(map_as(kReadWrite, memory + 8 * PAGE, 5 * PAGE, &second) == 0);
  CHECK(map_as(kReadWrite, memory + PAGE, 5 * PAGE, &third) == 0);
  CHECK(get_pa(iommufd, ioas, third, &length, &physical) == 0);
  CHECK(get_pa(iommufd, ioas, second, &length, &physical) == 0);
  CHECK(unmap(iommufd, ioas, third, 5 * PAGE) > 0);
  CHECK(unmap(iommufd, ioas, second, 5 * PAGE) > 0);
}

/* The kernel chooses where to copy to. */
static void copied(void) {
  set_up();
  CHECK(map(iommufd, ioas, aligned_memory(0), 16 * PAGE, 0x40000000) == 0);
  struct iommu_ioas_copy copy = {.size = sizeof(copy),
                                 .flags = kReadWrite,
                                 .dst_ioas_id = ioas,
                                 .src_ioas_id = ioas,
                                 .length = 16 * PAGE,
                                 .src_iova = 0x40000000};
  CHECK(ioctl(iommufd, IOMMU_IOAS_COPY, &copy) == 0);
  uint64_t length = 1;
  uint64_t physical = 0;
  CHECK(get_pa(iommufd, ioas, copy.dst_iova + PAGE, &length, &physical) == 0);
}

static int map_file(int fd, uint64_t start, uint64_t iova) {
  struct iommu_ioas_map_file map = {.size = sizeof(map),
                                    .flags = kReadWrite | IOMMU_IOAS_MAP_FIXED_IOVA,
                                    .ioas_id = ioas,
                                    .fd = fd,
                                    .start = start,
                                    .length = PAGE,
                                    .iova = iova};
  return (int)answer(ioctl(iommufd, IOMMU_IOAS_MAP_FILE, &map));
}

static void growing_file(void) {
  set_up();
  const int fd = memfd_create("growing", 0);
  CHECK(map_file(fd, 0, IOVA) == -EINVAL);
  CHECK(ftruncate(fd, (off_t)PAGE) == 0);
  CHECK(map_file(fd, 0, IOVA) == 0);
  CHECK(ftruncate(fd, 2 * (off_t)PAGE) == 0);
  CHECK(map_file(fd, PAGE, IOVA + PAGE) == 0);
}

/* Calls on several buffers. */
static void several_buffers(void) {
  set_up();
  uint16_t command = 6;
  uint16_t status = 0;
  const struct iovec out[] = {{&command, 2}, {&status, 2}};
  CHECK(pwritev(device, out, 2, (off_t)COMMAND_OFFSET) == 4);
  command = 0;
  CHECK(preadv(device, out, 2, (off_t)COMMAND_OFFSET) == 4 && command == 6);
  CHECK(read_register(device, COMMAND_OFFSET, 2) == 6);
}

/* What is mapped before it is attached need not be there any more then. */
static void lost_memory(void) {
  set_up();
  CHECK(detach(device) == 0);
  char* memory = new_memory(4 * PAGE);
  CHECK(map(iommufd, ioas, memory, 4 * PAGE, IOVA) == 0);
  CHECK(munmap(memory + PAGE, PAGE) == 0);
  CHECK(attach(device, ioas) == -EFAULT);
}

/* Memory of several kinds side by side, and such that is only to be written to. */
static void several_kinds(void) {
  set_up();
  char* memory = new_memory(4 * PAGE);
  CHECK(mprotect(memory + PAGE, PAGE, PROT_READ) == 0);
  CHECK(map(iommufd, ioas, memory, 4 * PAGE, IOVA) == -EFAULT);
  const uint32_t fixed = IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_FIXED_IOVA;
  uint64_t iova = IOVA;
  CHECK(map_as(fixed, memory, 4 * PAGE, &iova) == 0);
  const void* write_only = mmap(NULL, PAGE, PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  iova = 2 * IOVA;
  CHECK(map_as(fixed, write_only, PAGE, &iova) == -EFAULT);
}

/* An answer that cannot be told. */
static void read_only_argument(void) {
  set_up();
  struct iommu_ioas_alloc* alloc = new_memory(PAGE);
  *alloc = (struct iommu_ioas_alloc){.size = sizeof(*alloc)};
  CHECK(mprotect(alloc, PAGE, PROT_READ) == 0);
  CHECK(ioctl(iommufd, IOMMU_IOAS_ALLOC, alloc) == -1 && errno == EFAULT);
  CHECK(alloc_ioas(iommufd) > 0);
}

/* A descriptor behind the structure. */
static void wake_up(void) {
  set_up();
  struct {
    struct vfio_device_feature feature;
    struct vfio_device_low_power_entry_with_wakeup entry;
  } sleep = {{.argsz = sizeof(sleep),
              .flags = VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP},
             {.wakeup_eventfd = eventfd(0, 0)}};
  CHECK(ioctl(device, VFIO_DEVICE_FEATURE, &sleep) == 0);
}

/* Memory of the program's own file. */
static void own_data(void) {
  static char data[8 * 4096] __attribute__((aligned(4096))) = {1};
  set_up();
  CHECK(map(iommufd, ioas, data, sizeof(data), IOVA) == 0);
  uint64_t length = sizeof(data);
  uint64_t physical = 0;
  CHECK(get_pa(iommufd, ioas, IOVA, &length, &physical) == 0);
}

static void device_id(void) {
  set_up();
  CHECK(read_register(device, CONFIG_OFFSET, 4) != 0);
}

/* Calls without an argument get what was in the register. */
static void no_argument(void) {
  const int container = open_path("/dev/vfio/vfio");
  CHECK(ioctl(container, VFIO_GET_API_VERSION, 4711) == 0);
  CHECK(ioctl(container, VFIO_CHECK_EXTENSION, VFIO_UNMAP_ALL) >= 0);
}

static void no_descriptor_left(void) {
  set_up();
  struct rlimit limit;
  CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
  const rlim_t before = limit.rlim_cur;
  limit.rlim_cur = 3; /* standard input, output and error */
  CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
  CHECK(open_path("/dev/iommu") == -EMFILE);
  limit.rlim_cur = before;
  CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
  CHECK(open_path("/dev/iommu") >= 0);
}

/* A file that is in memory only, but no memfd. */
static void memory_file(void) {
  set_up();
  char name[] = "/dev/shm/noiommu-XXXXXX";
  const int fd = mkstemp(name);
  CHECK(fd >= 0 && unlink(name) == 0 && ftruncate(fd, (off_t)PAGE) == 0);
  CHECK(map_file(fd, 0, IOVA) == 0);
  uint64_t length = PAGE;
  uint64_t physical = 0;
  CHECK(get_pa(iommufd, ioas, IOVA, &length, &physical) == 0);
}

/* More than anybody wants to see. */
static void many_vectors(void) {
  set_up();
  struct {
    struct vfio_irq_set set;
    int32_t none[100];
  } irqs = {.set = {.argsz = sizeof(irqs),
                    .flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
                    .index = VFIO_PCI_MSI_IRQ_INDEX,
                    .count = 100}};
  memset(irqs.none, 0xff, sizeof(irqs.none));
  CHECK(ioctl(device, VFIO_DEVICE_SET_IRQS, &irqs) == -1 && errno == EINVAL);
}

static void opens(void) {
  for (int i = 0; i < 20000; ++i) close(open_path("/dev/iommu"));
}

int main(int argc, char** argv) {
  static const struct {
    const char* name;
    void (*run)(void);
  } cases[] = {
      {"old-get-pa", old_get_pa},
      {"busy-waiting", busy_waiting},
      {"reused-iova", reused_iova},
      {"copied", copied},
      {"growing-file", growing_file},
      {"several-buffers", several_buffers},
      {"lost-memory", lost_memory},
      {"several-kinds", several_kinds},
      {"read-only-argument", read_only_argument},
      {"wake-up", wake_up},
      {"own-data", own_data},
      {"device-id", device_id},
      {"no-argument", no_argument},
      {"no-descriptor-left", no_descriptor_left},
      {"memory-file", memory_file},
      {"many-vectors", many_vectors},
      {"opens", opens},
  };
  for (size_t i = 0; argc > 1 && i < sizeof(cases) / sizeof(cases[0]); ++i) {
    if (strcmp(argv[1], cases[i].name) != 0) continue;
    cases[i].run();
    return 0;
  }
  return 2;
}
