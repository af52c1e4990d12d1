#include "model/vfio/vfio_pci.h"

#include <fmt/format.h>
#include <linux/pci_regs.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

namespace noiommu::vfio {

namespace {

// How many registers' worth of an access is moved between two looks at the program's memory.
constexpr size_t kChunk = 256;

// Copies a struct in whose `argsz` must be at least `min`. EFAULT, EINVAL.
template <class T>
Status read_argument(Process& process, UserPtr from, T& to, size_t min) {
  auto bytes = std::as_writable_bytes(std::span(&to, 1));
  if (auto read = process.memory().read(from, bytes.first(min)); !read) return read;
  return to.argsz < min ? Status(Err(EINVAL)) : Status();
}

}  // namespace

// A mapped BAR: every access goes to the function unless that is in low power, and none can be
// pinned.
class VfioPci::BarMapping : public VmObject {
 public:
  BarMapping(VfioPci& owner, unsigned bar) : owner_(owner), bar_(bar) {}

  Status load(uint64_t offset, std::span<std::byte> to) override {
    if (owner_.low_power_) return Err(EFAULT);
    return owner_.transfer_out(place(offset), to) ? Status() : Status(Err(EFAULT));
  }
  Status store(uint64_t offset, std::span<const std::byte> from) override {
    if (owner_.low_power_) return Err(EFAULT);
    return owner_.transfer_in(place(offset), from) ? Status() : Status(Err(EFAULT));
  }
  Status pin(uint64_t /*first*/, uint64_t /*pages*/, std::vector<PfnRun>& /*runs*/) override {
    return Err(EFAULT);
  }
  [[nodiscard]] std::vector<DeviceRegister> registers() const override {
    std::vector<DeviceRegister> all = owner_.function_.registers(bar_);
    for (DeviceRegister& one : all) one.offset += uint64_t{bar_} << kOffsetShift;
    return all;
  }
  Result<std::shared_ptr<VmObject>> fork() override {
    return std::make_shared<BarMapping>(owner_, bar_);
  }
  void discard(uint64_t /*first*/, uint64_t /*pages*/) override {}

 private:
  VfioPci& owner_;
  const unsigned bar_;
};

VfioPci::VfioPci(Kernel& kernel, pci::Function& function)
    : kernel_(kernel),
      function_(function),
      config_(function, {.command_changed =
                             [this] {
                               intrs_->update_command();
                               update_dma_bufs();
                             },
                         .reset_requested = [this] { reset_function(); }}),
      intrs_(std::make_shared<VfioPciIntrs>(function, config_)) {}

VfioPci::Place VfioPci::place(uint64_t position) {
  return {static_cast<uint32_t>(position >> kOffsetShift),
          position & ((uint64_t{1} << kOffsetShift) - 1)};
}

Status VfioPci::open_device(Path path) {
  opened_by_ = path;
  config_.rebuild();
  function_.set_interrupt_sink(intrs_);
  reset_function();
  return {};
}

void VfioPci::close_device() {
  dma_bufs_.cleanup();
  intrs_->disable_all();
  function_.set_interrupt_sink(nullptr);
  exit_low_power();
  reset_quietly();
  config_.restore();
}

void VfioPci::log(LogLevel level, std::string_view text) const {
  kernel_.log().add(level, fmt::format("vfio-pci {}: {}", function_.bdf(), text));
}

// Nothing happens to a function that cannot be reset: its registers stay as they are.
void VfioPci::reset_function() {
  if (!function_.has_reset()) return;
  log(LogLevel::kWarn, "resetting");
  reset_quietly();
  log(LogLevel::kWarn, "reset done");
}

void VfioPci::reset_quietly() {
  if (!function_.has_reset()) return;
  const uint32_t cache_line_size = function_.config_read(PCI_CACHE_LINE_SIZE, 1);
  dma_bufs_.set_revoked(true);
  static_cast<void>(function_.reset());
  // The kernel saves the header and the capabilities before a reset, and puts them back.
  function_.config_write(PCI_CACHE_LINE_SIZE, 1, cache_line_size);
  intrs_->restore();
  update_dma_bufs();
}

Result<int64_t> VfioPci::ioctl(Process& process, uint32_t command, UserPtr argument) {
  const auto run = [&]() -> Status {
    switch (command) {
      case VFIO_DEVICE_GET_INFO:
        return get_info(process, argument);
      case VFIO_DEVICE_GET_REGION_INFO:
        return get_region_info(process, argument);
      case VFIO_DEVICE_GET_IRQ_INFO:
        return get_irq_info(process, argument);
      case VFIO_DEVICE_SET_IRQS:
        return intrs_->set_irqs(process, argument);
      case VFIO_DEVICE_RESET:
        return reset();
      case VFIO_DEVICE_GET_PCI_HOT_RESET_INFO:
        return get_hot_reset_info(process, argument);
      case VFIO_DEVICE_PCI_HOT_RESET:
        return hot_reset(process, argument);
      default:
        return Err(ENOTTY);
    }
  };
  if (auto done = run(); !done) return Err(done.error());
  return 0;
}

Status VfioPci::get_info(Process& process, UserPtr argument) const {
  constexpr size_t kMin = offsetof(vfio_device_info, cap_offset);
  vfio_device_info info{};
  if (auto read = read_argument(process, argument, info, kMin); !read) return read;
  const size_t size = std::min<size_t>(info.argsz, sizeof(info));
  info.flags = VFIO_DEVICE_FLAGS_PCI;
  if (function_.has_reset()) info.flags |= VFIO_DEVICE_FLAGS_RESET;
  info.num_regions = VFIO_PCI_NUM_REGIONS;
  info.num_irqs = VFIO_PCI_NUM_IRQS;
  return process.memory().write(argument, std::as_bytes(std::span(&info, 1)).first(size));
}

Status VfioPci::get_region_info(Process& process, UserPtr argument) const {
  vfio_region_info info{};
  if (auto read = read_argument(process, argument, info, sizeof(info)); !read) return read;
  // Neither a VGA device nor one with regions of its own.
  if (info.index >= VFIO_PCI_VGA_REGION_INDEX) return Err(EINVAL);
  info.offset = uint64_t{info.index} << kOffsetShift;
  info.flags = 0;
  info.size = 0;
  if (info.index == VFIO_PCI_CONFIG_REGION_INDEX) {
    info.size = VfioPciConfig::kSize;
    info.flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
  } else if (info.index < VFIO_PCI_ROM_REGION_INDEX) {
    info.size = function_.bar(info.index).size;
    if (info.size > 0) info.flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
    if (info.size >= kPageSize) info.flags |= VFIO_REGION_INFO_FLAG_MMAP;
  }
  return write_user(process.memory(), argument, info);
}

Status VfioPci::get_irq_info(Process& process, UserPtr argument) const {
  vfio_irq_info info{};
  if (auto read = read_argument(process, argument, info, sizeof(info)); !read) return read;
  if (info.index >= VFIO_PCI_NUM_IRQS) return Err(EINVAL);
  info.count = VfioPciIntrs::count(info.index);
  info.flags = VFIO_IRQ_INFO_EVENTFD;
  if (info.index == VFIO_PCI_INTX_IRQ_INDEX) {
    info.flags |= VFIO_IRQ_INFO_MASKABLE | VFIO_IRQ_INFO_AUTOMASKED;
  } else {
    info.flags |= VFIO_IRQ_INFO_NORESIZE;
  }
  return write_user(process.memory(), argument, info);
}

Status VfioPci::reset() {
  if (!function_.has_reset()) return Err(EINVAL);
  const std::unique_lock lock(memory_mutex_);
  reset_function();
  return {};
}

// Every function lies on a root bus, where neither a slot nor a bus can be reset.
Status VfioPci::get_hot_reset_info(Process& process, UserPtr argument) const {
  vfio_pci_hot_reset_info info{};
  if (auto read = read_argument(process, argument, info, sizeof(info)); !read) return read;
  return Err(ENODEV);
}

Status VfioPci::hot_reset(Process& process, UserPtr argument) const {
  vfio_pci_hot_reset reset{};
  if (auto read = read_argument(process, argument, reset, sizeof(reset)); !read) return read;
  if (reset.flags != 0) return Err(EINVAL);
  // A list of group descriptors is for who opened the device through its group.
  if ((reset.count > 0) != (opened_by_ == Path::kGroup)) return Err(EINVAL);
  return Err(ENODEV);
}

// Spec: vfio-core.md section 11.8.
Result<int64_t> VfioPci::feature(Process& process, const vfio_device_feature& feature,
                                 UserPtr payload) {
  constexpr uint32_t kBoth = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_SET;
  const uint32_t index = feature.flags & VFIO_DEVICE_FEATURE_MASK;
  uint32_t supported = VFIO_DEVICE_FEATURE_SET;
  uint32_t payload_size = 0;
  switch (index) {
    case VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY:
    case VFIO_DEVICE_FEATURE_LOW_POWER_EXIT:
      break;
    case VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP:
      payload_size = sizeof(vfio_device_low_power_entry_with_wakeup);
      break;
    case VFIO_DEVICE_FEATURE_DMA_BUF:
      supported = VFIO_DEVICE_FEATURE_GET;
      payload_size = sizeof(vfio_device_feature_dma_buf);
      break;
    case VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2:
      return Err(EINVAL);
    default:
      return Err(ENOTTY);
  }
  if ((feature.flags & kBoth & ~supported) != 0) return Err(EINVAL);
  if ((feature.flags & VFIO_DEVICE_FEATURE_PROBE) != 0) return 0;
  if ((feature.flags & kBoth) == 0) return Err(EINVAL);
  if (feature.argsz - sizeof(feature) < payload_size) return Err(EINVAL);

  std::shared_ptr<EventFd> wakeup;
  switch (index) {
    case VFIO_DEVICE_FEATURE_LOW_POWER_EXIT:
      exit_low_power();
      return 0;
    case VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP: {
      vfio_device_low_power_entry_with_wakeup entry{};
      if (auto read = read_user(process.memory(), payload, entry); !read) {
        return Err(read.error());
      }
      if (entry.wakeup_eventfd < 0) return Err(EINVAL);
      auto eventfd = find_eventfd(process, entry.wakeup_eventfd);
      if (!eventfd) return Err(eventfd.error());
      wakeup = std::move(*eventfd);
      break;
    }
    case VFIO_DEVICE_FEATURE_DMA_BUF: {
      auto request = VfioPciDmaBufs::read(process, function_, payload);
      if (!request) return Err(request.error());
      const std::unique_lock lock(memory_mutex_);
      return dma_bufs_.create(process, std::move(*request), !config_.memory_enabled());
    }
    default:
      break;
  }
  if (auto entered = enter_low_power(std::move(wakeup)); !entered) return Err(entered.error());
  return 0;
}

Status VfioPci::enter_low_power(std::shared_ptr<EventFd> wakeup) {
  const std::unique_lock lock(memory_mutex_);
  dma_bufs_.set_revoked(true);
  if (low_power_) return Err(EINVAL);
  low_power_ = true;
  wakeup_ = std::move(wakeup);
  low_power_since_ = kernel_.clock().now();
  return {};
}

void VfioPci::exit_low_power() {
  const std::unique_lock lock(memory_mutex_);
  low_power_ = false;
  wakeup_.reset();
  update_dma_bufs();
}

// A device falls asleep when nobody uses it: here as soon as time passes.
void VfioPci::resume() {
  if (!low_power_) return;
  std::shared_ptr<EventFd> wakeup;  // signalled after the lock: a listener may use the device
  {
    const std::unique_lock lock(memory_mutex_);
    if (!wakeup_ || kernel_.clock().now() == low_power_since_) return;
    wakeup = std::exchange(wakeup_, nullptr);
    low_power_ = false;
  }
  wakeup->signal();
}

// Spec: vfio-core.md section 11.9.
Result<uint64_t> VfioPci::check_access(uint64_t position, uint64_t length) const {
  const Place at = place(position);
  if (at.index >= VFIO_PCI_NUM_REGIONS) return Err(EINVAL);
  if (at.index == VFIO_PCI_CONFIG_REGION_INDEX) {
    if (at.offset + length > VfioPciConfig::kSize) return Err(EFAULT);
    return length;
  }
  if (at.index >= VFIO_PCI_ROM_REGION_INDEX) return Err(EINVAL);
  const uint64_t size = function_.bar(at.index).size;
  if (at.offset >= size) return Err(EINVAL);
  return std::min(length, size - at.offset);
}

Status VfioPci::transfer_out(Place at, std::span<std::byte> to) {
  if (at.index == VFIO_PCI_CONFIG_REGION_INDEX) {
    config_.read(at.offset, to);
    return {};
  }
  const std::shared_lock lock(memory_mutex_);
  if (!config_.memory_enabled()) return Err(EIO);
  function_.bar_read(at.index, at.offset, to);
  return {};
}

Status VfioPci::transfer_in(Place at, std::span<const std::byte> from) {
  if (at.index == VFIO_PCI_CONFIG_REGION_INDEX) {
    const std::unique_lock lock(memory_mutex_);
    config_.write(at.offset, from);
    return {};
  }
  const std::shared_lock lock(memory_mutex_);
  if (!config_.memory_enabled()) return Err(EIO);
  function_.bar_write(at.index, at.offset, from);
  return {};
}

Result<uint64_t> VfioPci::read(Process& process, UserPtr to, uint64_t length, uint64_t position) {
  if (length == 0) return 0;
  if (place(position).index < VFIO_PCI_NUM_REGIONS) resume();
  auto allowed = check_access(position, length);
  if (!allowed) return allowed;
  std::array<std::byte, kChunk> bytes;
  for (uint64_t done = 0; done < *allowed;) {
    // Chunks end where an aligned access does, so that none is split.
    const uint64_t room = kChunk - (position + done) % kChunk;
    const auto part = std::span(bytes).first(std::min(*allowed - done, room));
    if (auto moved = transfer_out(place(position + done), part); !moved) {
      return Err(moved.error());
    }
    if (auto told = process.memory().write(to + done, part); !told) return Err(told.error());
    done += part.size();
  }
  return allowed;
}

Result<uint64_t> VfioPci::write(Process& process, UserPtr from, uint64_t length,
                                uint64_t position) {
  if (length == 0) return 0;
  if (place(position).index < VFIO_PCI_NUM_REGIONS) resume();
  auto allowed = check_access(position, length);
  if (!allowed) return allowed;
  std::array<std::byte, kChunk> bytes;
  for (uint64_t done = 0; done < *allowed;) {
    const uint64_t room = kChunk - (position + done) % kChunk;
    const auto part = std::span(bytes).first(std::min(*allowed - done, room));
    if (auto read = process.memory().read(from + done, part); !read) return Err(read.error());
    if (auto moved = transfer_in(place(position + done), part); !moved) {
      return Err(moved.error());
    }
    done += part.size();
  }
  return allowed;
}

Result<std::shared_ptr<VmObject>> VfioPci::mmap(const MapRequest& request) {
  const Place at = place(request.offset);
  if ((request.flags & MAP_SHARED) == 0) return Err(EINVAL);
  if (at.index >= VFIO_PCI_ROM_REGION_INDEX) return Err(EINVAL);
  const uint64_t size = function_.bar(at.index).size;
  if (size < kPageSize) return Err(EINVAL);
  if (at.offset >= size || request.length > size - at.offset) return Err(EINVAL);
  return std::make_shared<BarMapping>(*this, at.index);
}

// Spec: vfio-core.md section 5.5, "vfio-pci name matching".
Result<bool> VfioPci::match(std::string_view name) const {
  if (!name.starts_with(function_.bdf())) return false;
  name.remove_prefix(function_.bdf().size());
  if (name.empty()) return true;
  if (!name.starts_with(' ')) return false;
  const bool only_spaces = name.find_first_not_of(' ') == std::string_view::npos;
  if (!only_spaces) return Err(EINVAL);  // a token is for virtual functions and their parents
  return true;
}

Status VfioPci::match_token(const void* uuid) const {
  if (uuid == nullptr) return {};
  log(LogLevel::kInfo, "VF token incorrectly provided, not a PF or VF");
  return Err(EINVAL);
}

void VfioPci::request(unsigned count) {
  if (intrs_->request()) {
    if (count % 10 == 0) {
      log(LogLevel::kNotice, fmt::format("Relaying device request to user (#{})", count));
    }
  } else if (count == 0) {
    log(LogLevel::kWarn, "No device request channel registered, blocked until released by user");
  }
}

}  // namespace noiommu::vfio
