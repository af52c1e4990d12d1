#include "model/vfio/group.h"

#include <fmt/format.h>

#include <utility>

#include "uapi/vfio.h"

namespace noiommu::vfio {

// The open group. Containers are not there yet, so all that it can tell is its status.
class VfioGroup::OpenFile : public File {
 public:
  explicit OpenFile(std::shared_ptr<VfioGroup> group) : group_(std::move(group)) {}
  ~OpenFile() override {
    const std::lock_guard lock(group_->mutex_);
    group_->opened_ = false;
  }

  Result<int64_t> ioctl(Process& process, uint32_t command, uint64_t argument) override {
    if (command != VFIO_GROUP_GET_STATUS) return Err(ENOTTY);
    vfio_group_status status{};
    if (auto read = read_user(process.memory(), {argument}, status); !read) {
      return Err(read.error());
    }
    if (status.argsz < sizeof(status)) return Err(EINVAL);
    if (!group_->iommu_group()) return Err(ENODEV);
    status.flags = VFIO_GROUP_FLAGS_VIABLE;  // nobody else owns the DMA of its devices
    if (auto told = write_user(process.memory(), {argument}, status); !told) {
      return Err(told.error());
    }
    return 0;
  }

 private:
  std::shared_ptr<VfioGroup> group_;
};

VfioGroup::VfioGroup(std::shared_ptr<IommuGroup> iommu_group, Type type, uint32_t minor)
    : type_(type),
      name_(fmt::format("{}{}", type == Type::kNoIommu ? "noiommu-" : "", iommu_group->id())),
      minor_(minor),
      iommu_group_(std::move(iommu_group)) {}

Result<FileRef> VfioGroup::open(const std::shared_ptr<VfioGroup>& group, Process& process) {
  const std::lock_guard lock(group->mutex_);
  if (group->devices_ == 0) return Err(ENODEV);
  if (group->type_ == Type::kNoIommu && !process.capable(CAP_SYS_RAWIO)) return Err(EPERM);
  if (group->bound_cdevs_ > 0) return Err(EBUSY);
  if (group->opened_) return Err(EBUSY);
  group->opened_ = true;
  return std::make_shared<OpenFile>(group);
}

std::shared_ptr<IommuGroup> VfioGroup::iommu_group() const {
  const std::lock_guard lock(mutex_);
  return iommu_group_;
}

void VfioGroup::add_device() {
  const std::lock_guard lock(mutex_);
  ++devices_;
}

bool VfioGroup::remove_device() {
  const std::lock_guard lock(mutex_);
  if (--devices_ > 0) return true;
  iommu_group_.reset();
  return false;
}

Status VfioGroup::block() {
  const std::lock_guard lock(mutex_);
  if (opened_) return Err(EBUSY);
  ++bound_cdevs_;
  return {};
}

void VfioGroup::unblock() {
  const std::lock_guard lock(mutex_);
  --bound_cdevs_;
}

}  // namespace noiommu::vfio
