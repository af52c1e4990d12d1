// Where the interrupts of a function go: to the driver above.
#pragma once

namespace noiommu::pci {

// Thread-safety: called from any thread that makes the device interrupt, also several at once. No
// lock of the function is held, so an implementation may use the function again.
class InterruptSink {
 public:
  virtual ~InterruptSink() = default;

  // The device asserted (true) or dropped its INTx request. This is the raw request, which STATUS
  // bit 3 shows too; DisINTx in COMMAND keeps it off the wire but hides neither. When threads raise
  // and drop it at once these calls may overtake each other: Function::intx_level() is the truth.
  virtual void intx_changed(bool level) = 0;

  // One message arrived. `vector` is below the number of vectors of the MSI capability.
  virtual void msi(unsigned vector) = 0;
};

}  // namespace noiommu::pci
