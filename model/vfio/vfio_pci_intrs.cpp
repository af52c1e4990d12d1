#include "model/vfio/vfio_pci_intrs.h"

#include <linux/pci_regs.h>

#include <bit>
#include <cstring>
#include <utility>

namespace noiommu::vfio {

Result<std::shared_ptr<EventFd>> find_eventfd(Process& process, int32_t fd) {
  auto file = process.file(fd);
  if (!file) return Err(file.error());
  auto eventfd = std::dynamic_pointer_cast<EventFd>(*file);
  if (!eventfd) return Err(EINVAL);
  return eventfd;
}

VfioPciIntrs::Lock::~Lock() {
  const std::vector<Trigger> signals = std::exchange(intrs_.signals_, {});
  lock_.unlock();
  for (const Trigger& trigger : signals) trigger->signal();
}

void VfioPciIntrs::signal(const Trigger& trigger) {
  if (trigger) signals_.push_back(trigger);
}

uint32_t VfioPciIntrs::count(uint32_t index) {
  return index == VFIO_PCI_MSIX_IRQ_INDEX ? 0 : 1;
}

bool VfioPciIntrs::Request::asks_for_first() const {
  return data() == VFIO_IRQ_SET_DATA_NONE || payload[0] != std::byte{0};
}

int32_t VfioPciIntrs::Request::fd() const {
  int32_t value = 0;
  std::memcpy(&value, payload.data(), sizeof(value));
  return value;
}

Result<VfioPciIntrs::Request> VfioPciIntrs::read_request(Process& process, UserPtr argument) {
  constexpr uint32_t kKnown = VFIO_IRQ_SET_DATA_TYPE_MASK | VFIO_IRQ_SET_ACTION_TYPE_MASK;
  Request request{};
  vfio_irq_set& set = request.set;
  if (auto read = read_user(process.memory(), argument, set); !read) return Err(read.error());
  if (set.argsz < sizeof(set) || set.index >= VFIO_PCI_NUM_IRQS ||
      set.count >= UINT32_MAX - set.start || (set.flags & ~kKnown) != 0) {
    return Err(EINVAL);
  }
  if (set.start >= count(set.index) || set.start + set.count > count(set.index)) {
    return Err(EINVAL);
  }
  size_t entry = 0;
  switch (request.data()) {
    case VFIO_IRQ_SET_DATA_NONE:
      break;
    case VFIO_IRQ_SET_DATA_BOOL:
      entry = sizeof(uint8_t);
      break;
    case VFIO_IRQ_SET_DATA_EVENTFD:
      entry = sizeof(int32_t);
      break;
    default:
      return Err(EINVAL);
  }
  if (set.argsz - sizeof(set) < set.count * entry) return Err(EINVAL);
  request.payload.resize(set.count * entry);
  if (auto read = process.memory().read(argument + sizeof(set), request.payload); !read) {
    return Err(read.error());
  }
  // Looked up before any lock: letting go of a file of another kind may release it.
  if (request.data() == VFIO_IRQ_SET_DATA_EVENTFD && set.count > 0 && request.fd() >= 0) {
    request.eventfd = find_eventfd(process, request.fd());
  }
  return request;
}

Status VfioPciIntrs::set_irqs(Process& process, UserPtr argument) {
  auto request = read_request(process, argument);
  if (!request) return Err(request.error());
  const Lock lock(*this);
  const uint32_t action = request->action();
  switch (request->set.index) {
    case VFIO_PCI_INTX_IRQ_INDEX:
      if (action == VFIO_IRQ_SET_ACTION_TRIGGER) return set_intx(*request);
      if (action == VFIO_IRQ_SET_ACTION_MASK) return mask_intx(*request);
      if (action == VFIO_IRQ_SET_ACTION_UNMASK) return unmask_intx(*request);
      break;
    case VFIO_PCI_MSI_IRQ_INDEX:
      if (action == VFIO_IRQ_SET_ACTION_TRIGGER) return set_msi(*request);
      break;
    case VFIO_PCI_ERR_IRQ_INDEX:
      if (action == VFIO_IRQ_SET_ACTION_TRIGGER) return set_single(*request, error_);
      break;
    case VFIO_PCI_REQ_IRQ_INDEX:
      if (action == VFIO_IRQ_SET_ACTION_TRIGGER) return set_single(*request, request_);
      break;
    default:
      break;
  }
  return Err(ENOTTY);
}

void VfioPciIntrs::enable_msi(bool on) {
  const unsigned offset = pci::kMsiOffset + PCI_MSI_FLAGS;
  const uint32_t flags = function_.config_read(offset, 2) & ~uint32_t{PCI_MSI_FLAGS_ENABLE};
  function_.config_write(offset, 2, flags | (on ? PCI_MSI_FLAGS_ENABLE : 0));
  config_.set_msi_active(on);
}

void VfioPciIntrs::disable() {
  if (mode_ == Mode::kMsi) enable_msi(false);
  stop_listening();
  mode_ = Mode::kNone;
  vector_.reset();
  masked_ = false;
  write_command();
}

Status VfioPciIntrs::set_msi(const Request& request) {
  const bool enabled = mode_ == Mode::kMsi;
  if (enabled && request.set.count == 0 && request.data() == VFIO_IRQ_SET_DATA_NONE) {
    disable();
    return {};
  }
  if (!enabled && mode_ != Mode::kNone) return Err(EINVAL);
  if (request.data() == VFIO_IRQ_SET_DATA_EVENTFD) {
    if (request.set.count == 0) return enabled ? Status() : Status(Err(ERANGE));
    vector_.reset();  // whatever comes, the old one is disarmed
    if (!request.eventfd) return Err(request.eventfd.error());
    vector_ = *request.eventfd;
    if (!enabled) enable_msi(true);
    mode_ = Mode::kMsi;
    return {};
  }
  if (!enabled) return Err(EINVAL);
  if (request.set.count > 0 && request.asks_for_first()) signal(vector_);
  return {};
}

Status VfioPciIntrs::set_intx(const Request& request) {
  const bool enabled = mode_ == Mode::kIntx;
  if (enabled && request.set.count == 0 && request.data() == VFIO_IRQ_SET_DATA_NONE) {
    disable();
    return {};
  }
  if ((!enabled && mode_ != Mode::kNone) || request.set.count != 1) return Err(EINVAL);
  if (request.data() == VFIO_IRQ_SET_DATA_EVENTFD) {
    if (!request.eventfd) return Err(request.eventfd.error());
    vector_ = *request.eventfd;
    if (!enabled) masked_ = intx_disabled_;
    mode_ = Mode::kIntx;
    deliver_intx();
    return {};
  }
  if (!enabled) return Err(EINVAL);
  if (request.asks_for_first() && !intx_disabled_) signal(vector_);
  return {};
}

Status VfioPciIntrs::mask_intx(const Request& request) {
  if (mode_ != Mode::kIntx || request.set.count != 1) return Err(EINVAL);
  if (request.data() == VFIO_IRQ_SET_DATA_EVENTFD) return Err(ENOTTY);
  if (!request.asks_for_first()) return {};
  masked_ = true;
  write_command();
  return {};
}

Status VfioPciIntrs::unmask_intx(const Request& request) {
  if (mode_ != Mode::kIntx || request.set.count != 1) return Err(EINVAL);
  if (request.data() == VFIO_IRQ_SET_DATA_EVENTFD) {
    if (!request.eventfd) return Err(request.eventfd.error());
    if (*request.eventfd) return listen_for_unmask(*request.eventfd);
    stop_listening();
    return {};
  }
  if (request.asks_for_first()) unmask();
  return {};
}

Status VfioPciIntrs::listen_for_unmask(const Trigger& eventfd) {
  if (unmask_.lock()) return Err(EBUSY);
  unmask_ = eventfd;
  if (!eventfd->ends_at_close()) kept_unmask_ = eventfd;
  eventfd->listen([weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    const Lock lock(*self);
    self->unmask();
  });
  if (eventfd->pending()) unmask();
  return {};
}

void VfioPciIntrs::stop_listening() {
  if (const Trigger eventfd = unmask_.lock()) eventfd->listen({});
  unmask_.reset();
  kept_unmask_.reset();
}

void VfioPciIntrs::unmask() {
  if (!masked_ || intx_disabled_) return;
  masked_ = false;
  deliver_intx();
}

// ERR and REQ: one eventfd that the kernel signals, and that the program can signal for a test.
Status VfioPciIntrs::set_single(const Request& request, Trigger& single) {
  const uint32_t count = request.set.count;
  switch (request.data()) {
    case VFIO_IRQ_SET_DATA_NONE:
      if (!single) return Err(EINVAL);
      if (count > 0) {
        signal(single);
      } else {
        single.reset();
      }
      return {};
    case VFIO_IRQ_SET_DATA_BOOL:
      if (count == 0) return Err(EINVAL);
      if (request.asks_for_first()) signal(single);
      return {};
    default:
      break;
  }
  if (count == 0) return Err(EINVAL);
  if (request.fd() < -1) return Err(EINVAL);
  if (!request.eventfd) return Err(request.eventfd.error());
  single = *request.eventfd;
  return {};
}

void VfioPciIntrs::disable_all() {
  const Lock lock(*this);
  disable();
  intx_disabled_ = false;
  error_.reset();
  request_.reset();
}

bool VfioPciIntrs::request() {
  const Lock lock(*this);
  if (!request_) return false;
  signal(request_);
  return true;
}

void VfioPciIntrs::update_command() {
  const Lock lock(*this);
  const bool disabled = config_.intx_disabled();
  if (disabled != intx_disabled_) {
    intx_disabled_ = disabled;
    if (disabled) {
      masked_ = mode_ == Mode::kIntx;
    } else {
      unmask();
    }
  }
  write_command();
}

void VfioPciIntrs::restore() {
  const Lock lock(*this);
  if (mode_ == Mode::kMsi) enable_msi(true);
  write_command();
}

void VfioPciIntrs::write_command() {
  std::array<std::byte, 2> shown{};
  config_.read(PCI_COMMAND, shown);
  auto command = std::bit_cast<uint16_t>(shown);
  if (masked_) command |= PCI_COMMAND_INTX_DISABLE;
  function_.config_write(PCI_COMMAND, 2, command);
}

void VfioPciIntrs::deliver_intx() {
  if (mode_ == Mode::kIntx && !masked_ && function_.intx_level()) {
    masked_ = true;
    signal(vector_);
  }
  write_command();
}

void VfioPciIntrs::intx_changed(bool level) {
  if (!level) return;
  const Lock lock(*this);
  deliver_intx();
}

void VfioPciIntrs::msi(unsigned /*vector*/) {
  const Lock lock(*this);
  if (mode_ == Mode::kMsi) signal(vector_);
}

}  // namespace noiommu::vfio
