#include <memory>
#include <utility>

#include "model/iommufd/device.h"
#include "model/iommufd/fault.h"
#include "model/iommufd/hw_pagetable.h"
#include "model/iommufd/ioctls.h"

namespace noiommu::iommufd {

Status hwpt_alloc(const Ucmd& ucmd, iommu_hwpt_alloc& command) {
  if (command.__reserved != 0) return Err(EOPNOTSUPP);
  const bool typed = command.data_type != IOMMU_HWPT_DATA_NONE;
  if (typed != (command.data_len != 0)) return Err(EINVAL);
  ObjectTable& objects = ucmd.context.objects();
  auto device = objects.get<Device>(command.dev_id);
  if (!device) return Err(device.error());
  auto parent = objects.get_any(command.pt_id);
  if (!parent) return Err(EINVAL);
  if ((*parent)->type() == Object::Type::kHwptPaging) return Err(EOPNOTSUPP);  // to nest on it
  if ((*parent)->type() != Object::Type::kIoas) return Err(EINVAL);
  // What remains wants an IOMMU.
  if ((command.flags & ~uint32_t{IOMMU_HWPT_FAULT_ID_VALID}) != 0 || typed) return Err(EOPNOTSUPP);

  auto& ioas = static_cast<Ioas&>(**parent);
  auto hwpt = [&] {
    const std::lock_guard lock(ioas.mutex);
    return HwptPaging::create(objects, ioas, (*device)->noiommu(), false);
  }();
  if (!hwpt) return Err(hwpt.error());
  command.out_hwpt_id = (*hwpt)->id();
  const auto finish = [&]() -> Status {
    if ((command.flags & IOMMU_HWPT_FAULT_ID_VALID) != 0) {
      auto fault = objects.get<Fault>(command.fault_id);
      if (!fault) return Err(fault.error());
      (*hwpt)->set_fault(std::move(*fault));
    }
    return ucmd.respond(command);
  };
  auto finished = finish();
  if (finished) {
    objects.publish(std::move(*hwpt));
  } else {
    hwpt->reset();
    objects.abandon(command.out_hwpt_id);
  }
  return finished;
}

Status fault_queue_alloc(const Ucmd& ucmd, iommu_fault_alloc& command) {
  if (command.flags != 0) return Err(EOPNOTSUPP);
  ObjectTable& objects = ucmd.context.objects();
  auto id = objects.reserve();
  if (!id) return Err(id.error());
  auto fd = ucmd.process.reserve();
  if (!fd) {
    objects.abandon(*id);
    return Err(fd.error());
  }
  command.out_fault_id = *id;
  command.out_fault_fd = static_cast<uint32_t>(*fd);
  if (auto told = ucmd.respond(command); !told) {
    ucmd.process.fill(*fd, nullptr);
    objects.abandon(*id);
    return told;
  }
  auto fault = std::make_unique<Fault>(*id);
  auto use = Ref<Fault>::try_acquire(*fault);
  objects.publish(std::move(fault));
  ucmd.process.fill(*fd,
                    std::make_shared<FaultFile>(ucmd.context.shared_from_this(), std::move(use)));
  return {};
}

// No device of the model has a driver of an IOMMU that could answer.
Status get_hw_info(const Ucmd& ucmd, iommu_hw_info& command) {
  if ((command.flags & ~uint32_t{IOMMU_HW_INFO_FLAG_INPUT_TYPE}) != 0) return Err(EOPNOTSUPP);
  for (const uint8_t byte : command.__reserved) {
    if (byte != 0) return Err(EOPNOTSUPP);
  }
  auto device = ucmd.context.objects().get<Device>(command.dev_id);
  if (!device) return Err(device.error());
  return Err(EOPNOTSUPP);
}

Status hwpt_set_dirty_tracking(const Ucmd& ucmd, iommu_hwpt_set_dirty_tracking& command) {
  if ((command.flags & ~uint32_t{IOMMU_HWPT_DIRTY_TRACKING_ENABLE}) != 0) return Err(EOPNOTSUPP);
  auto hwpt = ucmd.context.objects().get<HwptPaging>(command.hwpt_id);
  if (!hwpt) return Err(hwpt.error());
  return Err(EOPNOTSUPP);
}

Status hwpt_get_dirty_bitmap(const Ucmd& ucmd, iommu_hwpt_get_dirty_bitmap& command) {
  constexpr uint32_t kFlags = IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR;
  if ((command.flags & ~kFlags) != 0 || command.__reserved != 0) return Err(EOPNOTSUPP);
  auto hwpt = ucmd.context.objects().get<HwptPaging>(command.hwpt_id);
  if (!hwpt) return Err(hwpt.error());
  if (command.length == 0) return Err(EINVAL);
  uint64_t last = 0;
  if (__builtin_add_overflow(command.iova, command.length - 1, &last)) return Err(EOVERFLOW);
  const uint64_t ends = command.iova | (last + 1);
  if ((ends & ((*hwpt)->ioas().iopt.alignment() - 1)) != 0) return Err(EINVAL);
  if (command.page_size == 0 || (ends & (command.page_size - 1)) != 0) return Err(EINVAL);
  return Err(EOPNOTSUPP);
}

// As many entries as one call may have, of a queue of events too.
constexpr uint32_t kMostEntries = 1 << 19;

// The count of handled entries is told whatever the outcome.
Status hwpt_invalidate(const Ucmd& ucmd, iommu_hwpt_invalidate& command) {
  const auto check = [&]() -> Status {
    if (command.__reserved != 0) return Err(EOPNOTSUPP);
    const bool entries = command.data_uptr != 0 && command.entry_len != 0 &&
                         command.entry_len <= kPageSize && command.entry_num <= kMostEntries;
    if (command.entry_num != 0 && !entries) return Err(EINVAL);
    auto hwpt = ucmd.context.objects().get_any(command.hwpt_id);
    if (!hwpt) return Err(hwpt.error());
    return Err(EINVAL);  // only nested page tables have caches of the program's making
  };
  const Status refused = check();
  command.entry_num = 0;
  if (auto told = ucmd.respond(command); !told) return told;
  return refused;
}

Status viommu_alloc(const Ucmd& ucmd, iommu_viommu_alloc& command) {
  if (command.flags != 0 || command.type == IOMMU_VIOMMU_TYPE_DEFAULT) return Err(EOPNOTSUPP);
  auto device = ucmd.context.objects().get<Device>(command.dev_id);
  if (!device) return Err(device.error());
  return Err(EOPNOTSUPP);
}

// Without VIOMMU_ALLOC there is no vIOMMU to find.
Status vdevice_alloc(const Ucmd& /*ucmd*/, iommu_vdevice_alloc& /*command*/) {
  return Err(ENOENT);
}

Status veventq_alloc(const Ucmd& /*ucmd*/, iommu_veventq_alloc& command) {
  constexpr uint32_t kDefaultType = 0;
  if (command.flags != 0 || command.__reserved != 0 || command.type == kDefaultType) {
    return Err(EOPNOTSUPP);
  }
  if (command.veventq_depth == 0 || command.veventq_depth > kMostEntries) return Err(EINVAL);
  return Err(ENOENT);
}

Status hw_queue_alloc(const Ucmd& /*ucmd*/, iommu_hw_queue_alloc& command) {
  constexpr uint32_t kDefaultType = 0;
  if (command.flags != 0 || command.type == kDefaultType) return Err(EOPNOTSUPP);
  if (command.length == 0) return Err(EINVAL);
  uint64_t last = 0;
  if (__builtin_add_overflow(command.nesting_parent_iova, command.length - 1, &last)) {
    return Err(EOVERFLOW);
  }
  return Err(ENOENT);
}

}  // namespace noiommu::iommufd
