#include "tests/uapi/symbol_table.h"
#include "uapi/vfio.h"

#define TAIL(type, array) {#type "." #array, sizeof(struct type)},

namespace noiommu::uapi_test {

std::vector<Symbol> our_symbols() {
  return {
#include "tests/uapi/vfio_symbols.inc"
  };
}

}  // namespace noiommu::uapi_test
