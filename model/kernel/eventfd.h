// eventfd(2), the counter through which interrupts reach a program.
#pragma once

#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "model/kernel/file.h"

namespace noiommu {

// Virtual is what an eventfd of another kernel does otherwise. Always non-blocking: a read of an
// empty counter answers EAGAIN. Thread-safe.
class EventFd : public File {
 public:
  explicit EventFd(uint64_t initial) : ends_at_close_(true), counter_(initial) {}

  // What an interrupt does: adds one, saturating below the highest value.
  virtual void signal();
  // From now on whoever signals or writes runs `listener`, in its own thread and without a lock,
  // and the counter stays as it is. A signal that a listener sends in a circle back to its own
  // eventfd is dropped. A count from before stays until somebody signals. An empty function ends
  // listening.
  virtual void listen(std::function<void()> listener);
  // Whether a read would find a count. Another kernel's runs its listener for one by itself.
  [[nodiscard]] bool pending() const;
  // Whether the close of the last descriptor ends it, if nobody keeps it. Nobody here hears of the
  // last close of another kernel's, so who listens to it has to keep it.
  [[nodiscard]] bool ends_at_close() const { return ends_at_close_; }

  // EINVAL to read less than 8 bytes, or to write anything but 8; EAGAIN when empty or when a write
  // would overflow; EFAULT.
  Result<uint64_t> read(Process& process, UserPtr to, uint64_t length, uint64_t position) override;
  Result<uint64_t> write(Process& process, UserPtr from, uint64_t length,
                         uint64_t position) override;
  [[nodiscard]] bool seekable() const override { return false; }

 protected:
  EventFd() = default;  // of another kernel

 private:
  // Adds to the counter, or runs the listener. EAGAIN when the counter would overflow.
  Status add(uint64_t value);

  static constexpr uint64_t kMax = UINT64_MAX - 1;
  const bool ends_at_close_ = false;
  mutable std::mutex mutex_;  // guards everything below
  uint64_t counter_ = 0;
  std::function<void()> listener_;
  std::vector<std::thread::id> telling_;  // who runs the listener just now
};

}  // namespace noiommu
