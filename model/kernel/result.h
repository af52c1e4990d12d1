// Answers of the modelled kernel: a value, or the errno that a system call would return.
//
// Errors are values everywhere in model/. Exceptions are left for programming mistakes and for the
// command line's own input.
#pragma once

#include <cerrno>

#include <tl/expected.hpp>

namespace noiommu {

// An errno of the modelled kernel as a positive number (EINVAL is 22). Never 0.
enum class Errno : int {};

template <class T>
using Result = tl::expected<T, Errno>;
using Status = Result<void>;

// `return Err(EINVAL);` from any function that answers a Result.
[[nodiscard]] inline tl::unexpected<Errno> Err(int number) {
  return tl::unexpected<Errno>(Errno{number});
}
[[nodiscard]] inline tl::unexpected<Errno> Err(Errno number) {
  return tl::unexpected<Errno>(number);
}

}  // namespace noiommu
