// A device bound to an iommufd context, and what it is attached to.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>

#include "model/iommufd/hw_pagetable.h"
#include "model/iommufd/object.h"

namespace noiommu::iommufd {

class Context;

class Device : public Object {
 public:
  static constexpr Type kType = Type::kDevice;

  Device(uint32_t id, ObjectTable& objects, bool noiommu)
      : Object(kType, id), objects_(objects), noiommu_(noiommu) {}

  // No IOMMU is in front of it, and the kernel has IOMMUFD_NOIOMMU.
  [[nodiscard]] bool noiommu() const { return noiommu_; }

  // Attaches to the page table `pt_id`, or to one of the IOAS `pt_id`, made when none suits; a
  // device that is attached already is moved, and stays where it was on failure. Answers the id of
  // the page table. ENOENT; EINVAL for an object of another type; EINVAL, or ENODEV for an attached
  // device, for a page table that does not suit; the errors of HwptPaging::create.
  // Spec: iommufd.md section 14.
  Result<uint32_t> attach(uint32_t pt_id);
  // Nothing happens when it is not attached.
  void detach();
  // The id of the page table that it is attached to.
  [[nodiscard]] std::optional<uint32_t> hwpt_id() const;

 private:
  [[nodiscard]] bool suits(const HwptPaging& hwpt) const;
  Result<Ref<HwptPaging>> find_or_create(Ioas& ioas);
  void settle_on(Ref<HwptPaging> hwpt);

  ObjectTable& objects_;
  const bool noiommu_;
  mutable std::mutex mutex_;  // the kernel's igroup lock; no other device is in the group
  Ref<HwptPaging> hwpt_;
  Ref<Device> self_;  // an attached device is used once more
};

// A driver's hold on a bound device; unbinds when it goes. The context lives at least as long,
// also when its last descriptor has been closed.
class Binding : Unmovable {
 public:
  // `noiommu`: no IOMMU is in front of the device, and the kernel has IOMMUFD_NOIOMMU. EBUSY when
  // no id is free.
  static Result<std::unique_ptr<Binding>> create(std::shared_ptr<Context> context, bool noiommu);
  ~Binding();

  [[nodiscard]] Device& device() const { return *device_; }
  [[nodiscard]] const Context& context() const { return *context_; }

 private:
  Binding(std::shared_ptr<Context> context, Ref<Device> device);

  std::shared_ptr<Context> context_;
  Ref<Device> device_;
};

}  // namespace noiommu::iommufd
