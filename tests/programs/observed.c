/* What a driver without an IOMMU does: finds out where a page of its own lies in memory, and lets
 * the device read it. On the way some of what goes wrong. Arguments: the device's node, and "fork"
 * where a child is to call as well, or "weak" for a process without CAP_SYS_RAWIO. */
#include <fcntl.h>
#include <linux/capability.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "uapi/iommufd.h"
#include "uapi/vfio.h"

#define CONFIG (7ULL << 40)
#define PAGE ((size_t)4096)
enum {
  EDU_SOURCE = 0x80,
  EDU_DESTINATION = 0x88,
  EDU_COUNT = 0x90,
  EDU_COMMAND = 0x98,
  EDU_BUFFER = 0x40000,
};

static int fail(const char* what) {
  perror(what);
  return 1;
}

static void lose_rawio(void) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2];
  syscall(SYS_capget, &header, data);
  data[0].effective &= ~(1U << CAP_SYS_RAWIO);
  syscall(SYS_capset, &header, data);
}

static void write_register(int device, uint64_t at, uint64_t value) {
  if (pwrite(device, &value, sizeof(value), (off_t)at) != sizeof(value)) perror("register");
}

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  const int forks = argc > 2 && strcmp(argv[2], "fork") == 0;
  if (argc > 2 && strcmp(argv[2], "weak") == 0) lose_rawio();
  const int device = open(argv[1], O_RDWR);
  if (device < 0) return fail("open");
  const int iommufd = open("/dev/iommu", O_RDWR);
  if (iommufd < 0) return fail("/dev/iommu");

  struct vfio_device_info info = {.argsz = sizeof(info)};
  ioctl(device, VFIO_DEVICE_GET_INFO, &info); /* too early */

  struct vfio_device_bind_iommufd bind = {.argsz = sizeof(bind), .iommufd = iommufd};
  if (ioctl(device, VFIO_DEVICE_BIND_IOMMUFD, &bind) != 0) return fail("bind");
  if (ioctl(device, VFIO_DEVICE_GET_INFO, &info) != 0) return fail("info");
  struct iommu_ioas_alloc alloc = {.size = sizeof(alloc)};
  if (ioctl(iommufd, IOMMU_IOAS_ALLOC, &alloc) != 0) return fail("alloc");
  struct vfio_device_attach_iommufd_pt attach = {.argsz = sizeof(attach),
                                                 .pt_id = alloc.out_ioas_id};
  if (ioctl(device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach) != 0) return fail("attach");

  const size_t length = 4 * PAGE;
  char* memory = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return fail("mmap");
  for (size_t at = 0; at < length; at += PAGE) memory[at] = 1;
  struct iommu_ioas_map map = {.size = sizeof(map),
                               .flags = IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE,
                               .ioas_id = alloc.out_ioas_id,
                               .user_va = (uintptr_t)memory + 4096,
                               .length = length - 4096};
  if (ioctl(iommufd, IOMMU_IOAS_MAP, &map) != 0) return fail("map");
  struct iommu_ioas_noiommu_get_pa pa = {
      .size = sizeof(pa), .ioas_id = alloc.out_ioas_id, .iova = map.iova + 16, .length = length};
  if (ioctl(iommufd, IOMMU_IOAS_NOIOMMU_GET_PA, &pa) != 0) return fail("get_pa");
  const uint64_t physical = pa.out_phys;
  pa.iova = 1ULL << 40;
  ioctl(iommufd, IOMMU_IOAS_NOIOMMU_GET_PA, &pa); /* nothing is there */
  map.flags |= IOMMU_IOAS_MAP_FIXED_IOVA;
  ioctl(iommufd, IOMMU_IOAS_MAP, &map); /* something is there */
  map.size = 8;
  ioctl(iommufd, IOMMU_IOAS_MAP, &map);

  uint16_t command = 0;
  if (pread(device, &command, sizeof(command), (off_t)(CONFIG + 4)) != sizeof(command)) {
    return fail("pread");
  }
  command |= 4;
  if (pwrite(device, &command, sizeof(command), (off_t)(CONFIG + 4)) != sizeof(command)) {
    return fail("pwrite");
  }
  write_register(device, EDU_SOURCE, physical);
  write_register(device, EDU_DESTINATION, EDU_BUFFER);
  write_register(device, EDU_COUNT, 16);
  write_register(device, EDU_COMMAND, 1);
  usleep(150000); /* a transfer takes 100 ms */
  uint64_t running = 1;
  if (pread(device, &running, sizeof(running), EDU_COMMAND) < 0 || (running & 1) != 0) {
    return fail("dma");
  }

  struct {
    struct vfio_irq_set set;
    int event;
  } irqs = {.set = {.argsz = sizeof(struct vfio_irq_set) + sizeof(int),
                    .flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
                    .index = VFIO_PCI_MSI_IRQ_INDEX,
                    .count = 1},
            .event = eventfd(0, EFD_NONBLOCK)};
  if (ioctl(device, VFIO_DEVICE_SET_IRQS, &irqs) < 0) return fail("irqs");
  const pid_t child = forks ? fork() : -1;
  if (child == 0) {
    struct iommu_ioas_alloc another = {.size = sizeof(another)};
    _exit(ioctl(iommufd, IOMMU_IOAS_ALLOC, &another) == 0 ? 0 : 1);
  }
  if (child > 0) waitpid(child, NULL, 0);
  void* bar = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, device, 0);
  if (bar == MAP_FAILED) return fail("bar");
  munmap(bar, 4096);
  close(device);
  struct iommu_ioas_unmap unmap = {.size = sizeof(unmap),
                                   .ioas_id = alloc.out_ioas_id,
                                   .iova = map.iova,
                                   .length = length - 4096};
  if (ioctl(iommufd, IOMMU_IOAS_UNMAP, &unmap) != 0) return fail("unmap");
  printf("%#llx\n", (unsigned long long)physical & 4095);
  return 0;
}
