/* What programs do with memory that a device has: one case a run, by name. Exits with 0 when all
 * was as it must be. */
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "tests/programs/calls.h"
#include "tests/programs/check.h"

#define PAGE 4096ULL
#define IOVA 0x200000ULL

static int iommufd;
static int device;
static uint32_t ioas;
static uint64_t next_iova = IOVA;

static void set_up(void) {
  iommufd = open_path("/dev/iommu");
  device = open_device();
  CHECK(iommufd >= 0 && device >= 0);
  CHECK(bind_device(device, iommufd) == 0);
  ioas = (uint32_t)alloc_ioas(iommufd);
  CHECK(attach(device, ioas) == 0);
  CHECK(enable(device) == 2);
}

static uint64_t frame_at(uint64_t iova) {
  uint64_t length = PAGE;
  uint64_t physical = 0;
  CHECK(get_pa(iommufd, ioas, iova, &length, &physical) == 0);
  return physical;
}

static uint64_t map_page(void* memory) {
  const uint64_t iova = next_iova;
  next_iova += PAGE;
  CHECK(map(iommufd, ioas, memory, PAGE, iova) == 0);
  return frame_at(iova);
}

static int map_only(void* memory, uint32_t flags) {
  struct iommu_ioas_map map = {.size = sizeof(map),
                               .flags = IOMMU_IOAS_MAP_FIXED_IOVA | flags,
                               .ioas_id = ioas,
                               .user_va = (uint64_t)(uintptr_t)memory,
                               .length = PAGE,
                               .iova = next_iova};
  return (int)answer(ioctl(iommufd, IOMMU_IOAS_MAP, &map));
}

static int map_file(int fd, uint64_t start, uint64_t iova) {
  struct iommu_ioas_map_file map = {
      .size = sizeof(map),
      .flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE,
      .ioas_id = ioas,
      .fd = fd,
      .start = start,
      .length = PAGE,
      .iova = iova};
  return (int)answer(ioctl(iommufd, IOMMU_IOAS_MAP_FILE, &map));
}

/* What the device finds there, and leaves behind for the program. */
static void check_seen(char* memory, uint64_t physical) {
  strcpy(memory, "of the program");
  dma_to_device(device, physical, 32);
  memory[0] = 0;
  dma_to_memory(device, physical, 32);
  CHECK(strcmp(memory, "of the program") == 0);
}

static void check_device_reads(uint64_t physical, const char* expected) {
  static char* seen;
  static uint64_t at;
  if (seen == NULL) at = map_page(seen = new_memory(PAGE));
  dma_to_device(device, physical, 32);
  dma_to_memory(device, at, 32);
  CHECK(strcmp(seen, expected) == 0);
}

static char* memory;
static uint64_t physical;

static void map_new(void) {
  memory = new_memory(4 * PAGE);
  strcpy(memory, "x");
  physical = map_page(memory);
}

static void* shared_file(int fd) {
  return mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
}

static int new_file(void) {
  const int fd = memfd_create("memory", 0);
  CHECK(ftruncate(fd, 2 * (off_t)PAGE) == 0);
  return fd;
}

/* A call that fails takes no page away, nor one that leaves the page where it is. */
static void refused(void) {
  set_up();
  map_new();
  char* const none[] = {"x", NULL};
  CHECK(munmap(memory + 1, PAGE) == -1 && errno == EINVAL);
  CHECK(munmap(memory, 0) == -1 && errno == EINVAL);
  check_seen(memory, physical);
  CHECK(mremap(memory, PAGE, 1ULL << 46, MREMAP_MAYMOVE) == MAP_FAILED);
  CHECK(mremap(memory, 4 * PAGE, 0, MREMAP_MAYMOVE) == MAP_FAILED);
  CHECK(mremap(memory, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE) == memory);
  CHECK(mremap(memory, 4 * PAGE, 2 * PAGE, MREMAP_MAYMOVE) == memory);
  check_seen(memory, physical);
  CHECK(mremap(memory, 2 * PAGE, 4 * PAGE, 0) == memory);
  check_seen(memory, physical);
  CHECK(mlock(memory, PAGE) == 0);
  CHECK(madvise(memory, PAGE, MADV_DONTNEED) == -1 && errno == EINVAL);
  CHECK(munlock(memory, PAGE) == 0);
  CHECK(madvise(memory, PAGE, MADV_REMOVE) == -1 && errno == EINVAL);
  CHECK(madvise(memory, PAGE, MADV_FREE) == 0);
  check_seen(memory, physical);
  CHECK(mmap(memory, PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, 77, 0) == MAP_FAILED);
  check_seen(memory, physical);
  CHECK(execve("/no/such/program", none, none) == -1 && errno == ENOENT);
  CHECK(execve("/etc/passwd", none, none) == -1 && errno == EACCES);
  check_seen(memory, physical);
  const int text = memfd_create("text", 0);
  char path[40];
  CHECK(write(text, "no program", 10) == 10 && fchmod(text, 0755) == 0);
  snprintf(path, sizeof(path), "/proc/self/fd/%d", text);
  CHECK(execve(path, none, none) == -1);
  check_seen(memory, physical);
}

/* What is taken away stays as it was for the device. */
static void taken(void) {
  set_up();
  char* last = new_memory(4 * PAGE) + 3 * PAGE;
  strcpy(last, "cut off");
  const uint64_t cut = map_page(last);
  CHECK(mremap(last - 3 * PAGE, 4 * PAGE, 3 * PAGE, 0) == last - 3 * PAGE);
  check_device_reads(cut, "cut off");
  map_new();
  strcpy(memory, "moved");
  CHECK(mremap(memory, 4 * PAGE, 1024 * PAGE, MREMAP_MAYMOVE) != MAP_FAILED);
  check_device_reads(physical, "moved");
  map_new();
  strcpy(memory, "mapped over");
  CHECK(mmap(memory, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
             0) == memory);
  check_device_reads(physical, "mapped over");
  const int fd = new_file();
  char* mapped = shared_file(fd);
  strcpy(mapped, "removed");
  physical = map_page(mapped);
  CHECK(madvise(mapped, PAGE, MADV_REMOVE) == 0 && mapped[0] == 0);
  check_device_reads(physical, "removed");
}

/* Pinned pages of a program that executes another one. */
static void executed(void) {
  set_up();
  map_new();
  strcpy(memory, "kept");
  char words[3][24];
  snprintf(words[0], sizeof(words[0]), "%d", dup(iommufd));
  snprintf(words[1], sizeof(words[1]), "%d", dup(device));
  snprintf(words[2], sizeof(words[2]), "%llu", (unsigned long long)physical);
  execl("/proc/self/exe", "memory_cases", "after-exec", words[0], words[1], words[2], NULL);
}

static void after_exec(char** words) {
  iommufd = atoi(words[0]);
  device = atoi(words[1]);
  ioas = 2;
  next_iova += PAGE;
  check_device_reads(strtoull(words[2], NULL, 10), "kept");
}

/* Shared memory is where others have it, too. */
static void shared(void) {
  set_up();
  const int fd = new_file();
  const int id = shmget(IPC_PRIVATE, PAGE, 0600);
  char* of_file = shared_file(fd);
  char* segment = shmat(id, NULL, 0);
  char* same_segment = shmat(id, NULL, 0);
  char* anonymous = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  char* all[] = {of_file, segment, anonymous};
  uint64_t frames[3];
  CHECK(shmctl(id, IPC_RMID, NULL) == 0);
  for (int i = 0; i < 3; ++i) {
    frames[i] = map_page(all[i]);
    CHECK(madvise(all[i], PAGE, MADV_DONTNEED) == 0);
    check_seen(all[i], frames[i]);
  }
  for (int i = 0; i < 2; ++i) {
    strcpy(all[i], "written");
    dma_to_device(device, frames[i], 32);
    strcpy(all[i], "");
    CHECK(mprotect(all[i], PAGE, PROT_READ) == 0);
    dma_to_memory(device, frames[i], 32);
    CHECK(strcmp(all[i], "written") == 0);
  }
  char* same_file = shared_file(fd);
  CHECK(munmap(of_file, 2 * PAGE) == 0);
  check_seen(same_file, frames[0]);
  CHECK(shmdt(segment) == 0);
  check_seen(same_segment, frames[1]);
  CHECK(munmap(same_file, 2 * PAGE) == 0 && close(fd) == 0);
  dma_to_device(device, frames[0], 32);
  check_device_reads(frames[0], "of the program");
}

/* Spec: iommufd.md section 10, table "Pin condition". */
static void pin_conditions(void) {
  set_up();
  const uint32_t both = IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE;
  const int disk = open("on_disk", O_RDWR | O_CREAT, 0600);
  CHECK(ftruncate(disk, 2 * (off_t)PAGE) == 0);
  struct stat about;
  CHECK(fstat(disk, &about) == 0);
  char* of_disk = shared_file(disk);
  CHECK(map_only(of_disk, both) == -EFAULT);
  CHECK(map_only(of_disk, IOMMU_IOAS_MAP_READABLE) == 0);
  next_iova += PAGE;
  char* own = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, disk, 0);
  check_seen(own, map_page(own));
  const int fd = new_file();
  char* end = shared_file(fd);
  CHECK(ftruncate(fd, (off_t)PAGE) == 0);
  CHECK(map_only(end + PAGE, both) == -EFAULT);
  unsigned long of_kernel = 0;
  char line[300];
  FILE* maps = fopen("/proc/self/maps", "r");
  while (fgets(line, sizeof(line), maps) != NULL) {
    if (strstr(line, "[vvar]") != NULL) of_kernel = strtoul(line, NULL, 16);
  }
  fclose(maps);
  if (of_kernel != 0) CHECK(map_only((void*)of_kernel, IOMMU_IOAS_MAP_READABLE) == -EFAULT);
}

/* Files in memory, whatever they are called, and no others. */
static void files(void) {
  set_up();
  const int named = open("/dev/shm/noiommu_memory_cases", O_RDWR | O_CREAT, 0600);
  CHECK(named >= 0 && unlink("/dev/shm/noiommu_memory_cases") == 0);
  CHECK(ftruncate(named, (off_t)PAGE) == 0);
  CHECK(map_file(named, 0, next_iova) == 0);
  check_seen(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, named, 0), frame_at(next_iova));
  next_iova += PAGE;
  CHECK(map_file(named, PAGE, next_iova) == -EINVAL);
  CHECK(map_file(open("/sys/bus/pci/devices/" BDF "/vendor", O_RDONLY), 0, next_iova) == -EINVAL);
  CHECK(map_file(open("/proc/self/exe", O_RDONLY), 0, next_iova) == -EINVAL);
  CHECK(map_file(open("/dev/null", O_RDWR), 0, next_iova) == -EINVAL);
}

/* The supervisor keeps nothing open for what is unmapped. */
static void many_files(void) {
  set_up();
  for (int i = 0; i < 600; ++i) {
    const int fd = new_file();
    CHECK(map_file(fd, 0, IOVA) == 0);
    CHECK(unmap(iommufd, ioas, IOVA, PAGE) == (int64_t)PAGE);
    char* mapped = shared_file(fd);
    CHECK(map(iommufd, ioas, mapped, PAGE, IOVA) == 0);
    CHECK(munmap(mapped, 2 * PAGE) == 0);
    CHECK(unmap(iommufd, ioas, IOVA, PAGE) == (int64_t)PAGE);
    close(fd);
  }
}

/* A page stays the same for whoever has the same memory. */
static void vfork_with_pins(void) {
  set_up();
  map_new();
  volatile int done = -1;
  const uint64_t iova = next_iova;
  const pid_t child = vfork();
  if (child == 0) {
    done = map(iommufd, ioas, memory, PAGE, iova);
    _exit(0);
  }
  waitpid(child, NULL, 0);
  CHECK(done == 0);
  next_iova += PAGE;
  CHECK(frame_at(iova) == physical);
  usleep(100000); /* until it is known that the child is gone */
  check_seen(memory, physical);
}

static int set_interrupt(uint32_t index, uint32_t action, int fd) {
  struct {
    struct vfio_irq_set set;
    int32_t fd;
  } set = {.set = {.argsz = sizeof(set),
                   .flags = VFIO_IRQ_SET_DATA_EVENTFD | action,
                   .index = index,
                   .count = 1},
           .fd = fd};
  return (int)answer(ioctl(device, VFIO_DEVICE_SET_IRQS, &set));
}

/* The supervisor waits for no eventfd: neither for one that is full, .. */
static void full_eventfd(void) {
  set_up();
  const int event = eventfd(0, 0);
  const uint64_t most = UINT64_MAX - 1;
  CHECK(write(event, &most, sizeof(most)) == sizeof(most));
  CHECK(set_interrupt(1, VFIO_IRQ_SET_ACTION_TRIGGER, event) == 0);
  write_register(device, EDU_RAISE, 1, 4);
  CHECK(read_register(device, EDU_ID, 4) == 0x010000ed);
}

static int raced;
static volatile int stop;

static void* race(void* unused) {
  const uint64_t one = 1;
  while (!stop) {
    uint64_t count = 0;
    const struct iovec into = {&count, sizeof(count)};
    if (write(raced, &one, sizeof(one)) != sizeof(one)) break;
    if (preadv2(raced, &into, 1, -1, RWF_NOWAIT) < 0 && errno != EAGAIN) break;
  }
  return unused;
}

/* .. nor for one that the program reads before it. */
static void raced_eventfd(void) {
  set_up();
  raced = eventfd(0, 0);
  CHECK(set_interrupt(0, VFIO_IRQ_SET_ACTION_TRIGGER, eventfd(0, 0)) == 0);
  for (int i = 0; i < 40; ++i) {
    pthread_t thread;
    stop = 0;
    CHECK(set_interrupt(0, VFIO_IRQ_SET_ACTION_UNMASK, raced) == 0);
    CHECK(pthread_create(&thread, NULL, race, NULL) == 0);
    usleep(20000);
    stop = 1;
    pthread_join(thread, NULL);
    CHECK(set_interrupt(0, VFIO_IRQ_SET_ACTION_UNMASK, -1) == 0);
  }
}

static void* without_first(void* unused) {
  usleep(100000);
  char* page = new_memory(PAGE);
  check_seen(page, map_page(page));
  CHECK(set_interrupt(1, VFIO_IRQ_SET_ACTION_TRIGGER, eventfd(0, 0)) == 0);
  CHECK(map_file(new_file(), 0, next_iova) == 0);
  struct iommu_ioas_alloc* alloc = new_memory(PAGE);
  alloc->size = sizeof(*alloc);
  CHECK(mprotect(alloc, PAGE, PROT_READ) == 0);
  CHECK(ioctl(iommufd, IOMMU_IOAS_ALLOC, alloc) == -1 && errno == EFAULT);
  exit(0);
  return unused;
}

/* A process whose first thread has exited. */
static void no_first_thread(void) {
  set_up();
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, without_first, NULL) == 0);
  pthread_exit(NULL);
}

static void status_of(pid_t process, const char* key, char* value, size_t size) {
  char line[300];
  snprintf(line, sizeof(line), "/proc/%d/status", process);
  FILE* status = fopen(line, "r");
  CHECK(status != NULL);
  while (fgets(line, sizeof(line), status) != NULL) {
    if (strncmp(line, key, strlen(key)) == 0) snprintf(value, size, "%s", line + strlen(key));
  }
  fclose(status);
}

static uint64_t number_of(pid_t process, const char* key) {
  char value[300] = "";
  status_of(process, key, value, sizeof(value));
  return strtoull(value, NULL, 10);
}

/* The parent of the nearest ancestor of that name, which guards the program. */
static pid_t supervisor_of_all(void) {
  pid_t process = getpid();
  char name[300] = "";
  while (strstr(name, "noiommu") == NULL) {
    process = (pid_t)number_of(process, "PPid:");
    CHECK(process > 1);
    status_of(process, "Name:", name, sizeof(name));
  }
  return (pid_t)number_of(process, "PPid:");
}

/* Much memory that was never written to costs the supervisor nothing when it goes. */
static void much(void) {
  set_up();
  const uint64_t bytes = 128 << 20;
  char* pages = new_memory(bytes);
  CHECK(map(iommufd, ioas, pages, bytes, next_iova) == 0);
  strcpy(pages + bytes - PAGE, "the last page");
  const pid_t supervisor = supervisor_of_all();
  const uint64_t before = number_of(supervisor, "VmRSS:");
  CHECK(munmap(pages, bytes) == 0);
  CHECK(number_of(supervisor, "VmHWM:") < before + (64 << 10)); /* KiB */
  const uint64_t last = frame_at(next_iova + bytes - PAGE);
  next_iova += bytes;
  check_device_reads(last, "the last page");
}

int main(int argc, char** argv) {
  static const struct {
    const char* name;
    void (*run)(void);
  } cases[] = {
      {"refused", refused},
      {"taken", taken},
      {"executed", executed},
      {"shared", shared},
      {"pin-conditions", pin_conditions},
      {"files", files},
      {"many-files", many_files},
      {"vfork", vfork_with_pins},
      {"full-eventfd", full_eventfd},
      {"raced-eventfd", raced_eventfd},
      {"no-first-thread", no_first_thread},
      {"much", much},
  };
  const char* name = argc > 1 ? argv[1] : "";
  if (strcmp(name, "after-exec") == 0) {
    after_exec(argv + 2);
    return 0;
  }
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); ++i) {
    if (strcmp(name, cases[i].name) == 0) {
      cases[i].run();
      return 0;
    }
  }
  return 2;
}
