// Interrupts of one device of vfio-pci: which eventfd hears of what.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "model/kernel/eventfd.h"
#include "model/kernel/process.h"
#include "model/pci/function.h"
#include "model/vfio/vfio_pci_config.h"
#include "uapi/vfio.h"

namespace noiommu::vfio {

// EBADF; EINVAL for a file of another kind.
Result<std::shared_ptr<EventFd>> find_eventfd(Process& process, int32_t fd);

// Spec: vfio-core.md sections 11.4 and 11.5. Thread-safety: all methods may be called from any
// thread; interrupts arrive in the thread that made the device raise them.
class VfioPciIntrs : public pci::InterruptSink, public std::enable_shared_from_this<VfioPciIntrs> {
 public:
  VfioPciIntrs(pci::Function& function, VfioPciConfig& config)
      : function_(function), config_(config) {}

  // How many vectors the interrupt `index` has.
  static uint32_t count(uint32_t index);

  // DEVICE_SET_IRQS. EFAULT, EINVAL, ENOTTY, EBADF, ERANGE.
  Status set_irqs(Process& process, UserPtr argument);
  // Everything off, as at close.
  void disable_all();
  // Signals the request interrupt; false when no eventfd listens.
  bool request();
  // The program wrote COMMAND. A change of its DisINTx masks or unmasks, as MASK and UNMASK do.
  void update_command();
  // Sets COMMAND and MSI of the function up again after a reset of it.
  void restore();

  void intx_changed(bool level) override;
  void msi(unsigned vector) override;

 private:
  using Trigger = std::shared_ptr<EventFd>;
  enum class Mode { kNone, kIntx, kMsi };

  // The payload of one SET_IRQS, checked.
  struct Request {
    vfio_irq_set set;
    std::vector<std::byte> payload;
    // For DATA_EVENTFD with count 1: nothing for a negative descriptor; EBADF, EINVAL.
    Result<Trigger> eventfd;

    [[nodiscard]] uint32_t data() const { return set.flags & VFIO_IRQ_SET_DATA_TYPE_MASK; }
    [[nodiscard]] uint32_t action() const { return set.flags & VFIO_IRQ_SET_ACTION_TYPE_MASK; }
    // NONE means every vector, BOOL those whose byte is set.
    [[nodiscard]] bool asks_for_first() const;
    [[nodiscard]] int32_t fd() const;
  };
  static Result<Request> read_request(Process& process, UserPtr argument);

  // Holds mutex_. What signal() collected is signalled when it is released: an eventfd may run a
  // listener that comes back here.
  class Lock : Unmovable {
   public:
    explicit Lock(VfioPciIntrs& intrs) : intrs_(intrs), lock_(intrs.mutex_) {}
    ~Lock();

   private:
    VfioPciIntrs& intrs_;
    std::unique_lock<std::mutex> lock_;
  };

  // All with mutex_ held.
  void signal(const Trigger& trigger);
  Status set_msi(const Request& request);
  Status set_intx(const Request& request);
  Status mask_intx(const Request& request);
  Status unmask_intx(const Request& request);
  Status listen_for_unmask(const Trigger& eventfd);
  void stop_listening();
  // Nothing while the program's DisINTx is set.
  void unmask();
  Status set_single(const Request& request, Trigger& single);
  void enable_msi(bool on);
  void disable();
  void write_command();
  // Delivers INTx when it is up and not masked, which masks it.
  void deliver_intx();

  pci::Function& function_;
  VfioPciConfig& config_;
  std::mutex mutex_;  // guards everything below
  Mode mode_ = Mode::kNone;
  Trigger vector_;  // of the active mode
  // Who unmasks INTx. The close of its last descriptor ends that, if we can hear of it.
  std::weak_ptr<EventFd> unmask_;
  Trigger kept_unmask_;
  bool masked_ = false;         // INTx, by MASK, by delivery or by DisINTx
  bool intx_disabled_ = false;  // the program's DisINTx, as last seen
  Trigger error_;
  Trigger request_;
  std::vector<Trigger> signals_;
};

}  // namespace noiommu::vfio
