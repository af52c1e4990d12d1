// For tests of calls that answer a Result: assert the errno by name.
#pragma once

#include "model/kernel/result.h"

namespace noiommu::tests {

// The errno of an answer; 0 when the call succeeded.
template <class T>
int errno_of(const Result<T>& result) {
  return result ? 0 : static_cast<int>(result.error());
}

}  // namespace noiommu::tests
