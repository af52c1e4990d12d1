/* Makes one kind of call again and again, and prints what one took in nanoseconds. */
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>

#include "tests/programs/calls.h"

static uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

int main(int argc, char** argv) {
  const char* kind = argc > 1 ? argv[1] : "";
  const int calls = argc > 2 ? atoi(argv[2]) : 1000;
  const int device_call = strcmp(kind, "get-pa") == 0 || strcmp(kind, "map") == 0 ||
                          strcmp(kind, "config") == 0;
  int iommufd = -1;
  int device = -1;
  uint32_t ioas = 0;
  char* memory = NULL;
  if (device_call) {
    iommufd = open_path("/dev/iommu");
    device = open_device();
    if (bind_device(device, iommufd) != 0) return 1;
    ioas = (uint32_t)alloc_ioas(iommufd);
    if (attach(device, ioas) != 0) return 1;
    memory = new_memory(4096);
    if (strcmp(kind, "map") != 0 && map(iommufd, ioas, memory, 4096, 0x1000) != 0) return 1;
  }
  const uint64_t start = now();
  for (int i = 0; i < calls; ++i) {
    if (strcmp(kind, "get-pa") == 0) {
      uint64_t length = 4096;
      uint64_t physical = 0;
      if (get_pa(iommufd, ioas, 0x1000, &length, &physical) != 0) return 1;
    } else if (strcmp(kind, "map") == 0) {
      if (map(iommufd, ioas, memory, 4096, 0x1000) != 0) return 1;
      if (unmap(iommufd, ioas, 0x1000, 4096) != 4096) return 1;
    } else if (strcmp(kind, "config") == 0) {
      if (read_register(device, CONFIG_OFFSET, 2) != 0x1234) return 1;
    } else if (strcmp(kind, "open") == 0) {
      close(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
    } else {
      syscall(SYS_getpid);
    }
  }
  printf("%llu\n", (unsigned long long)((now() - start) / (uint64_t)calls));
  return 0;
}
