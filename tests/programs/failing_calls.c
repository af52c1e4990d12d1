/* Calls that fail, each for a reason of its own. Before each a line "### name" goes to standard
 * error, where the explanation of the call is to follow. Argument: which calls, as in kTopics.
 * The machine has functions 0000:00:04.0 and 0000:00:05.0, and the first has no IOMMU unless the
 * topic says so. */
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

#include "tests/programs/calls.h"
#include "uapi/iommufd_hwpt.h"
#include "uapi/vfio_device.h"
#include "uapi/vfio_type1.h"

#define PAGE 4096ULL
#define LAST (~0ULL)
#define NO_ID 99
#define NODE_0 "/dev/vfio/devices/noiommu-vfio0"
#define NODE_1 "/dev/vfio/devices/noiommu-vfio1"
#define PARAMETER "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode"

#define FAILS(name, call) (say(name), (void)answer((int64_t)(call)))
#define ASK(fd, command, type, ...) ioctl(fd, command, &(struct type){__VA_ARGS__})

enum { FIXED = IOMMU_IOAS_MAP_FIXED_IOVA, READ = IOMMU_IOAS_MAP_READABLE };
enum { BOTH = READ | IOMMU_IOAS_MAP_WRITEABLE, HERE = FIXED | BOTH };

/* No address of this process; not even the compiler knows. */
static void* volatile nowhere = (void*)0x10;

static int iommufd;
static int device;
static uint32_t ioas;
static char* memory;

static void say(const char* name) {
  dprintf(STDERR_FILENO, "### %s\n", name);
}

/* A copy that cannot be written. */
static void* read_only(const void* from, size_t size) {
  void* page = new_memory(PAGE);
  memcpy(page, from, size);
  mprotect(page, PAGE, PROT_READ);
  return page;
}

static void limit_locked_memory(void) {
  const struct rlimit one_page = {PAGE, PAGE};
  setrlimit(RLIMIT_MEMLOCK, &one_page);
  drop_capability(CAP_IPC_LOCK);
}

/* No number below the limit is left. */
static void limit_descriptors(int newest) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = (rlim_t)newest + 1;
  setrlimit(RLIMIT_NOFILE, &limit);
  while (dup(STDIN_FILENO) >= 0) {
  }
}

static void set_up(void) {
  iommufd = open_path("/dev/iommu");
  device = open_path(NODE_0);
  bind_device(device, iommufd);
  ioas = (uint32_t)alloc_ioas(iommufd);
  memory = new_memory(16 * PAGE);
  memset(memory, 1, 16 * PAGE);
}

static int map_in(uint32_t id, uint32_t flags, uint64_t address, uint64_t length, uint64_t iova) {
  return ASK(iommufd, IOMMU_IOAS_MAP, iommu_ioas_map, .size = 40, .flags = flags, .ioas_id = id,
             .user_va = address, .length = length, .iova = iova);
}
static int map_file(int fd, uint64_t start, uint64_t length, uint64_t iova) {
  return ASK(iommufd, IOMMU_IOAS_MAP_FILE, iommu_ioas_map_file, .size = 40, .flags = HERE,
             .ioas_id = ioas, .fd = fd, .start = start, .length = length, .iova = iova);
}
static int set_option(int fd, uint32_t option, uint32_t object, uint64_t value) {
  return ASK(fd, IOMMU_OPTION, iommu_option, .size = 24, .option_id = option,
             .op = IOMMU_OPTION_OP_SET, .object_id = object, .val64 = value);
}
static int set_vfio_ioas(int fd, uint16_t op, uint32_t id) {
  return ASK(fd, IOMMU_VFIO_IOAS, iommu_vfio_ioas, .size = 12, .op = op, .ioas_id = id);
}
static int map_dma(int fd, uint32_t flags, const void* address, uint64_t iova, uint64_t size) {
  return ASK(fd, VFIO_IOMMU_MAP_DMA, vfio_iommu_type1_dma_map, .argsz = 32, .flags = flags,
             .vaddr = (uintptr_t)address, .iova = iova, .size = size);
}
static int unmap_dma(int fd, uint32_t flags, uint64_t iova, uint64_t size) {
  return ASK(fd, VFIO_IOMMU_UNMAP_DMA, vfio_iommu_type1_dma_unmap, .argsz = 24, .flags = flags,
             .iova = iova, .size = size);
}
static int attach_with(uint32_t argsz, uint32_t flags, uint32_t id, uint32_t pasid) {
  return ASK(device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, vfio_device_attach_iommufd_pt, .argsz = argsz,
             .flags = flags, .pt_id = id, .pasid = pasid);
}
static int detach_with(uint32_t argsz, uint32_t flags) {
  return ASK(device, VFIO_DEVICE_DETACH_IOMMUFD_PT, vfio_device_detach_iommufd_pt, .argsz = argsz,
             .flags = flags);
}
static int bind_with(int file, uint32_t argsz, uint32_t flags, const void* token) {
  return ASK(file, VFIO_DEVICE_BIND_IOMMUFD, vfio_device_bind_iommufd, .argsz = argsz,
             .flags = flags, .iommufd = iommufd, .token_uuid_ptr = (uintptr_t)token);
}

/* Commands on a kind of file that they are not for, and files that are not ready. */
static void wrong_files(void) {
  set_up();
  const int container = open_path("/dev/vfio/vfio");
  const int unbound = open_path(NODE_1);
  FAILS("attach on an iommufd",
        ASK(iommufd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, vfio_device_attach_iommufd_pt, .argsz = 12));
  FAILS("bind on an iommufd", bind_device(iommufd, iommufd));
  FAILS("no command of an iommufd", ioctl(iommufd, 0x3b96, NULL));
  FAILS("map on an unbound device", ASK(unbound, IOMMU_IOAS_MAP, iommu_ioas_map, .size = 40));
  FAILS("info of an unbound device", ioctl(unbound, VFIO_DEVICE_GET_INFO, NULL));
  FAILS("read of an unbound device", pread(unbound, memory, 4, CONFIG_OFFSET));
  FAILS("mmap of an unbound device", mmap(NULL, PAGE, PROT_READ, MAP_SHARED, unbound, 0));
  FAILS("destroy on a device", destroy(device, 1));
  FAILS("set container on a container", ioctl(container, VFIO_GROUP_SET_CONTAINER, &container));
  FAILS("status on a container",
        ASK(container, VFIO_GROUP_GET_STATUS, vfio_group_status, .argsz = 8));
  FAILS("bind on a container", bind_device(container, iommufd));
  FAILS("alloc on a container", alloc_ioas(container));
  FAILS("map_dma without a backend",
        ASK(container, VFIO_IOMMU_MAP_DMA, vfio_iommu_type1_dma_map, .argsz = 0));
  FAILS("unmap_dma without a backend", unmap_dma(container, 0, 0, PAGE));
  FAILS("get_info without a backend",
        ASK(container, VFIO_IOMMU_GET_INFO, vfio_iommu_type1_info, .argsz = 24));
  FAILS("dirty_pages without a backend", ioctl(container, VFIO_IOMMU_DIRTY_PAGES, NULL));
  FAILS("set_iommu without a group", ioctl(container, VFIO_SET_IOMMU, VFIO_NOIOMMU_IOMMU));
}

static void binding(void) {
  iommufd = open_path("/dev/iommu");
  device = open_path(NODE_0);
  const int other = open_path(NODE_0);
  const char token[16] = {0};
  const struct vfio_device_bind_iommufd whole = {.argsz = 16, .iommufd = iommufd};
  const struct {
    struct vfio_device_bind_iommufd bind;
    uint64_t more;
  } longer = {{.argsz = 32, .iommufd = iommufd}, 5};
  FAILS("bind: token nowhere", bind_with(device, 24, 1, nowhere));
  FAILS("bind: token", bind_with(device, 24, 1, token));
  FAILS("bind: more", ioctl(device, VFIO_DEVICE_BIND_IOMMUFD, &longer));
  FAILS("bind: closed", bind_device(device, 777));
  FAILS("bind: other file", bind_device(device, STDIN_FILENO));
  FAILS("bind: negative", bind_device(device, -1));
  FAILS("bind: short", bind_with(device, 8, 0, NULL));
  FAILS("bind: flags", bind_with(device, 16, 2, NULL));
  FAILS("bind: null", ioctl(device, VFIO_DEVICE_BIND_IOMMUFD, NULL));
  FAILS("bind: untold", ioctl(device, VFIO_DEVICE_BIND_IOMMUFD, read_only(&whole, sizeof(whole))));
  bind_device(device, iommufd);
  FAILS("bind: again", bind_device(device, iommufd));
  FAILS("bind: again with token", bind_with(device, 24, 1, token));
  FAILS("bind: open elsewhere", bind_device(other, iommufd));
  FAILS("open group of a bound device", open_path("/dev/vfio/noiommu-0"));
}

static void attaching(void) {
  set_up();
  const struct vfio_device_attach_iommufd_pt whole = {.argsz = 12, .pt_id = ioas};
  FAILS("attach: short", attach_with(8, 0, ioas, 0));
  FAILS("attach: flags", attach_with(16, 2, ioas, 0));
  FAILS("attach: short with pasid", attach_with(12, 1, ioas, 0));
  FAILS("attach: pasid", attach_with(16, 1, ioas, 5));
  FAILS("attach: no pasid", attach_with(16, 1, ioas, ~0U));
  FAILS("attach: pasid 0 to a device", attach_with(16, 1, 1, 0));
  FAILS("attach: to a device", attach(device, 1));
  FAILS("attach: to nothing", attach(device, NO_ID));
  FAILS("attach: null", ioctl(device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, NULL));
  FAILS("attach: untold",
        ioctl(device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, read_only(&whole, sizeof(whole))));
  map(iommufd, ioas, memory, 100, PAGE);
  FAILS("attach: odd mapping", attach(device, ioas));
  unmap(iommufd, ioas, 0, LAST);
  map(iommufd, ioas, (void*)0x10000, PAGE, PAGE);
  FAILS("attach: memory gone", attach(device, ioas));
  unmap(iommufd, ioas, 0, LAST);
  map_file(open_path("/dev/null"), 0, PAGE, PAGE);
  FAILS("attach: no memfd", attach(device, ioas));
  FAILS("hwpt: no memfd",
        ASK(iommufd, IOMMU_HWPT_ALLOC, iommu_hwpt_alloc, .size = 48, .dev_id = 1, .pt_id = ioas));
  unmap(iommufd, ioas, 0, LAST);
  attach(device, ioas);
  FAILS("attach: pasid 0 besides", attach_with(16, 1, ioas, 0));
  detach(device);
  attach_with(16, 1, ioas, 0);
  FAILS("attach: besides pasid 0", attach(device, ioas));
  FAILS("detach: short", detach_with(4, 0));
  FAILS("detach: flags", detach_with(8, 3));
  FAILS("detach: short with pasid", detach_with(8, 1));
  detach_with(12, 1);
  map(iommufd, ioas, memory, 16 * PAGE, PAGE);
  unmap(iommufd, ioas, 0, LAST);
  limit_locked_memory();
  map(iommufd, ioas, memory, 16 * PAGE, PAGE);
  FAILS("attach: memlock", attach(device, ioas));
}

static void objects(void) {
  set_up();
  const struct iommu_ioas_alloc alloc = {.size = 12};
  const struct {
    struct iommu_ioas_alloc alloc;
    uint32_t more;
  } longer = {{.size = 16}, 1};
  FAILS("size", ASK(iommufd, IOMMU_IOAS_ALLOC, iommu_ioas_alloc, .size = 8));
  FAILS("null", ioctl(iommufd, IOMMU_IOAS_ALLOC, NULL));
  FAILS("more", ioctl(iommufd, IOMMU_IOAS_ALLOC, &longer));
  FAILS("ioas: flags", ASK(iommufd, IOMMU_IOAS_ALLOC, iommu_ioas_alloc, .size = 12, .flags = 1));
  FAILS("ioas: untold", ioctl(iommufd, IOMMU_IOAS_ALLOC, read_only(&alloc, sizeof(alloc))));
  FAILS("destroy: 0", destroy(iommufd, 0));
  FAILS("destroy: device", destroy(iommufd, 1));

  FAILS("fault: flags",
        ASK(iommufd, IOMMU_FAULT_QUEUE_ALLOC, iommu_fault_alloc, .size = 16, .flags = 1));
  struct iommu_fault_alloc fault = {.size = 16};
  ioctl(iommufd, IOMMU_FAULT_QUEUE_ALLOC, &fault);
  const int queue = (int)fault.out_fault_fd;
  FAILS("fault: read", read(queue, memory, 7));
  FAILS("fault: pread", pread(queue, memory, 8, 0));
  FAILS("fault: write", write(queue, memory, 16));
  FAILS("fault: seek", lseek(queue, 0, SEEK_SET));
  FAILS("fault: mmap", mmap(NULL, PAGE, PROT_READ, MAP_SHARED, queue, 0));
  FAILS("fault: ioctl", destroy(queue, 1));

#define HWPT(...) ASK(iommufd, IOMMU_HWPT_ALLOC, iommu_hwpt_alloc, .size = 48, __VA_ARGS__)
  FAILS("hwpt: reserved", HWPT(.dev_id = 1, .pt_id = ioas, .__reserved = 1));
  FAILS("hwpt: data", HWPT(.dev_id = 1, .pt_id = ioas, .data_type = 1));
  FAILS("hwpt: device", HWPT(.dev_id = NO_ID, .pt_id = ioas));
  FAILS("hwpt: pt", HWPT(.dev_id = 1, .pt_id = NO_ID));
  FAILS("hwpt: flags", HWPT(.dev_id = 1, .pt_id = ioas, .flags = IOMMU_HWPT_ALLOC_NEST_PARENT));
  FAILS("hwpt: fault",
        HWPT(.dev_id = 1, .pt_id = ioas, .flags = IOMMU_HWPT_FAULT_ID_VALID, .fault_id = NO_ID));
  struct iommu_hwpt_alloc hwpt = {.size = 48, .dev_id = 1, .pt_id = ioas};
  FAILS("hwpt: untold", ioctl(iommufd, IOMMU_HWPT_ALLOC, read_only(&hwpt, sizeof(hwpt))));
  ioctl(iommufd, IOMMU_HWPT_ALLOC, &hwpt);
  FAILS("hwpt: nested", HWPT(.dev_id = 1, .pt_id = hwpt.out_hwpt_id));
#undef HWPT
  FAILS("info: flags",
        ASK(iommufd, IOMMU_GET_HW_INFO, iommu_hw_info, .size = 40, .flags = 8, .dev_id = 1));
  FAILS("info: device",
        ASK(iommufd, IOMMU_GET_HW_INFO, iommu_hw_info, .size = 40, .dev_id = NO_ID));
  FAILS("info", ASK(iommufd, IOMMU_GET_HW_INFO, iommu_hw_info, .size = 40, .dev_id = 1));

#define TRACKING(...)                                                                    \
  ASK(iommufd, IOMMU_HWPT_SET_DIRTY_TRACKING, iommu_hwpt_set_dirty_tracking, .size = 16, \
      __VA_ARGS__)
  FAILS("tracking: flags", TRACKING(.flags = 8, .hwpt_id = hwpt.out_hwpt_id));
  FAILS("tracking: hwpt", TRACKING(.hwpt_id = NO_ID));
  FAILS("tracking", TRACKING(.hwpt_id = hwpt.out_hwpt_id));
#undef TRACKING
#define BITMAP(...) \
  ASK(iommufd, IOMMU_HWPT_GET_DIRTY_BITMAP, iommu_hwpt_get_dirty_bitmap, .size = 48, __VA_ARGS__)
  FAILS("bitmap: flags", BITMAP(.flags = 8, .hwpt_id = hwpt.out_hwpt_id));
  FAILS("bitmap: hwpt", BITMAP(.hwpt_id = NO_ID));
  FAILS("bitmap: length", BITMAP(.hwpt_id = hwpt.out_hwpt_id));
  FAILS("bitmap: wraps",
        BITMAP(.hwpt_id = hwpt.out_hwpt_id, .iova = LAST, .length = 3, .page_size = 1));
  FAILS("bitmap", BITMAP(.hwpt_id = hwpt.out_hwpt_id, .length = PAGE, .page_size = PAGE));
#undef BITMAP
#define INVALIDATE(...) \
  ASK(iommufd, IOMMU_HWPT_INVALIDATE, iommu_hwpt_invalidate, .size = 32, __VA_ARGS__)
  FAILS("invalidate: reserved", INVALIDATE(.hwpt_id = NO_ID, .__reserved = 1));
  FAILS("invalidate: no data", INVALIDATE(.hwpt_id = hwpt.out_hwpt_id, .entry_num = 4));
  FAILS("invalidate: hwpt", INVALIDATE(.hwpt_id = NO_ID));
  FAILS("invalidate", INVALIDATE(.hwpt_id = hwpt.out_hwpt_id));
#undef INVALIDATE
#define VIOMMU(...) ASK(iommufd, IOMMU_VIOMMU_ALLOC, iommu_viommu_alloc, .size = 40, __VA_ARGS__)
  FAILS("viommu: size",
        ASK(iommufd, IOMMU_VIOMMU_ALLOC, iommu_viommu_alloc, .size = 20, .dev_id = 1));
  FAILS("viommu: flags", VIOMMU(.flags = 1, .dev_id = 1));
  FAILS("viommu: type", VIOMMU(.dev_id = 1));
  FAILS("viommu: device", VIOMMU(.type = 1, .dev_id = NO_ID));
  FAILS("viommu", VIOMMU(.type = 1, .dev_id = 1));
#undef VIOMMU
  FAILS("vdevice", ASK(iommufd, IOMMU_VDEVICE_ALLOC, iommu_vdevice_alloc, .size = 24));
#define VEVENTQ(...) ASK(iommufd, IOMMU_VEVENTQ_ALLOC, iommu_veventq_alloc, .size = 32, __VA_ARGS__)
  FAILS("veventq: flags", VEVENTQ(.flags = 1));
  FAILS("veventq: type", VEVENTQ(.veventq_depth = 1));
  FAILS("veventq: depth", VEVENTQ(.type = 1));
  FAILS("veventq", VEVENTQ(.type = 1, .veventq_depth = 1));
#undef VEVENTQ
#define HW_QUEUE(...) \
  ASK(iommufd, IOMMU_HW_QUEUE_ALLOC, iommu_hw_queue_alloc, .size = 40, __VA_ARGS__)
  FAILS("hw queue: flags", HW_QUEUE(.flags = 1));
  FAILS("hw queue: type", HW_QUEUE(.length = 1));
  FAILS("hw queue: length", HW_QUEUE(.type = 1));
  FAILS("hw queue: wraps", HW_QUEUE(.type = 1, .length = 2, .nesting_parent_iova = LAST));
  FAILS("hw queue", HW_QUEUE(.type = 1, .length = 1));
#undef HW_QUEUE
  limit_descriptors(open_path("/dev/iommu"));
  FAILS("fault: descriptors", ASK(iommufd, IOMMU_FAULT_QUEUE_ALLOC, iommu_fault_alloc, .size = 16));
  FAILS("open: descriptors", open_path("/dev/iommu"));
}

static void settings(void) {
  set_up();
#define RANGES(...) \
  ASK(iommufd, IOMMU_IOAS_IOVA_RANGES, iommu_ioas_iova_ranges, .size = 32, __VA_ARGS__)
  FAILS("ranges: room", RANGES(.ioas_id = ioas));
  FAILS("ranges: nowhere",
        RANGES(.ioas_id = ioas, .num_iovas = 1, .allowed_iovas = (uintptr_t)nowhere));
  FAILS("ranges: reserved", RANGES(.ioas_id = ioas, .__reserved = 1));
  FAILS("ranges: ioas", RANGES(.ioas_id = NO_ID));
#undef RANGES
#define ALLOW(...) \
  ASK(iommufd, IOMMU_IOAS_ALLOW_IOVAS, iommu_ioas_allow_iovas, .size = 24, __VA_ARGS__)
  const struct iommu_iova_range byte = {PAGE, PAGE};
  FAILS("allow: byte", ALLOW(.ioas_id = ioas, .num_iovas = 1, .allowed_iovas = (uintptr_t)&byte));
  FAILS("allow: nowhere",
        ALLOW(.ioas_id = ioas, .num_iovas = 1, .allowed_iovas = (uintptr_t)nowhere));
#undef ALLOW
  const int fresh = open_path("/dev/iommu");
  FAILS("option: none", set_option(iommufd, 9, 0, 0));
  FAILS("option: object", set_option(iommufd, IOMMU_OPTION_RLIMIT_MODE, 1, 0));
  FAILS("option: late", set_option(iommufd, IOMMU_OPTION_RLIMIT_MODE, 0, 1));
  FAILS("option: value", set_option(fresh, IOMMU_OPTION_RLIMIT_MODE, 0, 2));
  FAILS("option: ioas", set_option(iommufd, IOMMU_OPTION_HUGE_PAGES, 0, 0));
  FAILS("option: op", ASK(fresh, IOMMU_OPTION, iommu_option, .size = 24, .op = 7));
  map(iommufd, ioas, memory, 100, PAGE);
  FAILS("option: odd mapping", set_option(iommufd, IOMMU_OPTION_HUGE_PAGES, ioas, 0));
  unmap(iommufd, ioas, 0, LAST);
  FAILS("vfio_ioas: none", set_vfio_ioas(iommufd, IOMMU_VFIO_IOAS_GET, 0));
  FAILS("vfio_ioas: ioas", set_vfio_ioas(iommufd, IOMMU_VFIO_IOAS_SET, NO_ID));
  FAILS("vfio_ioas: op", set_vfio_ioas(iommufd, 9, 0));
  map(iommufd, ioas, memory, PAGE, PAGE);
  FAILS("process: memory",
        ASK(iommufd, IOMMU_IOAS_CHANGE_PROCESS, iommu_ioas_change_process, .size = 8));
  FAILS("process: reserved", ASK(iommufd, IOMMU_IOAS_CHANGE_PROCESS, iommu_ioas_change_process,
                                 .size = 8, .__reserved = 1));
  attach(device, ioas);
  FAILS("option: attached", set_option(iommufd, IOMMU_OPTION_HUGE_PAGES, ioas, 0));
  drop_capability(CAP_SYS_RESOURCE);
  FAILS("option: weak", set_option(fresh, IOMMU_OPTION_RLIMIT_MODE, 0, 1));
}

static void mapping(void) {
  set_up();
  const uint64_t here = (uintptr_t)memory;
  uint64_t length = PAGE;
  uint64_t physical = 0;
  FAILS("map: flags", map_in(ioas, 8, here, PAGE, 0));
  FAILS("map: reserved", ASK(iommufd, IOMMU_IOAS_MAP, iommu_ioas_map, .size = 40, .flags = BOTH,
                             .ioas_id = ioas, .__reserved = 1, .length = PAGE));
  FAILS("map: last", map_in(ioas, BOTH, here, PAGE, LAST));
  FAILS("map: neither", map_in(ioas, FIXED, here, PAGE, PAGE));
  FAILS("map: ioas", map_in(NO_ID, HERE, here, PAGE, PAGE));
  FAILS("map: memory wraps", map_in(ioas, HERE, ~0xfffULL, 2 * PAGE, PAGE));
  FAILS("map: iova wraps", map_in(ioas, HERE, here, 2 * PAGE, ~0xfffULL));
  FAILS("map: too long", map_in(ioas, BOTH, PAGE, 1ULL << 63, 0));
  FAILS("map: no length", map_in(ioas, HERE, here, 0, PAGE));
  const struct iommu_ioas_map told = {
      .size = 40, .flags = BOTH, .ioas_id = ioas, .user_va = here, .length = PAGE};
  FAILS("map: untold, unattached", ioctl(iommufd, IOMMU_IOAS_MAP, read_only(&told, sizeof(told))));
  set_option(iommufd, IOMMU_OPTION_HUGE_PAGES, ioas, 0);
  FAILS("map: small pages", map_in(ioas, HERE, here, 100, 0x10000));
  set_option(iommufd, IOMMU_OPTION_HUGE_PAGES, ioas, 1);
  unmap(iommufd, ioas, 0, LAST);
  map(iommufd, ioas, memory, PAGE, PAGE);
  FAILS("pa: unattached", get_pa(iommufd, ioas, PAGE, &length, &physical));

  attach(device, ioas);
  FAILS("map: odd length", map_in(ioas, HERE, here, 100, 0x10000));
  FAILS("map: odd iova", map_in(ioas, HERE, here, PAGE, 0x10010));
  FAILS("map: odd memory", map_in(ioas, HERE, here + 16, PAGE, 0x10000));
  FAILS("map: odd memory, no iova", map_in(ioas, BOTH, here + 16, PAGE, 0));
  FAILS("map: exists", map_in(ioas, HERE, here, PAGE, PAGE));
  FAILS("map: no memory", map_in(ioas, HERE, 0x10000, PAGE, 0x10000));
  const struct iommu_ioas_map fixed = {
      .size = 40, .flags = HERE, .ioas_id = ioas, .user_va = here, .length = PAGE, .iova = 0x20000};
  FAILS("map: untold", ioctl(iommufd, IOMMU_IOAS_MAP, read_only(&fixed, sizeof(fixed))));
  FAILS("map: two pieces at the end", map_in(ioas, HERE, here, 3 * PAGE, -3 * PAGE));
  FAILS("unmap: nothing", unmap(iommufd, ioas, 0x900000, PAGE));
  FAILS("unmap: partly", unmap(iommufd, ioas, PAGE, 100));
  FAILS("unmap: no length", unmap(iommufd, ioas, PAGE, 0));
  FAILS("unmap: last", unmap(iommufd, ioas, PAGE, LAST));
  FAILS("unmap: wraps", unmap(iommufd, ioas, PAGE, LAST - 1));
  FAILS("unmap: ioas", unmap(iommufd, NO_ID, PAGE, PAGE));

  length = 0;
  FAILS("pa: no length", get_pa(iommufd, ioas, PAGE, &length, &physical));
  length = 1;
  FAILS("pa: last", get_pa(iommufd, ioas, LAST, &length, &physical));
  FAILS("pa: nothing", get_pa(iommufd, ioas, 0x900000, &length, &physical));
  FAILS("pa: ioas", get_pa(iommufd, NO_ID, PAGE, &length, &physical));
  FAILS("pa: flags", ASK(iommufd, IOMMU_IOAS_NOIOMMU_GET_PA, iommu_ioas_noiommu_get_pa, .size = 40,
                         .flags = 1, .ioas_id = ioas, .iova = PAGE, .length = 1));

  const int file = memfd_create("file", 0);
  if (ftruncate(file, 2 * PAGE) != 0) exit(1);
  FAILS("file: none", map_file(555, 0, PAGE, 0x900000));
  FAILS("file: no memfd", map_file(open_path("/dev/null"), 0, PAGE, 0x900000));
  FAILS("file: short", map_file(file, PAGE, 2 * PAGE, 0x900000));
  FAILS("file: odd start", map_file(file, 16, PAGE, 0x900000));
  FAILS("file: wraps", map_file(file, ~0xfffULL, 2 * PAGE, 0x900000));
  FAILS("file: exists", map_file(file, 0, PAGE, PAGE));

  const uint32_t source = (uint32_t)alloc_ioas(iommufd);
  map_in(source, HERE, here, 8 * PAGE, PAGE);
  map_in(source, FIXED | READ, here, PAGE, 0x10000);
  map_in(source, HERE, 0x10000, PAGE, 0x11000);
#define COPY(...) ASK(iommufd, IOMMU_IOAS_COPY, iommu_ioas_copy, .size = 40, __VA_ARGS__)
#define COPY_OF(at, bytes, to)                                                                     \
  COPY(.flags = HERE, .src_ioas_id = source, .src_iova = at, .length = bytes, .dst_ioas_id = ioas, \
       .dst_iova = to)
  FAILS("copy: flags", COPY(.flags = 8, .src_ioas_id = source));
  FAILS("copy: neither", COPY(.flags = FIXED, .src_ioas_id = source));
  FAILS("copy: last", COPY_OF(LAST, PAGE, 0x50000));
  FAILS("copy: no length", COPY_OF(PAGE, 0, 0x50000));
  FAILS("copy: no source",
        COPY(.flags = HERE, .src_ioas_id = NO_ID, .length = PAGE, .dst_iova = 0x50000));
  FAILS("copy: gap", COPY_OF(0x900000, PAGE, 0x50000));
  FAILS("copy: no destination", COPY(.flags = HERE, .src_ioas_id = source, .src_iova = PAGE,
                                     .length = PAGE, .dst_ioas_id = NO_ID));
  FAILS("copy: odd", COPY_OF(PAGE, PAGE, 0x50010));
  FAILS("copy: exists", COPY_OF(PAGE, PAGE, PAGE));
  FAILS("copy: not writeable", COPY_OF(0x10000, PAGE, 0x50000));
  FAILS("copy: no memory", COPY_OF(0x11000, PAGE, 0x50000));
  limit_locked_memory();
  const uint32_t limited = (uint32_t)alloc_ioas(iommufd);
  map_in(limited, HERE, here, 8 * PAGE, PAGE);
  FAILS("copy: memlock", COPY(.flags = HERE, .src_ioas_id = limited, .src_iova = PAGE,
                              .length = 8 * PAGE, .dst_ioas_id = ioas, .dst_iova = 0x50000));
  FAILS("map: memlock", map_in(ioas, HERE, here, 8 * PAGE, 0x60000));
#undef COPY_OF
#undef COPY
  drop_capability(CAP_SYS_RAWIO);
  FAILS("pa: weak", get_pa(iommufd, ioas, PAGE, &length, &physical));
}

/* The container ioctls on an iommufd. */
static void compat(void) {
  set_up();
  FAILS("set_iommu 8", ioctl(iommufd, VFIO_SET_IOMMU, VFIO_NOIOMMU_IOMMU));
  FAILS("set_iommu 1, no ioas", ioctl(iommufd, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU));
  FAILS("extension 4", ioctl(iommufd, VFIO_CHECK_EXTENSION, VFIO_DMA_CC_IOMMU));
  FAILS("map_dma: no ioas", map_dma(iommufd, 3, memory, 0, PAGE));
  FAILS("unmap_dma: no ioas", unmap_dma(iommufd, 0, 0, PAGE));
  FAILS("get_info: no ioas", ASK(iommufd, VFIO_IOMMU_GET_INFO, vfio_iommu_type1_info, .argsz = 24));
  set_vfio_ioas(iommufd, IOMMU_VFIO_IOAS_SET, ioas);
  map_dma(iommufd, 3, memory, 0, PAGE);
  FAILS("map_dma: flags", map_dma(iommufd, 8, memory, 0, PAGE));
  FAILS("map_dma: exists", map_dma(iommufd, 3, memory, 0, PAGE));
  FAILS("map_dma: no size", map_dma(iommufd, 3, memory, 0x10000, 0));
  FAILS("map_dma: wraps", map_dma(iommufd, 3, memory, ~0xfffULL, 2 * PAGE));
  FAILS("map_dma: null", ioctl(iommufd, VFIO_IOMMU_MAP_DMA, NULL));
  FAILS("unmap_dma: partly", unmap_dma(iommufd, 0, 0, 100));
  FAILS("unmap_dma: wraps", unmap_dma(iommufd, 0, LAST, 100));
  FAILS("unmap_dma: all", unmap_dma(iommufd, 2, PAGE, 0));
  FAILS("unmap_dma: no size", unmap_dma(iommufd, 0, 0, 0));
  attach(device, ioas);
  FAILS("map_dma: no memory", map_dma(iommufd, 3, (void*)0x10000, 0x10000, PAGE));
  FAILS("map_dma: odd", map_dma(iommufd, 3, memory, 0x10000, 100));
  FAILS("map_dma: neither", map_dma(iommufd, 0, memory, 0x10000, PAGE));
  FAILS("set_iommu 1, attached", ioctl(iommufd, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU));
  detach(device);
  unmap_dma(iommufd, 2, 0, 0);
  ioctl(iommufd, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU);
  map_dma(iommufd, 3, memory, 0, 2 * PAGE);
  FAILS("unmap_dma: odd cut", unmap_dma(iommufd, 0, 0, 100));
}

static int feature(uint32_t argsz, uint32_t flags) {
  return ASK(device, VFIO_DEVICE_FEATURE, vfio_device_feature, .argsz = argsz, .flags = flags);
}
static int wake_by(int fd) {
  const struct {
    struct vfio_device_feature feature;
    struct vfio_device_low_power_entry_with_wakeup entry;
  } ask = {{.argsz = 16,
            .flags = VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP},
           {.wakeup_eventfd = fd}};
  return ioctl(device, VFIO_DEVICE_FEATURE, &ask);
}
static int dma_buf(uint32_t bar, uint32_t ranges, uint64_t offset, uint64_t length) {
  const struct {
    struct vfio_device_feature feature;
    struct vfio_device_feature_dma_buf buffer;
    struct vfio_region_dma_range range;
  } ask = {{.argsz = 40, .flags = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_DMA_BUF},
           {.region_index = bar, .open_flags = O_RDWR, .nr_ranges = ranges},
           {.offset = offset, .length = length}};
  return ioctl(device, VFIO_DEVICE_FEATURE, &ask);
}

static void features(void) {
  set_up();
  attach(device, ioas);
  FAILS("feature: short", feature(4, 0));
  FAILS("feature: flags", feature(8, 0x80000));
  FAILS("feature: get and set", feature(8, 0x30003));
  FAILS("feature: no act", feature(8, 3));
  FAILS("feature: unknown", feature(8, 0x10063));
  FAILS("feature: precopy", feature(8, 12));
  FAILS("low power: got", feature(8, 0x10003));
  FAILS("low power: short", feature(8, 0x20004));
  feature(8, 0x20003);
  FAILS("low power: twice", feature(8, 0x20003));
  FAILS("wakeup: closed", wake_by(444));
  FAILS("wakeup: negative", wake_by(-3));
  FAILS("wakeup: no eventfd", wake_by(STDIN_FILENO));
  feature(8, 0x20005);
  FAILS("dma-buf: no ranges", dma_buf(0, 0, 0, PAGE));
  FAILS("dma-buf: odd", dma_buf(0, 1, 0, 100));
  FAILS("dma-buf: beyond", dma_buf(0, 1, 0x100000, PAGE));
  FAILS("dma-buf: no BAR", dma_buf(6, 1, 0, PAGE));
  const int buffer = dma_buf(0, 1, 0, PAGE);
  FAILS("dma-buf: read", read(buffer, memory, 4));
  FAILS("dma-buf: mmap", mmap(NULL, PAGE, PROT_READ, MAP_SHARED, buffer, 0));
  FAILS("dma-buf: ioctl", destroy(buffer, 1));
  map_file(buffer, 0, PAGE, 0x700000);
  FAILS("dma-buf: map beyond", map_file(buffer, 0, 2 * PAGE, 0x800000));
  write_register(device, COMMAND_OFFSET, 0, 2);
  uint64_t length = 1;
  uint64_t physical = 0;
  FAILS("dma-buf: revoked", get_pa(iommufd, ioas, 0x700000, &length, &physical));
  FAILS("dma-buf: map revoked", map_file(buffer, 0, PAGE, 0x800000));
}

static int set_irqs(uint32_t argsz, uint32_t flags, uint32_t index, uint32_t start, uint32_t count,
                    int fd) {
  const struct {
    struct vfio_irq_set set;
    int32_t fds[8];
  } ask = {{.argsz = argsz, .flags = flags, .index = index, .start = start, .count = count},
           {fd, fd, fd, fd, fd, fd, fd, fd}};
  return ioctl(device, VFIO_DEVICE_SET_IRQS, &ask);
}

static void interrupts(void) {
  enum { NONE = 1, EVENTFD = 4, MASK = 8, UNMASK = 16, TRIGGER = 32 };
  enum { INTX, MSI, MSIX, ERR, REQ, ALL_ARGSZ = 52 };
  set_up();
  const int event = eventfd(0, 0);
  FAILS("irqs: short", set_irqs(8, EVENTFD | TRIGGER, MSI, 0, 1, event));
  FAILS("irqs: index", set_irqs(ALL_ARGSZ, EVENTFD | TRIGGER, 9, 0, 1, event));
  FAILS("irqs: overflow", set_irqs(ALL_ARGSZ, EVENTFD | TRIGGER, MSI, 1, 0xfffffffe, event));
  FAILS("irqs: flags", set_irqs(ALL_ARGSZ, 64 | EVENTFD | TRIGGER, MSI, 0, 1, event));
  FAILS("irqs: four MSI", set_irqs(ALL_ARGSZ, EVENTFD | TRIGGER, MSI, 0, 4, event));
  FAILS("irqs: two MSI, no type", set_irqs(ALL_ARGSZ, TRIGGER, MSI, 0, 2, event));
  FAILS("irqs: two MSI, short data", set_irqs(24, EVENTFD | TRIGGER, MSI, 0, 2, event));
  FAILS("irqs: MSI-X", set_irqs(ALL_ARGSZ, EVENTFD | TRIGGER, MSIX, 0, 1, event));
  FAILS("irqs: no type", set_irqs(ALL_ARGSZ, TRIGGER, MSI, 0, 1, event));
  FAILS("irqs: short data", set_irqs(20, EVENTFD | TRIGGER, MSI, 0, 1, event));
  FAILS("irqs: null", ioctl(device, VFIO_DEVICE_SET_IRQS, NULL));
  FAILS("irqs: two actions", set_irqs(ALL_ARGSZ, NONE | MASK | UNMASK, INTX, 0, 1, 0));
  FAILS("irqs: mask MSI", set_irqs(ALL_ARGSZ, NONE | MASK, MSI, 0, 1, 0));
  FAILS("irqs: not open", set_irqs(ALL_ARGSZ, EVENTFD | TRIGGER, MSI, 0, 1, 444));
  FAILS("irqs: no eventfd", set_irqs(ALL_ARGSZ, EVENTFD | TRIGGER, MSI, 0, 1, STDIN_FILENO));
  FAILS("irqs: not enabled", set_irqs(ALL_ARGSZ, NONE | TRIGGER, MSI, 0, 1, 0));
  FAILS("irqs: none at all", set_irqs(ALL_ARGSZ, EVENTFD | TRIGGER, MSI, 0, 0, 0));
  FAILS("irqs: mask, not enabled", set_irqs(ALL_ARGSZ, NONE | MASK, INTX, 0, 1, 0));
  FAILS("irqs: no INTx", set_irqs(ALL_ARGSZ, EVENTFD | TRIGGER, INTX, 0, 0, 0));
  set_irqs(ALL_ARGSZ, EVENTFD | TRIGGER, INTX, 0, 1, event);
  FAILS("irqs: mask by eventfd", set_irqs(ALL_ARGSZ, EVENTFD | MASK, INTX, 0, 1, event));
  FAILS("irqs: MSI besides INTx", set_irqs(ALL_ARGSZ, EVENTFD | TRIGGER, MSI, 0, 1, -1));
  FAILS("irqs: no MSI besides INTx", set_irqs(ALL_ARGSZ, EVENTFD | TRIGGER, MSI, 0, 0, 0));
  FAILS("irqs: ERR unset", set_irqs(ALL_ARGSZ, NONE | TRIGGER, ERR, 0, 1, 0));
  FAILS("irqs: ERR negative", set_irqs(ALL_ARGSZ, EVENTFD | TRIGGER, ERR, 0, 1, -2));
  FAILS("irqs: ERR no eventfd", set_irqs(ALL_ARGSZ, EVENTFD | TRIGGER, ERR, 0, 1, STDIN_FILENO));
  FAILS("irqs: no REQ", set_irqs(ALL_ARGSZ, EVENTFD | TRIGGER, REQ, 0, 0, 0));
}

static void accesses(void) {
  set_up();
  const struct iovec buffers = {memory, 4};
  const int reader = open(NODE_1, O_RDONLY);
  bind_device(reader, iommufd);
  FAILS("info: short", ASK(device, VFIO_DEVICE_GET_INFO, vfio_device_info, .argsz = 8));
  FAILS("region: short", ASK(device, VFIO_DEVICE_GET_REGION_INFO, vfio_region_info, .argsz = 8));
  FAILS("region: none",
        ASK(device, VFIO_DEVICE_GET_REGION_INFO, vfio_region_info, .argsz = 32, .index = 8));
  FAILS("irq: none", ASK(device, VFIO_DEVICE_GET_IRQ_INFO, vfio_irq_info, .argsz = 16, .index = 5));
  FAILS("reset", ioctl(device, VFIO_DEVICE_RESET));
  FAILS("hot reset info",
        ASK(device, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, vfio_pci_hot_reset_info, .argsz = 12));
  FAILS("hot reset: flags",
        ASK(device, VFIO_DEVICE_PCI_HOT_RESET, vfio_pci_hot_reset, .argsz = 12, .flags = 1));
  FAILS("hot reset: count",
        ASK(device, VFIO_DEVICE_PCI_HOT_RESET, vfio_pci_hot_reset, .argsz = 12, .count = 1));
  FAILS("hot reset", ASK(device, VFIO_DEVICE_PCI_HOT_RESET, vfio_pci_hot_reset, .argsz = 12));
  FAILS("no command of a device", ioctl(device, VFIO_DEVICE_IOEVENTFD, NULL));

  FAILS("read: no region", pread(device, memory, 4, 9LL << 40));
  FAILS("read: negative", pread(device, memory, 4, -1));
  FAILS("read: no BAR", pread(device, memory, 4, 1LL << 40));
  FAILS("read: beyond config", pread(device, memory, 8, CONFIG_OFFSET + 252));
  FAILS("read: config to nowhere", pread(device, nowhere, 4, CONFIG_OFFSET));
  FAILS("read: BAR to nowhere", pread(device, nowhere, 4, 0));
  FAILS("write: from nowhere", pwrite(device, nowhere, 4, 0));
  FAILS("write: ROM", pwrite(device, memory, 4, 6LL << 40));
  FAILS("readv: no region", preadv(device, &buffers, 1, 9LL << 40));
  FAILS("seek", lseek(device, CONFIG_OFFSET, SEEK_SET));
  FAILS("truncate", ftruncate(device, 0));
  FAILS("allocate", fallocate(device, 0, 0, PAGE));
  FAILS("sync", fsync(device));
  FAILS("send", sendfile(device, STDIN_FILENO, NULL, 4));
  FAILS("readv: flags", preadv2(device, &buffers, 1, CONFIG_OFFSET, RWF_NOWAIT));
  FAILS("write: opened for reading", pwrite(reader, memory, 4, 0));
  FAILS("mmap: opened for reading",
        mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, reader, 0));
  FAILS("mmap: private", mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, device, 0));
  FAILS("mmap: config", mmap(NULL, PAGE, PROT_READ, MAP_SHARED, device, CONFIG_OFFSET));
  FAILS("mmap: no BAR", mmap(NULL, PAGE, PROT_READ, MAP_SHARED, device, 1LL << 40));
  FAILS("mmap: beyond", mmap(NULL, 0x200000, PROT_READ, MAP_SHARED, device, 0));
  FAILS("mmap: no length", mmap(NULL, 0, PROT_READ, MAP_SHARED, device, 0));
  write_register(device, COMMAND_OFFSET, 0, 2);
  FAILS("read: no decoding", pread(device, memory, 4, 0));
  FAILS("iommufd: read", read(iommufd, memory, 4));
  FAILS("iommufd: mmap", mmap(NULL, PAGE, PROT_READ, MAP_SHARED, iommufd, 0));
}

static void groups(void) {
  const int group = open_path("/dev/vfio/noiommu-0");
  const int container = open_path("/dev/vfio/vfio");
  const int null = open("/dev/null", O_RDWR);
  const int closed = 777;
  iommufd = open_path("/dev/iommu");
  FAILS("open: twice", open_path("/dev/vfio/noiommu-0"));
  FAILS("status: short", ASK(group, VFIO_GROUP_GET_STATUS, vfio_group_status, .argsz = 4));
  FAILS("status: null", ioctl(group, VFIO_GROUP_GET_STATUS, NULL));
  FAILS("unset: none", ioctl(group, VFIO_GROUP_UNSET_CONTAINER));
  FAILS("fd: no container", ioctl(group, VFIO_GROUP_GET_DEVICE_FD, BDF));
  FAILS("fd: blank, no container", ioctl(group, VFIO_GROUP_GET_DEVICE_FD, BDF " "));
  FAILS("fd: token", ioctl(group, VFIO_GROUP_GET_DEVICE_FD, BDF " vf_token=1"));
  FAILS("fd: name", ioctl(group, VFIO_GROUP_GET_DEVICE_FD, "00:04.0"));
  FAILS("set: closed", ioctl(group, VFIO_GROUP_SET_CONTAINER, &closed));
  FAILS("set: other file", ioctl(group, VFIO_GROUP_SET_CONTAINER, &null));
  ioctl(group, VFIO_GROUP_SET_CONTAINER, &container);
  FAILS("set: again", ioctl(group, VFIO_GROUP_SET_CONTAINER, &iommufd));
  FAILS("fd: no backend", ioctl(group, VFIO_GROUP_GET_DEVICE_FD, BDF));
  FAILS("set_iommu: 1", ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU));
  const int parameter = open(PARAMETER, O_WRONLY);
  if (write(parameter, "N", 1) != 1) exit(1);
  FAILS("set_iommu: off", ioctl(container, VFIO_SET_IOMMU, VFIO_NOIOMMU_IOMMU));
  if (write(parameter, "Y", 1) != 1) exit(1);
  ioctl(container, VFIO_SET_IOMMU, VFIO_NOIOMMU_IOMMU);
  FAILS("set_iommu: again", ioctl(container, VFIO_SET_IOMMU, VFIO_NOIOMMU_IOMMU));
  FAILS("map_dma", map_dma(container, 3, NULL, 0, 0));
  FAILS("unmap_dma", unmap_dma(container, 0, 0, 0));
  FAILS("get_info", ASK(container, VFIO_IOMMU_GET_INFO, vfio_iommu_type1_info, .argsz = 24));
  device = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, BDF);
  FAILS("unset: busy", ioctl(group, VFIO_GROUP_UNSET_CONTAINER));
  const char token[16] = {0};
  FAILS("bind: of a group", bind_device(device, iommufd));
  FAILS("bind: of a group with token", bind_with(device, 24, 1, token));
  FAILS("attach: of a group", attach(device, 1));
  FAILS("detach: of a group", detach(device));
  FAILS("hot reset: of a group",
        ASK(device, VFIO_DEVICE_PCI_HOT_RESET, vfio_pci_hot_reset, .argsz = 12));
  FAILS("bind: group open", bind_device(open_path(NODE_0), iommufd));
  close(device);
  ioctl(group, VFIO_GROUP_UNSET_CONTAINER);

  ioctl(group, VFIO_GROUP_SET_CONTAINER, &iommufd);
  FAILS("set_iommu: 1 in no-IOMMU mode", ioctl(iommufd, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU));
  ioas = (uint32_t)alloc_ioas(iommufd);
  set_vfio_ioas(iommufd, IOMMU_VFIO_IOAS_SET, ioas);
  FAILS("fd: with an IOAS", ioctl(group, VFIO_GROUP_GET_DEVICE_FD, BDF));
  ioctl(group, VFIO_GROUP_UNSET_CONTAINER);
  FAILS("set: with an IOAS", ioctl(group, VFIO_GROUP_SET_CONTAINER, &iommufd));
  FAILS("group: read", read(group, (void*)token, 4));
  FAILS("group: mmap", mmap(NULL, PAGE, PROT_READ, MAP_SHARED, group, 0));
  FAILS("group: seek", lseek(group, 0, SEEK_SET));
  const int other = open_path("/dev/iommu");
  ioctl(group, VFIO_GROUP_SET_CONTAINER, &other);
  drop_capability(CAP_SYS_RAWIO);
  FAILS("fd: weak", ioctl(group, VFIO_GROUP_GET_DEVICE_FD, BDF));
  FAILS("set_iommu: weak", ioctl(other, VFIO_SET_IOMMU, VFIO_NOIOMMU_IOMMU));
  ioctl(group, VFIO_GROUP_UNSET_CONTAINER);
  FAILS("set: weak", ioctl(group, VFIO_GROUP_SET_CONTAINER, &container));
  FAILS("open group: weak", open_path("/dev/vfio/noiommu-1"));
  FAILS("open device: weak", open_path(NODE_1));
}

/* Type 1: the first function is behind an IOMMU. */
static void type1(void) {
  const int group = open_path("/dev/vfio/1");
  const int container = open_path("/dev/vfio/vfio");
  iommufd = open_path("/dev/iommu");
  memory = new_memory(16 * PAGE);
  memset(memory, 1, 16 * PAGE);
  ioctl(group, VFIO_GROUP_SET_CONTAINER, &container);
  FAILS("set_iommu: 8", ioctl(container, VFIO_SET_IOMMU, VFIO_NOIOMMU_IOMMU));
  FAILS("set_iommu: 9", ioctl(container, VFIO_SET_IOMMU, VFIO_UNMAP_ALL));
  FAILS("set_iommu: 2", ioctl(container, VFIO_SET_IOMMU, VFIO_SPAPR_TCE_IOMMU));
  ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU);
  map_dma(container, 3, memory, PAGE, 2 * PAGE);
  FAILS("map_dma: short", ASK(container, VFIO_IOMMU_MAP_DMA, vfio_iommu_type1_dma_map, .argsz = 8));
  FAILS("map_dma: flags", map_dma(container, 8, memory, PAGE, PAGE));
  FAILS("map_dma: neither", map_dma(container, 0, memory, PAGE, PAGE));
  FAILS("map_dma: no size", map_dma(container, 3, memory, PAGE, 0));
  FAILS("map_dma: odd", map_dma(container, 3, memory, PAGE, 100));
  FAILS("map_dma: exists", map_dma(container, 3, memory, PAGE, PAGE));
  FAILS("map_dma: no memory", map_dma(container, 3, (void*)0x10000, 0x10000, PAGE));
  FAILS("map_dma: wraps", map_dma(container, 3, memory, ~0xfffULL, 2 * PAGE));
  FAILS("map_dma: null", ioctl(container, VFIO_IOMMU_MAP_DMA, NULL));
  FAILS("unmap_dma: cut", unmap_dma(container, 0, PAGE, PAGE));
  FAILS("unmap_dma: no size", unmap_dma(container, 0, PAGE, 0));
  FAILS("unmap_dma: odd", unmap_dma(container, 0, PAGE + 1, 16));
  FAILS("unmap_dma: wraps", unmap_dma(container, 0, ~0xfffULL, 2 * PAGE));
  FAILS("unmap_dma: all", unmap_dma(container, 2, PAGE, 0));
  FAILS("get_info: short", ASK(container, VFIO_IOMMU_GET_INFO, vfio_iommu_type1_info, .argsz = 8));
  const int plain_group = open_path("/dev/vfio/noiommu-2");
  FAILS("mixed", ioctl(plain_group, VFIO_GROUP_SET_CONTAINER, &container));
  close(plain_group);
  limit_locked_memory();
  FAILS("map_dma: memlock", map_dma(container, 3, memory, 0x100000, 8 * PAGE));

  ioctl(group, VFIO_GROUP_UNSET_CONTAINER);
  ioctl(group, VFIO_GROUP_SET_CONTAINER, &iommufd);
  set_vfio_ioas(iommufd, IOMMU_VFIO_IOAS_CLEAR, 0);
  FAILS("fd: IOAS lost", ioctl(group, VFIO_GROUP_GET_DEVICE_FD, BDF));

  device = open_path("/dev/vfio/devices/vfio0");
  const int plain = open_path(NODE_1);
  iommufd = open_path("/dev/iommu");
  close(group);
  bind_device(plain, iommufd);
  bind_device(device, iommufd);
  ioas = (uint32_t)alloc_ioas(iommufd);
  struct iommu_hwpt_alloc hwpt = {.size = 48, .dev_id = 1, .pt_id = ioas};
  ioctl(iommufd, IOMMU_HWPT_ALLOC, &hwpt);
  FAILS("attach: software table", attach(device, hwpt.out_hwpt_id));
  attach(device, (uint32_t)alloc_ioas(iommufd));
  FAILS("replace: software table", attach(device, hwpt.out_hwpt_id));
}

static void write_to(const char* path, const char* text) {
  const int file = open(path, O_WRONLY);
  answer(write(file, text, strlen(text)));
  close(file);
}

static void attributes(void) {
  const char* bind = "/sys/bus/pci/drivers/vfio-pci/bind";
  const char* unbind = "/sys/bus/pci/drivers/vfio-pci/unbind";
  const char* type = "/sys/kernel/iommu_groups/0/type";
  close(open_path("/dev/iommu"));
#define WRITE_FAILS(name, path, text) (say(name), write_to(path, text))
  WRITE_FAILS("bind: bound", bind, "0000:00:05.0");
  WRITE_FAILS("bind: no device", bind, "nothing");
  write_to(unbind, "0000:00:05.0");
  WRITE_FAILS("unbind: unbound", unbind, "0000:00:05.0");
  write_to(PARAMETER, "N");
  WRITE_FAILS("bind: off", bind, "0000:00:05.0");
  WRITE_FAILS("parameter", PARAMETER, "2");
  WRITE_FAILS("type", type, "identity");
  WRITE_FAILS("probe", "/sys/bus/pci/drivers_probe", "nothing");
  FAILS("attribute: read only", open("/sys/bus/pci/devices/" BDF "/vendor", O_RDWR));
  drop_capability(CAP_SYS_RAWIO);
  WRITE_FAILS("type: weak", type, "identity");
#undef WRITE_FAILS
}

/* Where the configuration has no IOMMUFD_NOIOMMU, on a revision that binds all the same. */
static void not_built(void) {
  iommufd = open_path("/dev/iommu");
  device = open_path("/dev/vfio/devices/vfio0");
  FAILS("bind", bind_device(device, iommufd));
  close(device);
  const int group = open_path("/dev/vfio/noiommu-0");
  ioctl(group, VFIO_GROUP_SET_CONTAINER, &iommufd);
  FAILS("fd", ioctl(group, VFIO_GROUP_GET_DEVICE_FD, BDF));
  uint64_t length = 0;
  uint64_t physical = 0;
  FAILS("pa", get_pa(iommufd, NO_ID, 0, &length, &physical));
}

static const struct {
  const char* name;
  void (*run)(void);
} kTopics[] = {
    {"wrong_files", wrong_files}, {"binding", binding},     {"attaching", attaching},
    {"objects", objects},         {"settings", settings},   {"mapping", mapping},
    {"compat", compat},           {"features", features},   {"interrupts", interrupts},
    {"accesses", accesses},       {"groups", groups},       {"type1", type1},
    {"attributes", attributes},   {"not_built", not_built},
};

int main(int argc, char** argv) {
  for (size_t i = 0; argc > 1 && i < sizeof(kTopics) / sizeof(*kTopics); ++i) {
    if (strcmp(argv[1], kTopics[i].name) != 0) continue;
    kTopics[i].run();
    return 0;
  }
  return 2;
}
