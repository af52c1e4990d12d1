/* What is hard to write down so that it can be asked again. The argument names a case. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/programs/calls.h"

#define PAGE ((uint64_t)4096)
#define IOVA 0x10000ULL

static int iommufd;
static int device;
static uint32_t ioas;

#define CHECK(condition)                                      \
  do {                                                        \
    if (!(condition)) {                                       \
      fprintf(stderr, "line %d: %s\n", __LINE__, #condition); \
      exit(1);                                                \
    }                                                         \
  } while (0)

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

int main(int argc, char** argv) {
  static const struct {
    const char* name;
    void (*run)(void);
  } cases[] = {
      {"old-get-pa", old_get_pa},
      {"busy-waiting", busy_waiting},
  };
  for (size_t i = 0; argc > 1 && i < sizeof(cases) / sizeof(cases[0]); ++i) {
    if (strcmp(argv[1], cases[i].name) != 0) continue;
    cases[i].run();
    return 0;
  }
  return 2;
}
