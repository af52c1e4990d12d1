// What this machine refuses, in words for the user.
#pragma once

#include <stdexcept>

namespace noiommu::scenarios::exec {

struct SetupError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace noiommu::scenarios::exec
