#include "model/vfio/container.h"

#include <utility>

#include "model/kernel/state_text.h"
#include "uapi/vfio.h"

namespace noiommu::vfio {

namespace {

// What the two backends say of an extension, before one has been chosen.
bool type1_has(uint64_t extension) {
  return extension == VFIO_TYPE1_IOMMU || extension == VFIO_TYPE1v2_IOMMU ||
         extension == VFIO_UNMAP_ALL;
}
bool noiommu_has(const Vfio& vfio, uint64_t extension) {
  return extension == VFIO_NOIOMMU_IOMMU && vfio.kernel().config().vfio_group_noiommu &&
         vfio.noiommu_enabled();  // read afresh at every call
}

}  // namespace

bool Container::allowed(bool noiommu_backend) const {
  if (backend_) return backend_->noiommu() == noiommu_backend;
  return groups_ == 0 || noiommu_ == noiommu_backend;
}

int64_t Container::check_extension(uint64_t extension) const {
  if (allowed(true) && noiommu_has(vfio_, extension)) return 1;
  if (!allowed(false)) return 0;
  const bool running = extension == VFIO_DMA_CC_IOMMU || extension == VFIO_UPDATE_VADDR;
  return type1_has(extension) || (running && backend_ != nullptr) ? 1 : 0;
}

Status Container::set_iommu(const Process& process, uint64_t type) {
  if (groups_ == 0 || backend_) return Err(EINVAL);
  if (noiommu_) {
    if (!noiommu_has(vfio_, type)) return Err(ENODEV);
    if (!process.capable(CAP_SYS_RAWIO)) return Err(EPERM);
    backend_ = std::make_shared<NoIommuBackend>();
    return {};
  }
  if (!type1_has(type)) return Err(ENODEV);
  if (type == VFIO_UNMAP_ALL) return Err(EINVAL);  // an extension, but not a kind of mapping
  backend_ = std::make_shared<Type1Backend>(vfio_.memory(), type == VFIO_TYPE1v2_IOMMU);
  return {};
}

Result<int64_t> Container::ioctl(Process& process, uint32_t command, uint64_t argument) {
  if (command == VFIO_GET_API_VERSION) return VFIO_API_VERSION;
  std::unique_lock lock(mutex_);
  if (command == VFIO_CHECK_EXTENSION) return check_extension(argument);
  if (command == VFIO_SET_IOMMU) {
    if (auto done = set_iommu(process, argument); !done) return Err(done.error());
    return 0;
  }
  const std::shared_ptr<ContainerBackend> backend = backend_;
  lock.unlock();
  if (!backend) return Err(EINVAL);
  return backend->ioctl(process, command, {argument});
}

Status Container::attach_group(const Process& process, bool noiommu) {
  if (noiommu && !process.capable(CAP_SYS_RAWIO)) return Err(EPERM);
  const std::lock_guard lock(mutex_);
  if (groups_ > 0 && noiommu_ != noiommu) return Err(EPERM);
  noiommu_ = noiommu;
  ++groups_;
  return {};
}

void Container::detach_group() {
  std::shared_ptr<ContainerBackend> last;  // let go after the lock
  const std::lock_guard lock(mutex_);
  if (--groups_ == 0) last = std::move(backend_);
}

void Container::describe(StateText& to) const {
  const std::lock_guard lock(mutex_);
  to.value("groups", groups_);
  to.value("noiommu", noiommu_ ? 1 : 0);
  to.value("backend", !backend_ ? 0 : backend_->noiommu() ? 1 : 2);
}

bool Container::has_backend() const {
  const std::lock_guard lock(mutex_);
  return backend_ != nullptr;
}

void register_container(Vfio& vfio) {
  Kernel& kernel = vfio.kernel();
  if (!kernel.config().vfio_container) return;
  kernel.nodes().add_device("/dev/vfio/vfio", 0666, [&vfio](Process&, int) -> Result<FileRef> {
    return std::make_shared<Container>(vfio);
  });
}

}  // namespace noiommu::vfio
