// A program that uses /dev/iommu and VFIO devices, one call per command.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "model/mm/memfd.h"
#include "tests/support/program.h"
#include "uapi/iommufd.h"
#include "uapi/vfio.h"

namespace noiommu::tests {

inline constexpr uint64_t kKiB = 1024;
inline constexpr uint64_t kMiB = 1024 * kKiB;
inline constexpr uint64_t kGiB = 1024 * kMiB;
inline constexpr uint64_t kEverything = UINT64_MAX;
inline constexpr uint32_t kReadWrite = IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE;
inline constexpr uint32_t kFixed = IOMMU_IOAS_MAP_FIXED_IOVA;

// A physically contiguous run, as GET_PA answers it.
struct Extent {
  int64_t answer = 0;  // 0 or -errno
  uint64_t length = 0;
  PhysAddr phys;
};

// The commands, for whoever has ioctl(). Answers are 0 or what the command gives, or -errno,
// unless said otherwise.
template <class Caller>
class Commands : public Caller {
 public:
  using Caller::Caller;

  int64_t ioas_alloc() {
    iommu_ioas_alloc alloc{.size = sizeof(alloc), .flags = 0, .out_ioas_id = 0};
    const int64_t done = this->ioctl(iommufd, IOMMU_IOAS_ALLOC, alloc);
    return done < 0 ? done : alloc.out_ioas_id;
  }
  int64_t destroy(int64_t id) {
    iommu_destroy destroy{.size = sizeof(destroy), .id = static_cast<uint32_t>(id)};
    return this->ioctl(iommufd, IOMMU_DESTROY, destroy);
  }

  static iommu_ioas_map map_request(int64_t ioas, UserPtr va, uint64_t length, uint64_t iova = 0,
                                    uint32_t flags = kReadWrite) {
    return {.size = sizeof(iommu_ioas_map),
            .flags = flags,
            .ioas_id = static_cast<uint32_t>(ioas),
            .__reserved = 0,
            .user_va = va.value,
            .length = length,
            .iova = iova};
  }
  // At an address that the kernel chooses, which is the answer.
  int64_t map(int64_t ioas, UserPtr va, uint64_t length, uint32_t flags = kReadWrite) {
    auto request = map_request(ioas, va, length, 0, flags);
    const int64_t done = this->ioctl(iommufd, IOMMU_IOAS_MAP, request);
    return done < 0 ? done : static_cast<int64_t>(request.iova);
  }
  int64_t map_at(int64_t ioas, UserPtr va, uint64_t length, uint64_t iova,
                 uint32_t flags = kReadWrite) {
    auto request = map_request(ioas, va, length, iova, flags | kFixed);
    return this->ioctl(iommufd, IOMMU_IOAS_MAP, request);
  }
  // The bytes removed.
  int64_t unmap(int64_t ioas, uint64_t iova, uint64_t length) {
    iommu_ioas_unmap request{.size = sizeof(request),
                             .ioas_id = static_cast<uint32_t>(ioas),
                             .iova = iova,
                             .length = length};
    const int64_t done = this->ioctl(iommufd, IOMMU_IOAS_UNMAP, request);
    return done < 0 ? done : static_cast<int64_t>(request.length);
  }
  int64_t unmap_all(int64_t ioas) { return unmap(ioas, 0, kEverything); }

  static iommu_ioas_copy copy_request(int64_t to, int64_t from, uint64_t from_iova, uint64_t length,
                                      uint64_t to_iova = 0, uint32_t flags = kReadWrite) {
    return {.size = sizeof(iommu_ioas_copy),
            .flags = flags,
            .dst_ioas_id = static_cast<uint32_t>(to),
            .src_ioas_id = static_cast<uint32_t>(from),
            .length = length,
            .dst_iova = to_iova,
            .src_iova = from_iova};
  }
  // To an address that the kernel chooses, which is the answer.
  int64_t copy(int64_t to, int64_t from, uint64_t from_iova, uint64_t length,
               uint32_t flags = kReadWrite) {
    auto request = copy_request(to, from, from_iova, length, 0, flags);
    const int64_t done = this->ioctl(iommufd, IOMMU_IOAS_COPY, request);
    return done < 0 ? done : static_cast<int64_t>(request.dst_iova);
  }
  int64_t copy_to(int64_t to, uint64_t to_iova, int64_t from, uint64_t from_iova, uint64_t length,
                  uint32_t flags = kReadWrite) {
    auto request = copy_request(to, from, from_iova, length, to_iova, flags | kFixed);
    return this->ioctl(iommufd, IOMMU_IOAS_COPY, request);
  }

  static iommu_ioas_map_file map_file_request(int64_t ioas, int fd, uint64_t start, uint64_t length,
                                              uint64_t iova = 0, uint32_t flags = kReadWrite) {
    return {.size = sizeof(iommu_ioas_map_file),
            .flags = flags,
            .ioas_id = static_cast<uint32_t>(ioas),
            .fd = fd,
            .start = start,
            .length = length,
            .iova = iova};
  }
  // At an address that the kernel chooses, which is the answer.
  int64_t map_file(int64_t ioas, int fd, uint64_t start, uint64_t length,
                   uint32_t flags = kReadWrite) {
    auto request = map_file_request(ioas, fd, start, length, 0, flags);
    const int64_t done = this->ioctl(iommufd, IOMMU_IOAS_MAP_FILE, request);
    return done < 0 ? done : static_cast<int64_t>(request.iova);
  }
  int64_t map_file_at(int64_t ioas, int fd, uint64_t start, uint64_t length, uint64_t iova,
                      uint32_t flags = kReadWrite) {
    auto request = map_file_request(ioas, fd, start, length, iova, flags | kFixed);
    return this->ioctl(iommufd, IOMMU_IOAS_MAP_FILE, request);
  }

  static iommu_option option_request(uint32_t option, uint16_t op, int64_t object,
                                     uint64_t value = 0) {
    return {.size = sizeof(iommu_option),
            .option_id = option,
            .op = op,
            .__reserved = 0,
            .object_id = static_cast<uint32_t>(object),
            .val64 = value};
  }
  int64_t set_option(uint32_t option, int64_t object, uint64_t value) {
    auto request = option_request(option, IOMMU_OPTION_OP_SET, object, value);
    return this->ioctl(iommufd, IOMMU_OPTION, request);
  }
  // The value.
  int64_t get_option(uint32_t option, int64_t object) {
    auto request = option_request(option, IOMMU_OPTION_OP_GET, object, UINT64_MAX);
    const int64_t done = this->ioctl(iommufd, IOMMU_OPTION, request);
    return done < 0 ? done : static_cast<int64_t>(request.val64);
  }
  int64_t set_huge_pages(int64_t ioas, bool on) {
    return set_option(IOMMU_OPTION_HUGE_PAGES, ioas, on ? 1 : 0);
  }

  int64_t change_process() {
    iommu_ioas_change_process request{.size = sizeof(request), .__reserved = 0};
    return this->ioctl(iommufd, IOMMU_IOAS_CHANGE_PROCESS, request);
  }

  // What the container emulation maps in: SET, CLEAR, and GET, which answers the id.
  int64_t set_vfio_ioas(int64_t ioas) { return vfio_ioas(IOMMU_VFIO_IOAS_SET, ioas); }
  int64_t clear_vfio_ioas() { return vfio_ioas(IOMMU_VFIO_IOAS_CLEAR, 0); }
  int64_t get_vfio_ioas() { return vfio_ioas(IOMMU_VFIO_IOAS_GET, 0); }

  static iommu_hwpt_alloc hwpt_request(int64_t device, int64_t pt, uint32_t flags = 0,
                                       int64_t fault = 0) {
    iommu_hwpt_alloc request{};
    request.size = sizeof(request);
    request.flags = flags;
    request.dev_id = static_cast<uint32_t>(device);
    request.pt_id = static_cast<uint32_t>(pt);
    request.fault_id = static_cast<uint32_t>(fault);
    return request;
  }
  // The id of a page table for a device, by its id, that is made now and not by attaching.
  int64_t hwpt_alloc(int64_t device, int64_t pt, uint32_t flags = 0, int64_t fault = 0) {
    auto request = hwpt_request(device, pt, flags, fault);
    const int64_t done = this->ioctl(iommufd, IOMMU_HWPT_ALLOC, request);
    return done < 0 ? done : request.out_hwpt_id;
  }
  // A queue of page faults; on failure `id` is -errno.
  struct FaultQueue {
    int64_t id = 0;
    int fd = -1;
  };
  FaultQueue fault_queue() {
    iommu_fault_alloc request{};
    request.size = sizeof(request);
    const int64_t done = this->ioctl(iommufd, IOMMU_FAULT_QUEUE_ALLOC, request);
    if (done < 0) return {done, -1};
    return {request.out_fault_id, static_cast<int>(request.out_fault_fd)};
  }

  static iommu_ioas_noiommu_get_pa get_pa_request(int64_t ioas, uint64_t iova, uint64_t length) {
    return {.size = sizeof(iommu_ioas_noiommu_get_pa),
            .flags = 0,
            .ioas_id = static_cast<uint32_t>(ioas),
            .__reserved = 0,
            .iova = iova,
            .length = length,
            .out_phys = 0};
  }
  Extent get_pa(int64_t ioas, uint64_t iova, uint64_t length = kEverything) {
    auto request = get_pa_request(ioas, iova, length);
    const int64_t done = this->ioctl(iommufd, IOMMU_IOAS_NOIOMMU_GET_PA, request);
    return {done, request.length, {request.out_phys}};
  }
  // What IOVA_RANGES says of it, 1 without a domain.
  uint64_t alignment(int64_t ioas) {
    iommu_ioas_iova_ranges ranges{};
    ranges.size = sizeof(ranges);
    ranges.ioas_id = static_cast<uint32_t>(ioas);
    this->ioctl(iommufd, IOMMU_IOAS_IOVA_RANGES, ranges);
    return ranges.out_iova_alignment;
  }

  // The id of the page table.
  int64_t attach(int device, int64_t pt_id) {
    vfio_device_attach_iommufd_pt request{};
    request.argsz = sizeof(request);
    request.pt_id = static_cast<uint32_t>(pt_id);
    const int64_t done = this->ioctl(device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, request);
    return done < 0 ? done : request.pt_id;
  }
  int64_t detach(int device) {
    vfio_device_detach_iommufd_pt request{};
    request.argsz = sizeof(request);
    return this->ioctl(device, VFIO_DEVICE_DETACH_IOMMUFD_PT, request);
  }

  int iommufd = -1;

 private:
  int64_t vfio_ioas(uint16_t op, int64_t ioas) {
    iommu_vfio_ioas request{
        .size = sizeof(request), .ioas_id = static_cast<uint32_t>(ioas), .op = op, .__reserved = 0};
    const int64_t done = this->ioctl(iommufd, IOMMU_VFIO_IOAS, request);
    return done < 0 || op != IOMMU_VFIO_IOAS_GET ? done : request.ioas_id;
  }
};

// A process of its own.
class Client : public Commands<Program> {
 public:
  explicit Client(const MachineConfig& config = two_devices()) : Commands(config) {
    iommufd = open("/dev/iommu");
  }
  // Another process on the same machine, with an iommufd of its own.
  Client(const Client& other, const Credentials& credentials) : Commands(other, credentials) {
    iommufd = open("/dev/iommu");
  }

  // The device file of noiommu-vfio<index> (or of another node), bound to `iommufd`.
  int bind(int index) { return bind("noiommu-vfio" + std::to_string(index)); }
  int bind(const std::string& node) {
    const int device = open("/dev/vfio/devices/" + node);
    vfio_device_bind_iommufd request{};
    request.argsz = sizeof(request);
    request.iommufd = iommufd;
    const int64_t done = ioctl(device, VFIO_DEVICE_BIND_IOMMUFD, request);
    device_id = request.out_devid;
    return done < 0 ? static_cast<int>(done) : device;
  }
  // Takes a descriptor of another process, as if passed over a socket.
  int receive(const Client& from, int fd) const {
    return process->install(*from.process->file(fd)).value();
  }

  int64_t allow_iovas(int64_t ioas, const std::vector<iommu_iova_range>& ranges) {
    const UserPtr array = memory(kPageSize);
    store(array, std::as_bytes(std::span(ranges)));
    iommu_ioas_allow_iovas request{.size = sizeof(request),
                                   .ioas_id = static_cast<uint32_t>(ioas),
                                   .num_iovas = static_cast<uint32_t>(ranges.size()),
                                   .__reserved = 0,
                                   .allowed_iovas = array.value};
    const int64_t done = ioctl(iommufd, IOMMU_IOAS_ALLOW_IOVAS, request);
    free_memory(array, kPageSize);
    return done;
  }

  int memfd(uint64_t length) const { return machine->memfd(*process, length).value(); }
  // A memfd made of 2 MiB pages.
  int huge_memfd(uint64_t length) const {
    constexpr unsigned kOrder = mm::PhysMem::kOrder2M;
    return process->install(std::make_shared<mm::Memfd>(machine->memory(), length, kOrder)).value();
  }
  // A memfd whose every page starts with `label` plus its offset in the file.
  int labelled_memfd(uint64_t length, uint64_t label) {
    const int fd = memfd(length);
    const MapRequest all{.length = length, .prot = PROT_READ | PROT_WRITE, .flags = MAP_SHARED};
    const UserPtr at = process->mmap(all, fd).value();
    for (uint64_t page = 0; page < length; page += kPageSize) poke(at + page, label + page);
    free_memory(at, length);
    return fd;
  }
  // The dma-buf of parts of a device's BAR, as a descriptor.
  int64_t dma_buf(int device, const std::vector<vfio_region_dma_range>& ranges,
                  uint32_t region = VFIO_PCI_BAR0_REGION_INDEX, uint32_t flags = 0) {
    struct {
      vfio_device_feature feature;
      vfio_device_feature_dma_buf dma_buf;
      std::array<vfio_region_dma_range, 4> ranges;
    } request{};
    request.feature.argsz = sizeof(request);
    request.feature.flags = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_DMA_BUF;
    request.dma_buf.region_index = region;
    request.dma_buf.open_flags = O_RDWR | O_CLOEXEC;
    request.dma_buf.flags = flags;
    request.dma_buf.nr_ranges = static_cast<uint32_t>(ranges.size());
    std::copy(ranges.begin(), ranges.end(), request.ranges.begin());
    return ioctl(device, VFIO_DEVICE_FEATURE, request);
  }
  // The COMMAND register of a device: bit 1 decodes memory.
  void set_command(int device, uint16_t value) {
    constexpr uint64_t kCommand = (uint64_t{VFIO_PCI_CONFIG_REGION_INDEX} << 40) + 4;
    const UserPtr at = memory(kPageSize);
    store(at, std::as_bytes(std::span(&value, 1)));
    if (answer(process->pwrite(device, at, sizeof(value), kCommand)) != sizeof(value)) {
      throw std::logic_error("bad write of COMMAND");
    }
    free_memory(at, kPageSize);
  }

  void free_memory(UserPtr at, uint64_t length) const {
    if (!process->munmap(at, length)) throw std::logic_error("bad munmap");
  }
  void poke(UserPtr at, uint64_t value) { store(at, std::as_bytes(std::span(&value, 1))); }
  uint64_t peek(UserPtr at) {
    uint64_t value = 0;
    load(at, std::as_writable_bytes(std::span(&value, 1)));
    return value;
  }
  // What a device finds at a physical address.
  [[nodiscard]] uint64_t dma_read(PhysAddr at) const {
    uint64_t value = 0;
    if (!machine->memory().read(at, std::as_writable_bytes(std::span(&value, 1)))) return ~0ULL;
    return value;
  }
  // Memory whose every page starts with its own address.
  UserPtr labelled_memory(uint64_t length, int flags = MAP_PRIVATE) {
    const UserPtr at = memory(length, PROT_READ | PROT_WRITE, flags);
    for (uint64_t page = 0; page < length; page += kPageSize) poke(at + page, at.value + page);
    return at;
  }
  // The argument in memory that the program can read but not write.
  template <class T>
  UserPtr read_only(const T& argument) {
    const int memfd = machine->memfd(*process, sizeof(argument)).value();
    store(memory_of(memfd, PROT_READ | PROT_WRITE), std::as_bytes(std::span(&argument, 1)));
    return memory_of(memfd, PROT_READ);
  }
  // The first page of a file.
  UserPtr memory_of(int fd, int prot = PROT_READ | PROT_WRITE) const {
    return process->mmap({.length = kPageSize, .prot = prot, .flags = MAP_SHARED}, fd).value();
  }

  uint32_t device_id = 0;  // of the last bind
};

}  // namespace noiommu::tests
