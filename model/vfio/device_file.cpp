#include "model/vfio/device_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include "model/iommufd/ioas.h"
#include "model/kernel/state_text.h"
#include "model/vfio/group.h"
#include "uapi/vfio.h"

namespace noiommu::vfio {

namespace {

constexpr uint32_t kBindMin = offsetof(vfio_device_bind_iommufd, token_uuid_ptr);
constexpr uint32_t kAttachMin = offsetof(vfio_device_attach_iommufd_pt, pasid);
constexpr uint32_t kDetachMin = offsetof(vfio_device_detach_iommufd_pt, pasid);

// The first `size` bytes of a program's struct; what lies behind stays zero.
template <class T>
Status read_prefix(Process& process, UserPtr from, T& to, size_t size) {
  return process.memory().read(from, std::as_writable_bytes(std::span(&to, 1)).first(size));
}

}  // namespace

DeviceFile::DeviceFile(Vfio& vfio, std::shared_ptr<VfioDevice> device,
                       std::shared_ptr<VfioGroup> group)
    : vfio_(vfio), device_(std::move(device)), group_(std::move(group)) {}

Result<FileRef> DeviceFile::open_cdev(Vfio& vfio, const std::shared_ptr<VfioDevice>& device,
                                      Process& process) {
  const auto asks_at = [&](design::CdevCapability where) {
    return vfio.kernel().design().cdev_capability == where && vfio.is_noiommu(*device);
  };
  const bool capable = process.capable(CAP_SYS_RAWIO);
  if (asks_at(design::CdevCapability::kBeforeRegistration) && !capable) return Err(EPERM);
  if (!device->try_get_registration()) return Err(ENODEV);
  if (asks_at(design::CdevCapability::kAfterRegistration) && !capable) {
    device->put_registration();
    return Err(EPERM);
  }
  return std::make_shared<DeviceFile>(vfio, device, nullptr);
}

Result<FileRef> DeviceFile::open_in_group(Vfio& vfio, std::shared_ptr<VfioDevice> device,
                                          const std::shared_ptr<VfioGroup>& group,
                                          Process& process) {
  auto file = std::make_shared<DeviceFile>(vfio, std::move(device), group);
  if (auto opened = file->open_through_group(process); !opened) return Err(opened.error());
  if (group->noiommu()) {
    const VfioDevice& opened = *file->device_;
    const Task& task = *process.task();
    vfio.kernel().log().add(LogLevel::kWarn,
                            opened.message(fmt::format("vfio-noiommu device opened by user ({}:{})",
                                                       task.comm, task.pid)));
  }
  return file;
}

Status DeviceFile::open_through_group(Process& process) {
  const std::lock_guard group_lock(group_->mutex());
  if (!group_->has_iommu()) return Err(EINVAL);
  const std::lock_guard lock(device_->set->mutex);
  auto opened = open_device(process);
  if (opened) access_granted_ = true;
  return opened;
}

// iommufd looks at the device itself, not at what VFIO thinks of it.
Result<std::unique_ptr<iommufd::Binding>> DeviceFile::bind_to(
    const std::shared_ptr<iommufd::Context>& context) {
  // A mediated device has no IOMMU either, but never takes part in this.
  const DeviceInfo& info = device_->info;
  const bool noiommu = !info.has_iommu && !info.emulated;
  if (noiommu && !vfio_.kernel().config().iommufd_noiommu) return Err(EINVAL);
  return iommufd::Binding::create(context, noiommu);
}

bool DeviceFile::succeeds_early() const {
  switch (vfio_.kernel().design().early_success) {
    case design::EarlySuccess::kNoBind:
      return false;
    case design::EarlySuccess::kGroupFiles:
      return group_ != nullptr;
    case design::EarlySuccess::kEveryFile:
      return true;
  }
  return false;
}

Result<DeviceUse> DeviceFile::use_group(Process& process) {
  DeviceUse use;
  const std::shared_ptr<iommufd::Context>& context = group_->iommufd();
  if (!context) {
    auto file = group_->use_container(process);
    if (!file) return Err(file.error());
    use.group_file = std::move(*file);
  } else {
    const bool noiommu = vfio_.binds_as_noiommu(*device_);
    // Who has an IOAS there may believe that it translates.
    const bool has_ioas = context->objects().vfio_ioas<iommufd::Ioas>().has_value();
    if (noiommu && (!process.capable(CAP_SYS_RAWIO) || has_ioas)) return Err(EPERM);
    if (noiommu && succeeds_early()) return use;
    auto binding = bind_to(context);
    if (!binding) return Err(binding.error());
    use.binding = std::move(*binding);
    use.owns_dma = group_->type() == VfioGroup::Type::kIommu;
    if (use.owns_dma) group_->own_dma();
  }
  return use;
}

Result<DeviceUse> DeviceFile::use_iommufd() {
  if (vfio_.binds_as_noiommu(*device_) && succeeds_early()) return DeviceUse{};
  auto binding = bind_to(context_);
  if (!binding) return Err(binding.error());
  return DeviceUse{.binding = std::move(*binding), .group_file = nullptr, .owns_dma = false};
}

Status DeviceFile::attach_to_vfio_ioas() {
  auto ioas = group_->iommufd()->objects().vfio_ioas<iommufd::Ioas>();
  if (!ioas) return Err(ioas.error());
  const uint32_t id = (*ioas)->id();
  ioas->reset();
  auto attached = device_->use.binding->device().attach(id);
  return attached ? Status() : Status(Err(attached.error()));
}

Status DeviceFile::first_open(Process& process) {
  auto use = group_ ? use_group(process) : use_iommufd();
  if (!use) return Err(use.error());
  device_->use = std::move(*use);
  const auto path = group_ ? VfioDriver::Path::kGroup : VfioDriver::Path::kCdev;
  if (auto opened = device_->driver.open_device(path); !opened) return opened;
  if (!group_ || !device_->use.binding || vfio_.binds_as_noiommu(*device_)) return {};
  auto attached = attach_to_vfio_ioas();
  if (!attached) device_->driver.close_device();
  return attached;
}

Status DeviceFile::open_device(Process& process) {
  if (device_->open_count > 0) {
    ++device_->open_count;
    return {};
  }
  auto opened = first_open(process);
  if (opened) {
    device_->open_count = 1;
  } else {
    static_cast<void>(drop_use());  // whoever calls has the group's file as well
  }
  return opened;
}

// Spec: vfio-core.md section 10.
FileRef DeviceFile::close_device() {
  if (--device_->open_count > 0) return nullptr;
  device_->driver.close_device();
  return drop_use();
}

FileRef DeviceFile::drop_use() {
  DeviceUse use = std::exchange(device_->use, {});
  if (use.group_file) device_->group->unuse_container();
  if (use.owns_dma) device_->group->disown_dma();
  return std::move(use.group_file);
}

DeviceFile::~DeviceFile() {
  FileRef last;  // let go after the locks, which the release of a group takes
  if (access_granted_ && group_) {
    const std::scoped_lock locks(group_->mutex(), device_->set->mutex);
    last = close_device();
  } else if (access_granted_) {
    {
      const std::lock_guard lock(device_->set->mutex);
      last = close_device();
      context_.reset();
    }
    if (device_->group) device_->group->unblock();
  }
  device_->put_registration();
}

Result<int64_t> DeviceFile::ioctl(Process& process, uint32_t command, uint64_t argument) {
  const UserPtr user{argument};
  const auto zero = [](const Status& done) -> Result<int64_t> {
    if (!done) return Err(done.error());
    return 0;
  };
  if (command == VFIO_DEVICE_BIND_IOMMUFD) {
    if (!vfio_.kernel().config().vfio_device_cdev) return Err(ENOTTY);
    return zero(bind_iommufd(process, user));
  }
  if (!access_granted_) return Err(EINVAL);
  device_->driver.resume();
  if (command == VFIO_DEVICE_FEATURE) return feature(process, user);
  if (!group_ && command == VFIO_DEVICE_ATTACH_IOMMUFD_PT) return zero(attach(process, user));
  if (!group_ && command == VFIO_DEVICE_DETACH_IOMMUFD_PT) return zero(detach(process, user));
  return device_->driver.ioctl(process, command, user);
}

// Spec: vfio-core.md section 8.
Status DeviceFile::bind_iommufd(Process& process, UserPtr argument) {
  vfio_device_bind_iommufd bind{};
  uint32_t argsz = 0;
  if (auto size = read_user(process.memory(), argument, argsz); !size) return size;
  if (argsz < kBindMin) return Err(EINVAL);
  auto read = read_user_struct(process.memory(), argument, argsz,
                               std::as_writable_bytes(std::span(&bind, 1)));
  if (!read) return read;
  if (bind.iommufd < 0 || (bind.flags & ~VFIO_DEVICE_BIND_FLAG_TOKEN) != 0) return Err(EINVAL);
  if (group_) return Err(EINVAL);

  VfioGroup* const group = vfio_.group_of(*device_);
  if (group != nullptr) {
    if (auto blocked = group->block(); !blocked) return blocked;
  }
  auto bound = bind_locked(process, argument, bind);
  if (!bound && group != nullptr) group->unblock();
  return bound;
}

Status DeviceFile::bind_locked(Process& process, UserPtr argument,
                               const vfio_device_bind_iommufd& bind) {
  Result<FileRef> file;  // let go after the lock, which the release of a device file takes
  const std::lock_guard lock(device_->set->mutex);
  if (access_granted_) return Err(EINVAL);
  std::array<std::byte, 16> token{};
  const bool has_token = (bind.flags & VFIO_DEVICE_BIND_FLAG_TOKEN) != 0;
  if (has_token && device_->info.emulated) return Err(EINVAL);  // has none, wherever it lies
  if (has_token) {
    if (auto read = read_user(process.memory(), {bind.token_uuid_ptr}, token); !read) return read;
  }
  auto token_ok = device_->driver.match_token(has_token ? token.data() : nullptr);
  if (!token_ok) return token_ok;

  file = process.file(bind.iommufd);
  if (!file) return Err(file.error());
  auto context = std::dynamic_pointer_cast<iommufd::Context>(*file);
  if (!context) return Err(EBADFD);
  if (device_->open_count > 0) return Err(EINVAL);
  context_ = std::move(context);
  if (auto opened = open_device(process); !opened) {
    context_.reset();
    return opened;
  }

  const uint32_t devid = object_id();
  auto told =
      write_user(process.memory(), argument + offsetof(vfio_device_bind_iommufd, out_devid), devid);
  if (!told) {
    close_device();
    context_.reset();
    return told;
  }
  access_granted_ = true;
  return {};
}

void DeviceFile::describe(StateText& to) const {
  if (device_->group && to.meet(device_->group.get())) device_->group->describe(to);
  const std::lock_guard lock(device_->set->mutex);
  to.value("of group", group_ ? 1 : 0);
  to.value("granted", access_granted_ ? 1 : 0);
  to.value("attached", (attached_ ? 1U : 0U) | (attached_as_pasid_ ? 2U : 0U));
  to.value("bound", context_ ? 1 : 0);
  if (context_ && to.meet(context_.get())) context_->describe(to);
  if (!to.meet(device_.get())) return;
  to.value("marked", device_->noiommu ? 1 : 0);
  to.value("opened", device_->open_count);
  to.value("object", object_id());
  to.value("keeps group", device_->use.group_file ? 1 : 0);
}

std::optional<DeviceFile::Bound> DeviceFile::bound() const {
  const std::lock_guard lock(device_->set->mutex);
  if (!context_) return std::nullopt;
  return Bound{context_, object_id()};
}

// 0 after a bind that succeeded early.
uint32_t DeviceFile::object_id() const {
  return device_->use.binding ? device_->use.binding->device().id() : 0;
}

// Why iommufd refuses an attach that cannot succeed: the page table is looked up first.
Errno DeviceFile::refusal(uint32_t pt_id, Errno otherwise) const {
  auto pt = context_->objects().get_any(pt_id);
  if (!pt) return pt.error();
  return (*pt)->type() == iommufd::Object::Type::kDevice ? Errno{EINVAL} : otherwise;
}

Result<uint32_t> DeviceFile::attach_device(uint32_t pt_id) {
  if (attached_as_pasid_) return Err(refusal(pt_id, Errno{EBUSY}));
  auto hwpt = device_->use.binding->device().attach(pt_id);
  if (hwpt) attached_ = true;
  return hwpt;
}

// No page table of the model can be used with a PASID.
Result<uint32_t> DeviceFile::attach_pasid(uint32_t pasid, uint32_t pt_id) {
  if (pasid > INT32_MAX) return Err(ENOSPC);
  if (pasid != 0) return Err(refusal(pt_id, Errno{EINVAL}));
  if (attached_) return Err(refusal(pt_id, Errno{EBUSY}));
  auto hwpt = device_->use.binding->device().attach(pt_id);
  if (hwpt) attached_as_pasid_ = true;
  return hwpt;
}

void DeviceFile::detach_device() {
  if (std::exchange(attached_, false)) device_->use.binding->device().detach();
}

void DeviceFile::detach_pasid(uint32_t pasid) {
  if (pasid == 0 && std::exchange(attached_as_pasid_, false))
    device_->use.binding->device().detach();
}

// Whoever attaches without an object has come by a bind that succeeded early.
bool DeviceFile::has_object(const char* who) const {
  if (device_->use.binding) return true;
  vfio_.kernel().warn(who);
  return false;
}

// Spec: vfio-core.md section 9.
Status DeviceFile::attach(Process& process, UserPtr argument) {
  vfio_device_attach_iommufd_pt attach{};
  if (auto read = read_prefix(process, argument, attach, kAttachMin); !read) return read;
  if (attach.argsz < kAttachMin) return Err(EINVAL);
  if ((attach.flags & ~VFIO_DEVICE_ATTACH_PASID) != 0) return Err(EINVAL);
  const bool has_pasid = (attach.flags & VFIO_DEVICE_ATTACH_PASID) != 0;
  if (has_pasid) {
    if (device_->info.emulated) return Err(EOPNOTSUPP);
    if (attach.argsz < sizeof(attach)) return Err(EINVAL);
    auto read = read_user(process.memory(),
                          argument + offsetof(vfio_device_attach_iommufd_pt, pasid), attach.pasid);
    if (!read) return read;
  }

  const std::lock_guard lock(device_->set->mutex);
  if (!has_object("vfio_iommufd_physical_attach_ioas")) return Err(EINVAL);
  auto hwpt = has_pasid ? attach_pasid(attach.pasid, attach.pt_id) : attach_device(attach.pt_id);
  if (!hwpt) return Err(hwpt.error());
  auto told = write_user(process.memory(),
                         argument + offsetof(vfio_device_attach_iommufd_pt, pt_id), *hwpt);
  if (!told) detach_device();  // also after an attach of PASID 0, which therefore stays
  return told;
}

Status DeviceFile::detach(Process& process, UserPtr argument) {
  vfio_device_detach_iommufd_pt detach{};
  if (auto read = read_prefix(process, argument, detach, kDetachMin); !read) return read;
  if (detach.argsz < kDetachMin) return Err(EINVAL);
  if ((detach.flags & ~VFIO_DEVICE_DETACH_PASID) != 0) return Err(EINVAL);
  const bool has_pasid = (detach.flags & VFIO_DEVICE_DETACH_PASID) != 0;
  if (has_pasid) {
    if (device_->info.emulated) return Err(EOPNOTSUPP);
    if (detach.argsz < sizeof(detach)) return Err(EINVAL);
    auto read = read_user(process.memory(),
                          argument + offsetof(vfio_device_detach_iommufd_pt, pasid), detach.pasid);
    if (!read) return read;
  }

  const std::lock_guard lock(device_->set->mutex);
  if (!has_object("vfio_iommufd_physical_detach_ioas")) return {};
  if (has_pasid) {
    detach_pasid(detach.pasid);
  } else {
    detach_device();
  }
  return {};
}

// The part of DEVICE_FEATURE that is the same for every feature. Spec: section 11.8.
Result<int64_t> DeviceFile::feature(Process& process, UserPtr argument) {
  constexpr uint32_t kKnown = VFIO_DEVICE_FEATURE_MASK | VFIO_DEVICE_FEATURE_GET |
                              VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_PROBE;
  vfio_device_feature feature{};
  if (auto read = read_user(process.memory(), argument, feature); !read) return Err(read.error());
  if (feature.argsz < sizeof(feature)) return Err(EINVAL);
  if ((feature.flags & ~kKnown) != 0) return Err(EINVAL);
  const uint32_t both = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_SET;
  const bool probe = (feature.flags & VFIO_DEVICE_FEATURE_PROBE) != 0;
  if (!probe && (feature.flags & both) == both) return Err(EINVAL);
  return device_->driver.feature(process, feature, argument + sizeof(feature));
}

Result<uint64_t> DeviceFile::read(Process& process, UserPtr to, uint64_t length,
                                  uint64_t position) {
  if (!access_granted_) return Err(EINVAL);
  return device_->driver.read(process, to, length, position);
}

Result<uint64_t> DeviceFile::write(Process& process, UserPtr from, uint64_t length,
                                   uint64_t position) {
  if (!access_granted_) return Err(EINVAL);
  return device_->driver.write(process, from, length, position);
}

Result<std::shared_ptr<VmObject>> DeviceFile::mmap(const MapRequest& request) {
  if (!access_granted_) return Err(EINVAL);
  return device_->driver.mmap(request);
}

}  // namespace noiommu::vfio
