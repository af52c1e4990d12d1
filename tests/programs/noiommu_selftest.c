/* The cases of the no-IOMMU self-test, as a program that knows nothing of a model. Prints TAP. */
#include "tests/programs/calls.h"

#define PAGE 4096ULL
#define HUGE (2ULL << 20)
#define IOVA 0x200000ULL

/* A device that is open, bound and attached, and memory. */
struct fixture {
  int iommufd;
  int device;
  int ioas;
  char* memory;
};

static struct fixture set_up(void) {
  struct fixture all = {.iommufd = open_path("/dev/iommu"), .device = open_device()};
  all.ioas = -1;
  if (bind_device(all.device, all.iommufd) == 0) all.ioas = alloc_ioas(all.iommufd);
  attach(all.device, (uint32_t)all.ioas);
  all.memory = new_memory(HUGE);
  return all;
}

static void tear_down(const struct fixture* all) {
  munmap(all->memory, HUGE);
  close(all->device);
  close(all->iommufd);
}

static int failed;  /* of the running case */

#define EXPECT(wanted, call)                                                            \
  do {                                                                                  \
    const long long got_ = (long long)(call);                                           \
    if (got_ != (long long)(wanted)) {                                                  \
      printf("# %s: %lld instead of %lld\n", #call, got_, (long long)(wanted));         \
      failed = 1;                                                                       \
    }                                                                                   \
  } while (0)

static void device_cdev_open(void) {
  const int device = open_device();
  EXPECT(1, device >= 0);
  close(device);
}

static void device_bind_iommufd(void) {
  const int iommufd = open_path("/dev/iommu");
  const int device = open_device();
  EXPECT(0, bind_device(device, iommufd));
  close(device);
  close(iommufd);
}

static void device_bind_bad_iommufd_fails(void) {
  const int device = open_device();
  EXPECT(-EINVAL, bind_device(device, -1));
  EXPECT(-EBADFD, bind_device(device, 0));
  close(device);
}

static void device_repeated_bind_fails(void) {
  const struct fixture all = set_up();
  EXPECT(-EINVAL, bind_device(all.device, all.iommufd));
  tear_down(&all);
}

static void device_get_info(void) {
  const int device = open_device();
  struct vfio_device_info info = {.argsz = sizeof(info)};
  EXPECT(-EINVAL, answer(ioctl(device, VFIO_DEVICE_GET_INFO, &info)));
  const int iommufd = open_path("/dev/iommu");
  EXPECT(0, bind_device(device, iommufd));
  EXPECT(0, answer(ioctl(device, VFIO_DEVICE_GET_INFO, &info)));
  EXPECT(VFIO_DEVICE_FLAGS_PCI, info.flags & VFIO_DEVICE_FLAGS_PCI);
  EXPECT(9, info.num_regions);
  struct vfio_region_info region = {.argsz = sizeof(region), .index = 7};
  EXPECT(0, answer(ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &region)));
  EXPECT(256, region.size);
  EXPECT(CONFIG_OFFSET, region.offset);
  close(device);
  close(iommufd);
}

static void ioas_objects(void) {
  const int iommufd = open_path("/dev/iommu");
  const int first = alloc_ioas(iommufd);
  const int second = alloc_ioas(iommufd);
  EXPECT(1, first > 0);
  EXPECT(1, second > first);
  EXPECT(0, destroy(iommufd, (uint32_t)first));
  EXPECT(-ENOENT, destroy(iommufd, (uint32_t)first));
  EXPECT(0, destroy(iommufd, (uint32_t)second));
  close(iommufd);
}

static void device_attach_detach(void) {
  const struct fixture all = set_up();
  EXPECT(0, detach(all.device));
  EXPECT(0, attach(all.device, (uint32_t)all.ioas));
  EXPECT(-ENOENT, attach(all.device, 0xffffffff));
  tear_down(&all);
}

static void ioas_map_unmap(void) {
  const struct fixture all = set_up();
  EXPECT(0, map(all.iommufd, (uint32_t)all.ioas, all.memory, HUGE, IOVA));
  EXPECT(-EEXIST, map(all.iommufd, (uint32_t)all.ioas, all.memory, PAGE, IOVA));
  EXPECT(HUGE, unmap(all.iommufd, (uint32_t)all.ioas, IOVA, HUGE));
  EXPECT(-ENOENT, unmap(all.iommufd, (uint32_t)all.ioas, IOVA, HUGE));
  tear_down(&all);
}

static void map_of_bad_memory_fails(void) {
  const struct fixture all = set_up();
  char* hole = new_memory(2 * PAGE);
  munmap(hole + PAGE, PAGE);
  EXPECT(-EFAULT, map(all.iommufd, (uint32_t)all.ioas, hole, 2 * PAGE, IOVA));
  mprotect(hole, PAGE, PROT_READ);
  EXPECT(-EFAULT, map(all.iommufd, (uint32_t)all.ioas, hole, PAGE, IOVA));
  EXPECT(-EFAULT, answer(ioctl(all.iommufd, IOMMU_IOAS_MAP, (void*)16)));
  tear_down(&all);
}

static void get_pa_of_mapped_memory(void) {
  const struct fixture all = set_up();
  uint64_t length = PAGE;
  uint64_t physical = 0;
  EXPECT(-ENOENT, get_pa(all.iommufd, (uint32_t)all.ioas, IOVA, &length, &physical));
  EXPECT(0, map(all.iommufd, (uint32_t)all.ioas, all.memory, HUGE, IOVA));
  EXPECT(0, get_pa(all.iommufd, (uint32_t)all.ioas, IOVA + 8, &length, &physical));
  EXPECT(8, physical % PAGE);
  length = 0;
  EXPECT(-EINVAL, get_pa(all.iommufd, (uint32_t)all.ioas, IOVA, &length, &physical));
  length = ~0ULL;
  EXPECT(0, get_pa(all.iommufd, (uint32_t)all.ioas, IOVA + HUGE - PAGE, &length, &physical));
  EXPECT(PAGE, length);
  tear_down(&all);
}

/* What the device writes to the address is what the program reads. */
static void dma_to_physical_address(void) {
  const struct fixture all = set_up();
  uint64_t length = PAGE;
  uint64_t physical = 0;
  EXPECT(2, enable(all.device));
  EXPECT(0, map(all.iommufd, (uint32_t)all.ioas, all.memory, HUGE, IOVA));
  strcpy(all.memory, "from the program");
  EXPECT(0, get_pa(all.iommufd, (uint32_t)all.ioas, IOVA, &length, &physical));
  dma_to_device(all.device, physical, 17);
  length = PAGE;
  EXPECT(0, get_pa(all.iommufd, (uint32_t)all.ioas, IOVA + 3 * PAGE, &length, &physical));
  dma_to_memory(all.device, physical + 100, 17);
  EXPECT(0, strcmp(all.memory + 3 * PAGE + 100, "from the program"));
  tear_down(&all);
}

static void device_reset_is_refused(void) {
  const struct fixture all = set_up();
  EXPECT(-EINVAL, answer(ioctl(all.device, VFIO_DEVICE_RESET)));
  tear_down(&all);
}

/* The last: the capability does not come back. */
static void device_cdev_open_wants_rawio(void) {
  EXPECT(0, drop_capability(CAP_SYS_RAWIO));
  EXPECT(-EPERM, open_device());
}

struct test_case {
  const char* name;
  void (*run)(void);
};

int main(void) {
  static const struct test_case cases[] = {
      {"device_cdev_open", device_cdev_open},
      {"device_bind_iommufd", device_bind_iommufd},
      {"device_bind_bad_iommufd_fails", device_bind_bad_iommufd_fails},
      {"device_repeated_bind_fails", device_repeated_bind_fails},
      {"device_get_info", device_get_info},
      {"ioas_objects", ioas_objects},
      {"device_attach_detach", device_attach_detach},
      {"ioas_map_unmap", ioas_map_unmap},
      {"map_of_bad_memory_fails", map_of_bad_memory_fails},
      {"get_pa_of_mapped_memory", get_pa_of_mapped_memory},
      {"dma_to_physical_address", dma_to_physical_address},
      {"device_reset_is_refused", device_reset_is_refused},
      {"device_cdev_open_wants_rawio", device_cdev_open_wants_rawio},
  };
  const size_t count = sizeof(cases) / sizeof(cases[0]);
  int any = 0;
  printf("1..%zu\n", count);
  for (size_t i = 0; i < count; ++i) {
    failed = 0;
    cases[i].run();
    printf("%s %zu %s\n", failed ? "not ok" : "ok", i + 1, cases[i].name);
    any |= failed;
  }
  return any;
}
