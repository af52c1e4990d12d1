// A program that uses /dev/iommu and VFIO devices, one call per command.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>

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
