#include "model/vfio/group.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <utility>

#include "model/kernel/state_text.h"
#include "model/vfio/device_file.h"
#include "model/vfio/vfio_device.h"
#include "uapi/vfio.h"

namespace noiommu::vfio {

namespace {

// The text up to the terminating zero, which must come within a page. EFAULT, EINVAL.
Result<std::string> read_user_string(Process& process, UserPtr from) {
  std::string text;
  for (; text.size() < kPageSize; ++from.value) {
    char next = 0;
    if (auto read = read_user(process.memory(), from, next); !read) return Err(read.error());
    if (next == 0) return text;
    text.push_back(next);
  }
  return Err(EINVAL);
}

}  // namespace

// The open group. An opened device keeps it, when it maps with a container.
class VfioGroup::OpenFile : public File {
 public:
  OpenFile(Vfio& vfio, std::shared_ptr<VfioGroup> group, GroupMinors::Minor minor)
      : vfio_(vfio), group_(std::move(group)), minor_(std::move(minor)) {}
  ~OpenFile() override { group_->release(); }

  Result<int64_t> ioctl(Process& process, uint32_t command, uint64_t argument) override {
    const UserPtr user{argument};
    if (command == VFIO_GROUP_GET_DEVICE_FD) return get_device_fd(process, user);
    const auto run = [&]() -> Status {
      switch (command) {
        case VFIO_GROUP_GET_STATUS:
          return group_->get_status(process, user);
        case VFIO_GROUP_SET_CONTAINER:
          return group_->set_container(process, user);
        case VFIO_GROUP_UNSET_CONTAINER:
          return group_->unset_container();
        default:
          return Err(ENOTTY);
      }
    };
    if (auto done = run(); !done) return Err(done.error());
    return 0;
  }
  void describe(StateText& to) const override {
    if (to.meet(group_.get())) group_->describe(to);
  }

 private:
  Result<int64_t> get_device_fd(Process& process, UserPtr argument) {
    auto name = read_user_string(process, argument);
    if (!name) return Err(name.error());
    auto device = group_->find_device(*name);
    if (!device) return Err(device.error());
    if (auto room = process.room_for_descriptor(); !room) {
      (*device)->put_registration();
      return Err(room.error());
    }
    auto file = DeviceFile::open_in_group(vfio_, std::move(*device), group_, process);
    if (!file) return Err(file.error());
    return process.install(std::move(*file));
  }

  Vfio& vfio_;
  const std::shared_ptr<VfioGroup> group_;
  const GroupMinors::Minor minor_;
};

VfioGroup::VfioGroup(std::shared_ptr<IommuGroup> iommu_group, Type type, GroupMinors::Minor minor,
                     bool knows_noiommu)
    : type_(type),
      knows_noiommu_(knows_noiommu),
      name_(fmt::format("{}{}", type == Type::kNoIommu ? "noiommu-" : "", iommu_group->id())),
      minor_number_(*minor),
      minor_(std::move(minor)),
      iommu_group_(std::move(iommu_group)) {}

Result<FileRef> VfioGroup::open(Vfio& vfio, const std::shared_ptr<VfioGroup>& group,
                                Process& process) {
  const std::lock_guard lock(group->mutex_);
  if (group->devices_ == 0) return Err(ENODEV);
  if (group->noiommu() && !process.capable(CAP_SYS_RAWIO)) return Err(EPERM);
  if (group->bound_cdevs_ > 0) return Err(EBUSY);
  if (group->opened_) return Err(EBUSY);
  auto file = std::make_shared<OpenFile>(vfio, group, group->minor_);
  group->opened_ = true;
  group->file_ = file;
  return file;
}

void VfioGroup::release() {
  std::shared_ptr<iommufd::Context> iommufd;  // let go after the lock
  const std::lock_guard lock(mutex_);
  detach_container();
  iommufd = std::move(iommufd_);
  opened_ = false;
}

std::shared_ptr<IommuGroup> VfioGroup::iommu_group() const {
  const std::lock_guard lock(mutex_);
  return iommu_group_;
}

void VfioGroup::add_device(const std::shared_ptr<VfioDevice>& device) {
  const std::lock_guard lock(mutex_);
  ++devices_;
  listed_.insert(listed_.begin(), device);
}

void VfioGroup::unlink_device(const VfioDevice& device) {
  const std::lock_guard lock(mutex_);
  std::erase_if(listed_, [&](const auto& known) { return known.get() == &device; });
}

bool VfioGroup::remove_device() {
  const std::lock_guard lock(mutex_);
  if (--devices_ > 0) return true;
  detach_container();
  iommu_group_.reset();
  minor_.reset();
  return false;
}

void VfioGroup::describe(StateText& to) const {
  const std::lock_guard lock(mutex_);
  to.value("open", opened_ ? 1 : 0);
  to.value("listed", listed_.size());
  to.value("devices", devices_);
  to.value("bound cdevs", bound_cdevs_);
  to.value("container users", container_users_);
  to.value("dma owners", dma_owners_);
  for (const File* with :
       {static_cast<const File*>(container_.get()), static_cast<const File*>(iommufd_.get())}) {
    to.value("with", with != nullptr ? 1 : 0);
    if (with != nullptr && to.meet(with)) with->describe(to);
  }
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

Status VfioGroup::get_status(Process& process, UserPtr argument) {
  vfio_group_status status{};
  if (auto read = read_user(process.memory(), argument, status); !read) return read;
  if (status.argsz < sizeof(status)) return Err(EINVAL);
  {
    const std::lock_guard lock(mutex_);
    if (!iommu_group_) return Err(ENODEV);
    status.flags = 0;
    if (has_iommu()) status.flags = VFIO_GROUP_FLAGS_VIABLE | VFIO_GROUP_FLAGS_CONTAINER_SET;
    // A cdev that owns the DMA of its devices keeps the group from being open.
    if (dma_owners_ == 0) status.flags |= VFIO_GROUP_FLAGS_VIABLE;
  }
  return write_user(process.memory(), argument, status);
}

Status VfioGroup::set_container(Process& process, UserPtr argument) {
  int32_t fd = -1;
  if (auto read = read_user(process.memory(), argument, fd); !read) return read;
  auto file = process.file(fd);
  if (!file) return Err(file.error());
  const std::lock_guard lock(mutex_);
  if (has_iommu()) return Err(EINVAL);
  if (!iommu_group_) return Err(ENODEV);
  if (auto container = std::dynamic_pointer_cast<Container>(*file)) {
    if (dma_owners_ > 0) return Err(EPERM);
    if (auto joined = container->attach_group(process, noiommu()); !joined) return joined;
    container_ = std::move(container);
    return {};
  }
  if (auto context = std::dynamic_pointer_cast<iommufd::Context>(*file)) {
    return set_iommufd(std::move(context));
  }
  return Err(EBADFD);
}

Status VfioGroup::set_iommufd(std::shared_ptr<iommufd::Context> context) {
  auto ready = noiommu() ? context->set_no_iommu_mode() : context->create_vfio_ioas();
  if (ready) iommufd_ = std::move(context);
  return ready;
}

Status VfioGroup::unset_container() {
  std::shared_ptr<iommufd::Context> iommufd;  // let go after the lock
  const std::lock_guard lock(mutex_);
  if (!has_iommu()) return Err(EINVAL);
  if (container_ && container_users_ > 0) return Err(EBUSY);
  detach_container();
  iommufd = std::move(iommufd_);
  return {};
}

void VfioGroup::detach_container() {
  if (const auto container = std::exchange(container_, nullptr)) container->detach_group();
}

Result<FileRef> VfioGroup::use_container(const Process& process) {
  if (!container_->has_backend()) return Err(EINVAL);
  if (noiommu() && !process.capable(CAP_SYS_RAWIO)) return Err(EPERM);
  ++container_users_;
  return file_.lock();
}

Result<std::shared_ptr<VfioDevice>> VfioGroup::find_device(std::string_view name) {
  const std::lock_guard lock(mutex_);
  for (const std::shared_ptr<VfioDevice>& device : listed_) {
    auto matches = device->driver.match(name);
    if (!matches) return Err(matches.error());
    if (*matches && device->try_get_registration()) return device;
  }
  return Err(ENODEV);
}

}  // namespace noiommu::vfio
