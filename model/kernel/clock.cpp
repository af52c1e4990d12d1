#include "model/kernel/clock.h"

#include <algorithm>
#include <utility>

namespace noiommu {

Clock::Time Clock::now() const {
  const std::lock_guard lock(mutex_);
  return now_;
}

std::optional<Clock::Time> Clock::next() const {
  const std::lock_guard lock(mutex_);
  if (timers_.empty()) return std::nullopt;
  return timers_.begin()->first.at;
}

Clock::TimerId Clock::schedule(Time at, Work work) {
  const std::lock_guard lock(mutex_);
  const TimerId id{at, next_number_++};
  timers_.emplace(id, std::move(work));
  return id;
}

bool Clock::cancel(TimerId id) {
  std::map<TimerId, Work>::node_type cancelled;  // its work is destroyed without the lock
  const std::lock_guard lock(mutex_);
  cancelled = timers_.extract(id);
  return !cancelled.empty();
}

void Clock::advance(Time by) {
  const std::lock_guard one_at_a_time(advance_mutex_);
  std::unique_lock lock(mutex_);
  const Time target = now_ + std::min(by, kEnd - now_);
  while (!timers_.empty() && timers_.begin()->first.at <= target) {
    auto due = timers_.extract(timers_.begin());
    now_ = std::max(now_, due.key().at);
    lock.unlock();
    due.mapped()();
    due = {};
    lock.lock();
  }
  now_ = target;
}

}  // namespace noiommu
