/* What programs do with the names in /dev and /sys and with open files: one case a run, by name.
 * Exits with 0 when all was as it must be. */
#include <pthread.h>
#include <sys/stat.h>

#include "tests/programs/calls.h"

#define PAGE 4096ULL

#define CHECK(condition)                                              \
  do {                                                                \
    if (!(condition)) {                                               \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
      exit(1);                                                        \
    }                                                                 \
  } while (0)

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

int main(int argc, char** argv) {
  static const struct {
    const char* name;
    void (*run)(void);
  } cases[] = {
      {"terminal", terminal},
      {"reopened", reopened},
      {"closed-at-once", closed_at_once},
      {"mapped", mapped},
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
