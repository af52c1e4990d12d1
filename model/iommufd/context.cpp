#include "model/iommufd/context.h"

#include <sys/mman.h>

#include <array>
#include <cstddef>
#include <cstring>

#include "model/iommufd/device.h"
#include "model/iommufd/ioas.h"
#include "model/iommufd/ioctls.h"
#include "model/iommufd/ucmd.h"
#include "model/iommufd/vfio_compat.h"
#include "model/kernel/state_text.h"

namespace noiommu::iommufd {

namespace {

constexpr uint32_t kFirstNumber = 0x80;  // lower numbers belong to VFIO's containers
constexpr uint32_t kNumbers = 0x96 - kFirstNumber;

// The largest argument struct.
constexpr size_t kMaxSize = 64;

struct Entry {
  uint32_t command = 0;  // 0: no such ioctl
  uint32_t size = 0;     // of the kernel's struct
  uint32_t min_size = 0;
  Status (*run)(const Ucmd&, std::byte* argument) = nullptr;
};

template <class Command, Status (*handler)(const Ucmd&, Command&)>
Status run(const Ucmd& ucmd, std::byte* argument) {
  Command command;
  std::memcpy(&command, argument, sizeof(command));
  return handler(ucmd, command);
}

template <class Command, Status (*handler)(const Ucmd&, Command&)>
constexpr Entry entry(uint32_t number, uint32_t min_size) {
  static_assert(sizeof(Command) <= kMaxSize);
  return {number, sizeof(Command), min_size, run<Command, handler>};
}

constexpr std::array<Entry, kNumbers> table() {
  std::array<Entry, kNumbers> entries;
  for (const Entry& e : {
           entry<iommu_destroy, destroy>(IOMMU_DESTROY, 8),
           entry<iommu_ioas_alloc, ioas_alloc>(IOMMU_IOAS_ALLOC, 12),
           entry<iommu_ioas_allow_iovas, ioas_allow_iovas>(IOMMU_IOAS_ALLOW_IOVAS, 24),
           entry<iommu_ioas_copy, ioas_copy>(IOMMU_IOAS_COPY, 40),
           entry<iommu_ioas_iova_ranges, ioas_iova_ranges>(IOMMU_IOAS_IOVA_RANGES, 32),
           entry<iommu_ioas_map, ioas_map>(IOMMU_IOAS_MAP, 40),
           entry<iommu_ioas_unmap, ioas_unmap>(IOMMU_IOAS_UNMAP, 24),
           entry<iommu_option, option>(IOMMU_OPTION, 24),
           entry<iommu_vfio_ioas, vfio_ioas>(IOMMU_VFIO_IOAS, 12),
           entry<iommu_hwpt_alloc, hwpt_alloc>(IOMMU_HWPT_ALLOC, 24),
           entry<iommu_hw_info, get_hw_info>(IOMMU_GET_HW_INFO, 32),
           entry<iommu_hwpt_set_dirty_tracking, hwpt_set_dirty_tracking>(
               IOMMU_HWPT_SET_DIRTY_TRACKING, 16),
           entry<iommu_hwpt_get_dirty_bitmap, hwpt_get_dirty_bitmap>(IOMMU_HWPT_GET_DIRTY_BITMAP,
                                                                     48),
           entry<iommu_hwpt_invalidate, hwpt_invalidate>(IOMMU_HWPT_INVALIDATE, 32),
           entry<iommu_fault_alloc, fault_queue_alloc>(IOMMU_FAULT_QUEUE_ALLOC, 16),
           entry<iommu_ioas_map_file, ioas_map_file>(IOMMU_IOAS_MAP_FILE, 40),
           entry<iommu_viommu_alloc, viommu_alloc>(IOMMU_VIOMMU_ALLOC, 24),
           entry<iommu_vdevice_alloc, vdevice_alloc>(IOMMU_VDEVICE_ALLOC, 24),
           entry<iommu_ioas_change_process, ioas_change_process>(IOMMU_IOAS_CHANGE_PROCESS, 8),
           entry<iommu_veventq_alloc, veventq_alloc>(IOMMU_VEVENTQ_ALLOC, 28),
           entry<iommu_hw_queue_alloc, hw_queue_alloc>(IOMMU_HW_QUEUE_ALLOC, 40),
           entry<iommu_ioas_noiommu_get_pa, ioas_noiommu_get_pa>(IOMMU_IOAS_NOIOMMU_GET_PA, 40),
       }) {
    entries[(e.command & 0xff) - kFirstNumber] = e;
  }
  return entries;
}

constexpr std::array<Entry, kNumbers> kTable = table();

}  // namespace

Result<int64_t> Context::ioctl(Process& process, uint32_t command, uint64_t argument) {
  const uint32_t number = command & 0xff;
  if (number < kFirstNumber || number >= kFirstNumber + kNumbers) {
    return vfio_compat_ioctl(*this, process, command, argument);
  }
  UserMemory& memory = process.memory();
  Ucmd ucmd{.context = *this, .process = process, .user = {argument}};
  const Entry& entry = kTable[number - kFirstNumber];
  alignas(8) std::array<std::byte, kMaxSize> bytes;
  const std::span known = std::span(bytes).first(entry.size);
  // The size comes first, but mostly all of the argument can be had at once.
  const bool at_once = entry.size > 0 && memory.read(ucmd.user, known);
  if (at_once) {
    std::memcpy(&ucmd.user_size, bytes.data(), sizeof(ucmd.user_size));
  } else if (auto size = read_user(memory, ucmd.user, ucmd.user_size); !size) {
    return Err(size.error());
  }
  const bool missing =
      command == IOMMU_IOAS_NOIOMMU_GET_PA && design().get_pa == design::GetPa::kNone;
  if (command != entry.command || missing) return Err(ENOTTY);
  if (ucmd.user_size < entry.min_size) return Err(EINVAL);

  if (!at_once || ucmd.user_size != entry.size) {
    auto read = read_user_struct(memory, ucmd.user, ucmd.user_size, known);
    if (!read) return Err(read.error());
  }
  if (auto done = entry.run(ucmd, bytes.data()); !done) return Err(done.error());
  return 0;
}

// Queues of hardware are mapped there, of which there are none.
Result<std::shared_ptr<VmObject>> Context::mmap(const MapRequest& request) {
  if ((request.flags & MAP_SHARED) == 0) return Err(EINVAL);
  if ((request.prot & PROT_EXEC) != 0) return Err(EPERM);
  return Err(ENXIO);
}

Status Context::set_no_iommu_mode() {
  const std::lock_guard lock(ioas_creation_);
  if (objects_.vfio_ioas<Ioas>()) return Err(EINVAL);
  no_iommu_mode_ = true;
  return {};
}

Status Context::create_vfio_ioas() {
  const std::lock_guard lock(ioas_creation_);
  if (no_iommu_mode_) return Err(EINVAL);
  if (objects_.vfio_ioas<Ioas>()) return {};
  auto id = objects_.reserve();
  if (!id) return Err(id.error());
  auto ioas = std::make_unique<Ioas>(*id);
  const auto ref = Ref<Ioas>::try_acquire(*ioas);
  objects_.publish(std::move(ioas));
  objects_.set_vfio_ioas(ref.get());
  return {};
}

void register_iommufd(Kernel& kernel, mm::PhysMem& memory) {
  const Config& config = kernel.config();
  if (!config.iommufd) return;
  const auto open_as = [&](Pages::Accounting accounting) {
    return [&kernel, &memory, accounting](Process&, int) -> Result<FileRef> {
      return std::make_shared<Context>(kernel, memory, accounting);
    };
  };
  kernel.nodes().add_device("/dev/iommu", 0660, open_as(Pages::Accounting::kUser));
  if (!config.iommufd_vfio_container) return;
  kernel.nodes().add_device(
      "/dev/vfio/vfio", 0666,
      [&kernel, open = open_as(Pages::Accounting::kMm)](Process& process, int flags) {
        kernel.log().add_once(LogLevel::kInfo,
                              "iommufd: IOMMUFD is providing /dev/vfio/vfio, not VFIO.");
        return open(process, flags);
      });
}

void Context::describe(StateText& to) const {
  to.value("no-iommu mode", no_iommu_mode_ ? 1 : 0);
  to.value("accounting", static_cast<uint64_t>(accounting()));
  for (const ObjectTable::View& view : objects_.views()) {
    to.value("object", view.id);
    to.value("type", static_cast<uint64_t>(view.type));
    to.value("users", view.users);
  }
  if (const auto ioas = objects_.vfio_ioas<Ioas>()) to.value("vfio ioas", (*ioas)->id());
  for (const Ref<Device>& device : objects_.all<Device>()) {
    to.value("device", device->noiommu() ? 1 : 0);
    to.value("page table", device->hwpt_id().value_or(0));
  }
  for (const Ref<HwptPaging>& hwpt : objects_.all<HwptPaging>()) {
    to.value("of ioas", hwpt->ioas().id());
    to.value("kind", (hwpt->noiommu() ? 1U : 0U) | (hwpt->automatic() ? 2U : 0U));
  }
  for (const Ref<Ioas>& ioas : objects_.all<Ioas>()) {
    to.value("ioas", ioas->id());
    to.value("huge pages", ioas->iopt.huge_pages() ? 1 : 0);
    for (const IoPagetable::AreaView& area : ioas->iopt.areas()) {
      to.value("area", area.extent.iova.start);
      to.value("to", area.extent.iova.last);
      to.value("prot", area.prot);
      to.value("stored", area.storage != nullptr ? area.storage->noiommu ? 2 : 1 : 0);
    }
  }
}

}  // namespace noiommu::iommufd
