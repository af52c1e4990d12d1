// A user-space driver on a machine of the model, and the rule that it leaves nothing behind.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "model/machine/resolve_config.h"
#include "tests/support/program.h"
#include "tests/support/result.h"
#include "uapi/iommufd.h"
#include "uapi/vfio.h"

namespace noiommu::vfio {

using tests::errno_of;

inline constexpr uint64_t kConfig = uint64_t{VFIO_PCI_CONFIG_REGION_INDEX} << 40;
inline constexpr const char* kDevice0 = "/dev/vfio/devices/noiommu-vfio0";
inline constexpr const char* kDevice1 = "/dev/vfio/devices/noiommu-vfio1";
inline constexpr const char* kBind = "/sys/bus/pci/drivers/vfio-pci/bind";
inline constexpr const char* kUnbind = "/sys/bus/pci/drivers/vfio-pci/unbind";
inline constexpr const char* kParameter = "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode";

// The two devices of the recorded scenarios on a kernel configured otherwise.
inline MachineConfig configured(const std::map<std::string, std::string>& overrides) {
  MachineConfig config = tests::two_devices();
  config.config = resolve_config(overrides).value().config;
  return config;
}
inline MachineConfig cdev_only() {
  return configured({{"VFIO_GROUP", "n"}, {"VFIO_CONTAINER", "n"}});
}
inline MachineConfig group_only() {
  return configured({{"VFIO_DEVICE_CDEV", "n"}});
}
inline MachineConfig without_iommufd() {
  return configured({{"IOMMUFD", "n"}});
}
inline MachineConfig behind_iommu() {
  MachineConfig config = tests::two_devices();
  for (DeviceConfig& device : config.devices) device.has_iommu = true;
  return config;
}
inline MachineConfig with_reset() {
  MachineConfig config = tests::two_devices();
  for (DeviceConfig& device : config.devices) device.flr = true;
  return config;
}

inline Credentials without(std::initializer_list<int> capabilities, uint32_t uid = 0) {
  Credentials credentials{.uid = uid};
  for (const int capability : capabilities) {
    credentials.effective.reset(static_cast<size_t>(capability));
  }
  return credentials;
}

// Calls answer what they mean, or -errno.
class Driver : public tests::Program {
 public:
  using Program::Program;

  // What a program has after open and BIND.
  struct Bound {
    int iommufd;
    int fd;
    int64_t id;  // of the device in the context
  };
  Bound open_bound(std::string_view node = kDevice0) {
    const int iommufd = open("/dev/iommu");
    const int fd = open(node);
    return {iommufd, fd, bind(fd, iommufd)};
  }

  // The device's id.
  int64_t bind(int fd, int iommufd) {
    vfio_device_bind_iommufd bind{
        .argsz = 16, .flags = 0, .iommufd = iommufd, .out_devid = 0, .token_uuid_ptr = 0};
    const int64_t done = ioctl(fd, VFIO_DEVICE_BIND_IOMMUFD, bind);
    return done == 0 ? bind.out_devid : done;
  }
  // The id of the page table.
  int64_t attach(int fd, int64_t pt_id) {
    vfio_device_attach_iommufd_pt attach{
        .argsz = 12, .flags = 0, .pt_id = static_cast<uint32_t>(pt_id), .pasid = 0};
    const int64_t done = ioctl(fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, attach);
    return done == 0 ? attach.pt_id : done;
  }
  int64_t detach(int fd) {
    vfio_device_detach_iommufd_pt detach{.argsz = 8, .flags = 0, .pasid = 0};
    return ioctl(fd, VFIO_DEVICE_DETACH_IOMMUFD_PT, detach);
  }
  int64_t alloc_ioas(int iommufd) {
    iommu_ioas_alloc alloc{.size = sizeof(alloc), .flags = 0, .out_ioas_id = 0};
    const int64_t done = ioctl(iommufd, IOMMU_IOAS_ALLOC, alloc);
    return done == 0 ? alloc.out_ioas_id : done;
  }
  int64_t destroy(int iommufd, int64_t id) {
    iommu_destroy destroy{.size = sizeof(destroy), .id = static_cast<uint32_t>(id)};
    return ioctl(iommufd, IOMMU_DESTROY, destroy);
  }
  int64_t map(int iommufd, int64_t ioas, UserPtr va, uint64_t length, uint64_t iova) {
    iommu_ioas_map map{
        .size = sizeof(map),
        .flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE,
        .ioas_id = static_cast<uint32_t>(ioas),
        .__reserved = 0,
        .user_va = va.value,
        .length = length,
        .iova = iova};
    return ioctl(iommufd, IOMMU_IOAS_MAP, map);
  }
  // The physical address.
  int64_t get_pa(int iommufd, int64_t ioas, uint64_t iova) {
    iommu_ioas_noiommu_get_pa get{.size = sizeof(get),
                                  .flags = 0,
                                  .ioas_id = static_cast<uint32_t>(ioas),
                                  .__reserved = 0,
                                  .iova = iova,
                                  .length = 1,
                                  .out_phys = 0};
    const int64_t done = ioctl(iommufd, IOMMU_IOAS_NOIOMMU_GET_PA, get);
    return done == 0 ? static_cast<int64_t>(get.out_phys) : done;
  }

  // pread and pwrite of a whole value; short or failed ones throw.
  template <class T>
  T load(int fd, uint64_t offset) {
    const UserPtr at = memory(sizeof(T));
    if (answer(process->pread(fd, at, sizeof(T), offset)) != sizeof(T)) {
      throw std::logic_error("short pread");
    }
    const T value = peek<T>(at);
    static_cast<void>(process->munmap(at, sizeof(T)));
    return value;
  }
  template <class T>
  void store(int fd, uint64_t offset, T value) {
    if (pwrite(fd, offset, value) != sizeof(T)) throw std::logic_error("short pwrite");
  }
  using Program::load;
  using Program::store;
  // The number of bytes.
  int64_t pread(int fd, uint64_t offset, uint64_t length) {
    return answer(process->pread(fd, memory(length + 1), length, offset));
  }
  template <class T>
  int64_t pwrite(int fd, uint64_t offset, T value) {
    const UserPtr at = memory(sizeof(T));
    poke(at, value);
    const int64_t done = answer(process->pwrite(fd, at, sizeof(T), offset));
    static_cast<void>(process->munmap(at, sizeof(T)));
    return done;
  }

  // The program's own memory.
  template <class T>
  T peek(UserPtr at) {
    T value{};
    Program::load(at, std::as_writable_bytes(std::span(&value, 1)));
    return value;
  }
  template <class T>
  void poke(UserPtr at, const T& value) {
    Program::store(at, std::as_bytes(std::span(&value, 1)));
  }
  // A copy of `value` that can be read but not written.
  template <class T>
  UserPtr read_only(const T& value) {
    const int fd = machine->memfd(*process, kPageSize).value();
    const MapRequest request{
        .length = kPageSize, .prot = PROT_READ | PROT_WRITE, .flags = MAP_SHARED};
    const UserPtr writable = process->mmap(request, fd).value();
    poke(writable, value);
    return process->mmap({.length = kPageSize, .prot = PROT_READ, .flags = MAP_SHARED}, fd).value();
  }

  int eventfd() { return process->eventfd().value(); }
  // How often the eventfd was signalled since the last look.
  int64_t events(int fd) {
    const UserPtr at = scratch(sizeof(uint64_t));
    const int64_t done = answer(process->read(fd, at, sizeof(uint64_t)));
    if (done == -EAGAIN) return 0;
    return done < 0 ? done : static_cast<int64_t>(peek<uint64_t>(at));
  }
  int64_t signal(int fd) {
    const UserPtr at = scratch(sizeof(uint64_t));
    poke(at, uint64_t{1});
    return answer(process->write(fd, at, sizeof(uint64_t)));
  }

  // SET_IRQS without a payload.
  int64_t set_irqs(int fd, uint32_t flags, uint32_t index, uint32_t start, uint32_t count) {
    vfio_irq_set set{
        .argsz = sizeof(set), .flags = flags, .index = index, .start = start, .count = count};
    return ioctl(fd, VFIO_DEVICE_SET_IRQS, set);
  }
  // SET_IRQS of one vector with a payload of one entry.
  template <class T>
  int64_t set_irq(int fd, uint32_t flags, uint32_t index, T entry, uint32_t count = 1) {
    struct [[gnu::packed]] {
      vfio_irq_set set;
      T entry;
    } argument = {
        {.argsz = sizeof(argument), .flags = flags, .index = index, .start = 0, .count = count},
        entry};
    return ioctl(fd, VFIO_DEVICE_SET_IRQS, argument);
  }

  // The sorted names, or one text "-errno".
  std::vector<std::string> list(std::string_view path) {
    auto names = process->list(path);
    if (!names) return {std::to_string(-static_cast<int>(names.error()))};
    return *names;
  }
};

// One machine at a time. When a test is done with it, its processes are gone, and neither memory
// nor a device, group or name may be left.
class VfioTest : public testing::Test {
 protected:
  Driver& boot(const MachineConfig& config = tests::two_devices()) {
    finish();
    config_ = config;
    drivers_.push_back(std::make_unique<Driver>(config));
    return *drivers_.back();
  }
  // Another process on the machine.
  Driver& spawn(const Credentials& credentials = {}) {
    drivers_.push_back(std::make_unique<Driver>(*drivers_.front(), credentials));
    return *drivers_.back();
  }
  void TearDown() override { finish(); }

 private:
  void finish() {
    if (drivers_.empty()) return;
    const std::shared_ptr<Machine> machine = drivers_.front()->machine;
    drivers_.clear();
    EXPECT_EQ(machine->memory().pins(), 0);
    EXPECT_EQ(machine->memory().held_frames(), 0);
    machine->kernel().set_single_threaded(true);  // waiting for a forgotten reference would throw
    const auto process = machine->spawn();
    for (const DeviceConfig& device : config_.devices) {
      if (device.mediated) return;  // it stays for as long as the machine
      unbind(*process, device.bdf);
    }
    EXPECT_THAT(process->list("/sys/class/vfio-dev").value(), testing::IsEmpty());
    if (config_.config.vfio_group) {
      EXPECT_THAT(process->list("/sys/class/vfio").value(), testing::IsEmpty());
    }
  }
  static void unbind(Process& process, const std::string& bdf) {
    const int fd = process.open(kUnbind, O_WRONLY).value();
    const MapRequest request{
        .length = kPageSize, .prot = PROT_READ | PROT_WRITE, .flags = MAP_PRIVATE | MAP_ANONYMOUS};
    const UserPtr text = process.mmap(request).value();
    ASSERT_TRUE(process.memory().write(text, std::as_bytes(std::span(bdf))));
    const auto done = process.write(fd, text, bdf.size());
    EXPECT_TRUE(done || done.error() == Errno{ENODEV}) << bdf;  // gone already is fine
    EXPECT_TRUE(process.close(fd));
  }

  MachineConfig config_;
  std::vector<std::unique_ptr<Driver>> drivers_;
};

}  // namespace noiommu::vfio
