// Who a process is: user id and effective capabilities.
#pragma once

#include <linux/capability.h>

#include <bitset>
#include <cstdint>

namespace noiommu {

// Capabilities count in the initial user namespace; there is no other in the model. The numbers
// are those of <linux/capability.h>.
struct Credentials {
  uint32_t uid = 0;
  std::bitset<CAP_LAST_CAP + 1> effective = std::bitset<CAP_LAST_CAP + 1>().set();
};

}  // namespace noiommu
