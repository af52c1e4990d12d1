#include "tests/uapi/symbol_table.h"

// What <linux/vfio.h> itself includes, so that the namespace below holds nothing but its
// structures. They need one: the program must not define two structures of one name.
#include <linux/ioctl.h>
#include <linux/types.h>

namespace noiommu::uapi_test::system_header {
#include <linux/vfio.h>
}  // namespace noiommu::uapi_test::system_header

#define TAIL(type, array) {#type "." #array, offsetof(struct type, array)},

namespace noiommu::uapi_test {

std::vector<Symbol> system_symbols() {
  using namespace system_header;
  return {
#include "tests/uapi/vfio_symbols.inc"
  };
}

}  // namespace noiommu::uapi_test
