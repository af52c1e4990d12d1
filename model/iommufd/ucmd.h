// One ioctl on an iommufd file, between copying its argument in and answering.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "model/iommufd/context.h"
#include "model/kernel/process.h"
#include "model/kernel/result.h"

namespace noiommu::iommufd {

struct Ucmd {
  Context& context;
  Process& process;
  UserPtr user;            // the argument struct of the program
  uint32_t user_size = 0;  // its `size` field

  // Copies as much of the argument struct back as the program has room for. EFAULT; what the
  // command did stays done. Spec: iommufd.md section 1, "Copy-back rules".
  template <class Command>
  [[nodiscard]] Status respond(const Command& command) const {
    const auto bytes = std::as_bytes(std::span(&command, 1));
    return process.memory().write(user, bytes.first(std::min<size_t>(user_size, bytes.size())));
  }
};

}  // namespace noiommu::iommufd
