/* The system calls of a user-space driver, each of which answers 0 or more, or -errno. */
#ifndef NOIOMMU_TESTS_PROGRAMS_CALLS_H
#define NOIOMMU_TESTS_PROGRAMS_CALLS_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "uapi/iommufd.h"
#include "uapi/vfio.h"

#define BDF "0000:00:04.0"
#define CONFIG_OFFSET 0x70000000000ULL
#define COMMAND_OFFSET (CONFIG_OFFSET + 4)

/* Registers of the edu device's BAR 0, and its buffer. */
enum {
  EDU_ID = 0x00,
  EDU_LIVENESS = 0x04,
  EDU_RAISE = 0x60,
  EDU_ACKNOWLEDGE = 0x64,
  EDU_SOURCE = 0x80,
  EDU_DESTINATION = 0x88,
  EDU_COUNT = 0x90,
  EDU_COMMAND = 0x98,
  EDU_BUFFER = 0x40000,
};

static inline int64_t answer(int64_t result) {
  return result < 0 ? -errno : result;
}

static inline int open_path(const char* path) {
  return (int)answer(open(path, O_RDWR | O_CLOEXEC));
}

/* The cdev of the device as the self-test finds it: by its name in sysfs. */
static inline int open_device(void) {
  char path[300] = "";
  DIR* folder = opendir("/sys/bus/pci/devices/" BDF "/vfio-dev");
  if (folder == NULL) return -errno;
  for (struct dirent* entry; (entry = readdir(folder)) != NULL;) {
    if (strncmp(entry->d_name, "noiommu-vfio", 12) == 0) {
      snprintf(path, sizeof(path), "/dev/vfio/devices/%s", entry->d_name);
    }
  }
  closedir(folder);
  return path[0] == 0 ? -ENOENT : open_path(path);
}

static inline int bind_device(int device, int iommufd) {
  struct vfio_device_bind_iommufd bind = {.argsz = 16, .iommufd = iommufd};
  return (int)answer(ioctl(device, VFIO_DEVICE_BIND_IOMMUFD, &bind));
}

static inline int attach(int device, uint32_t ioas) {
  struct vfio_device_attach_iommufd_pt attach = {.argsz = 12, .pt_id = ioas};
  return (int)answer(ioctl(device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach));
}

static inline int detach(int device) {
  struct vfio_device_detach_iommufd_pt detach = {.argsz = 8};
  return (int)answer(ioctl(device, VFIO_DEVICE_DETACH_IOMMUFD_PT, &detach));
}

static inline int alloc_ioas(int iommufd) {
  struct iommu_ioas_alloc alloc = {.size = sizeof(alloc)};
  const int64_t done = answer(ioctl(iommufd, IOMMU_IOAS_ALLOC, &alloc));
  return done < 0 ? (int)done : (int)alloc.out_ioas_id;
}

static inline int destroy(int iommufd, uint32_t id) {
  struct iommu_destroy destroy = {.size = sizeof(destroy), .id = id};
  return (int)answer(ioctl(iommufd, IOMMU_DESTROY, &destroy));
}

static inline int map(int iommufd, uint32_t ioas, const void* memory, uint64_t length,
                      uint64_t iova) {
  struct iommu_ioas_map map = {
      .size = sizeof(map),
      .flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE,
      .ioas_id = ioas,
      .user_va = (uint64_t)(uintptr_t)memory,
      .length = length,
      .iova = iova};
  return (int)answer(ioctl(iommufd, IOMMU_IOAS_MAP, &map));
}

static inline int64_t unmap(int iommufd, uint32_t ioas, uint64_t iova, uint64_t length) {
  struct iommu_ioas_unmap unmap = {
      .size = sizeof(unmap), .ioas_id = ioas, .iova = iova, .length = length};
  const int64_t done = answer(ioctl(iommufd, IOMMU_IOAS_UNMAP, &unmap));
  return done < 0 ? done : (int64_t)unmap.length;
}

/* `length` is what was asked for and what is answered. */
static inline int get_pa(int iommufd, uint32_t ioas, uint64_t iova, uint64_t* length,
                         uint64_t* physical) {
  struct iommu_ioas_noiommu_get_pa get = {
      .size = sizeof(get), .ioas_id = ioas, .iova = iova, .length = *length};
  const int done = (int)answer(ioctl(iommufd, IOMMU_IOAS_NOIOMMU_GET_PA, &get));
  *length = get.length;
  *physical = get.out_phys;
  return done;
}

static inline void* new_memory(uint64_t length) {
  void* memory = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return memory == MAP_FAILED ? NULL : memory;
}

static inline int64_t write_register(int device, uint64_t offset, uint64_t value, size_t width) {
  return answer(pwrite(device, &value, width, (off_t)offset));
}

static inline uint64_t read_register(int device, uint64_t offset, size_t width) {
  uint64_t value = 0;
  return pread(device, &value, width, (off_t)offset) == (ssize_t)width ? value : ~0ULL;
}

/* Takes a capability out of the effective set. */
static inline int drop_capability(int capability) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2];
  if (syscall(SYS_capget, &header, data) != 0) return -errno;
  data[capability / 32].effective &= ~(1u << capability % 32);
  return (int)answer(syscall(SYS_capset, &header, data));
}

/* Memory decoding and bus mastering. */
static inline int64_t enable(int device) {
  return write_register(device, COMMAND_OFFSET, 0x6, 2);
}

/* A transfer of the edu device, which takes a tenth of a second; waits for its end. */
static inline void dma(int device, uint64_t from, uint64_t to, uint64_t bytes, uint64_t command) {
  write_register(device, EDU_SOURCE, from, 8);
  write_register(device, EDU_DESTINATION, to, 8);
  write_register(device, EDU_COUNT, bytes, 8);
  write_register(device, EDU_COMMAND, command, 8);
  for (int i = 0; i < 2000 && (read_register(device, EDU_COMMAND, 8) & 1) != 0; ++i) usleep(1000);
}
static inline void dma_to_device(int device, uint64_t physical, uint64_t bytes) {
  dma(device, physical, EDU_BUFFER, bytes, 1);
}
static inline void dma_to_memory(int device, uint64_t physical, uint64_t bytes) {
  dma(device, EDU_BUFFER, physical, bytes, 3);
}

#endif
