// How a PCI function shows under /sys.
#pragma once

#include <string>

#include "model/kernel/node_tree.h"
#include "model/pci/function.h"

namespace noiommu::pci {

// The function's directory below /sys/devices, e.g. "pci0000:00/0000:00:04.0".
std::string sysfs_path(const Function& function);

// Adds that directory with its identity, and the link in /sys/bus/pci/devices. The function must
// live as long as the nodes.
void add_to_sysfs(NodeTree& nodes, Function& function);

}  // namespace noiommu::pci
