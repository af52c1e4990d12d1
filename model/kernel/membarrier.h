// Memory barriers in other threads, so that those who pass often need none of their own.
#pragma once

namespace noiommu {

// Whether the host has them, the same for the life of the program.
extern const bool kHaveMembarrier;

// All threads of the program have passed a full memory barrier between the call and the return.
void membarrier_all_threads();

}  // namespace noiommu
