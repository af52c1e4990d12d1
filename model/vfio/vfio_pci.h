// The vfio-pci driver's side of one PCI function.
#pragma once

#include <atomic>
#include <memory>
#include <span>
#include <string_view>

#include "model/kernel/kernel.h"
#include "model/kernel/rw_semaphore.h"
#include "model/pci/function.h"
#include "model/vfio/vfio_driver.h"
#include "model/vfio/vfio_pci_config.h"
#include "model/vfio/vfio_pci_dmabuf.h"
#include "model/vfio/vfio_pci_intrs.h"

namespace noiommu::vfio {

// Spec: vfio-core.md section 11. Thread-safety: as VfioDriver.
class VfioPci : public VfioDriver, Unmovable {
 public:
  // `function` outlives this.
  VfioPci(Kernel& kernel, pci::Function& function);

  Status open_device(Path path) override;
  void close_device() override;
  void resume() override;
  Result<int64_t> ioctl(Process& process, uint32_t command, UserPtr argument) override;
  Result<int64_t> feature(Process& process, const vfio_device_feature& feature,
                          UserPtr payload) override;
  Result<uint64_t> read(Process& process, UserPtr to, uint64_t length, uint64_t position) override;
  Result<uint64_t> write(Process& process, UserPtr from, uint64_t length,
                         uint64_t position) override;
  Result<std::shared_ptr<VmObject>> mmap(const MapRequest& request) override;
  [[nodiscard]] Result<bool> match(std::string_view name) const override;
  [[nodiscard]] Status match_token(const void* uuid) const override;
  void request(unsigned count) override;

 private:
  class BarMapping;

  // Where a region lies in the file: its index above, the offset in it below.
  static constexpr unsigned kOffsetShift = 40;
  struct Place {
    uint32_t index;
    uint64_t offset;
  };
  static Place place(uint64_t position);

  Status get_info(Process& process, UserPtr argument) const;
  Status get_region_info(Process& process, UserPtr argument) const;
  Status get_irq_info(Process& process, UserPtr argument) const;
  Status get_hot_reset_info(Process& process, UserPtr argument) const;
  Status hot_reset(Process& process, UserPtr argument) const;
  Status reset();
  // Both with memory_mutex_ held, or before anybody else can use the device. The first tells.
  void reset_function();
  void reset_quietly();
  void log(LogLevel level, std::string_view text) const;
  // Takes BARs away from whoever has them as dma-bufs while memory decoding is off.
  void update_dma_bufs() { dma_bufs_.set_revoked(!config_.memory_enabled()); }

  // EINVAL when it is low already. Nobody can use mapped BARs and dma-bufs until it is over; the
  // latter come back by EXIT only.
  Status enter_low_power(std::shared_ptr<EventFd> wakeup);
  void exit_low_power();

  // How many bytes of an access of `length` at `position` take place. EINVAL, EFAULT.
  Result<uint64_t> check_access(uint64_t position, uint64_t length) const;
  // EIO for a BAR while memory decoding is off.
  Status transfer_in(Place at, std::span<const std::byte> from);
  Status transfer_out(Place at, std::span<std::byte> to);

  Kernel& kernel_;
  pci::Function& function_;
  VfioPciConfig config_;
  const std::shared_ptr<VfioPciIntrs> intrs_;
  VfioPciDmaBufs dma_bufs_;
  // The kernel's memory_lock: no access to a BAR falls into a reset or a change of COMMAND.
  RwSemaphore memory_mutex_;
  std::atomic<bool> low_power_ = false;  // changes with memory_mutex_
  // Both guarded by memory_mutex_. Whom to tell when the device wakes up, which ends low power.
  std::shared_ptr<EventFd> wakeup_;
  Clock::Time low_power_since_{};
  std::atomic<Path> opened_by_ = Path::kCdev;
};

}  // namespace noiommu::vfio
