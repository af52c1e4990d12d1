#include "model/kernel/eventfd.h"

#include <algorithm>
#include <utility>

#include "model/kernel/process.h"

namespace noiommu {

Status EventFd::add(uint64_t value) {
  std::unique_lock lock(mutex_);
  if (!listener_) {
    if (value > kMax - counter_) return Err(EAGAIN);
    counter_ += value;
    return {};
  }
  const auto self = std::this_thread::get_id();
  if (value == 0 || std::find(telling_.begin(), telling_.end(), self) != telling_.end()) return {};
  const auto listener = listener_;
  counter_ = 0;  // it takes a count from before along
  telling_.push_back(self);
  lock.unlock();
  listener();
  lock.lock();
  std::erase(telling_, self);
  return {};
}

void EventFd::signal() {
  static_cast<void>(add(1));  // a full counter has been noticed already
}

void EventFd::listen(std::function<void()> listener) {
  const std::lock_guard lock(mutex_);
  listener_ = std::move(listener);
}

bool EventFd::pending() const {
  const std::lock_guard lock(mutex_);
  return counter_ > 0;
}

Result<uint64_t> EventFd::read(Process& process, UserPtr to, uint64_t length,
                               uint64_t /*position*/) {
  if (length < sizeof(counter_)) return Err(EINVAL);
  uint64_t value = 0;
  {
    const std::lock_guard lock(mutex_);
    if (counter_ == 0) return Err(EAGAIN);
    std::swap(value, counter_);
  }
  if (auto copied = write_user(process.memory(), to, value); !copied) return Err(copied.error());
  return sizeof(value);
}

Result<uint64_t> EventFd::write(Process& process, UserPtr from, uint64_t length,
                                uint64_t /*position*/) {
  uint64_t value = 0;
  if (length != sizeof(value)) return Err(EINVAL);
  if (auto copied = read_user(process.memory(), from, value); !copied) return Err(copied.error());
  if (value == UINT64_MAX) return Err(EINVAL);
  if (auto added = add(value); !added) return Err(added.error());
  return sizeof(value);
}

}  // namespace noiommu
