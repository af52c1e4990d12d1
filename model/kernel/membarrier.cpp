#include "model/kernel/membarrier.h"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>

namespace noiommu {

namespace {

bool membarrier(int command) {
  return syscall(SYS_membarrier, command, 0, 0) == 0;
}

}  // namespace

const bool kHaveMembarrier = membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);

void membarrier_all_threads() {
  if (membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED)) return;
  // A forked child has to ask for them again. Without them nobody could be sure of a lock.
  if (!membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) ||
      !membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED)) {
    std::abort();
  }
}

}  // namespace noiommu
