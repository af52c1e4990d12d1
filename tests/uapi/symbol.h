// One list of names, vfio_symbols.inc, read twice: with our headers and with the system's.
#pragma once

#include <cstdint>
#include <vector>

namespace noiommu::uapi_test {

// A constant's value, a structure's size or a field's offset.
struct Symbol {
  const char* name;
  uint64_t value;
};

// In the order of the list, so that equal positions have equal names.
std::vector<Symbol> our_symbols();
std::vector<Symbol> system_symbols();

}  // namespace noiommu::uapi_test
