// Minor numbers of group nodes.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>

#include "model/kernel/ida.h"
#include "model/kernel/types.h"

namespace noiommu::vfio {

// A group has its number for as long as it is registered or open. Outlives all numbers.
// Thread-safe.
class GroupMinors : Unmovable {
 public:
  using Minor = std::shared_ptr<const uint32_t>;

  // The lowest one that nobody holds. They never run out: a group has at least one device.
  Minor take() {
    const std::lock_guard lock(mutex_);
    return {new uint32_t(*ida_.alloc()), [this](const uint32_t* minor) {
              const std::unique_ptr<const uint32_t> owned(minor);
              const std::lock_guard release_lock(mutex_);
              ida_.free(*owned);
            }};
  }

 private:
  std::mutex mutex_;
  Ida ida_;  // guarded by mutex_
};

}  // namespace noiommu::vfio
