// A queue of I/O page faults, which no device of the model can cause.
#pragma once

#include <memory>

#include "model/iommufd/object.h"
#include "model/kernel/file.h"

namespace noiommu::iommufd {

class Context;

class Fault : public Object {
 public:
  static constexpr Type kType = Type::kFault;

  explicit Fault(uint32_t id) : Object(kType, id) {}
};

// The descriptor that faults are read from and answered to; uses its queue. Always empty.
// Thread-safe. Spec: iommufd.md section 2.
class FaultFile : public File {
 public:
  FaultFile(std::shared_ptr<Context> context, Ref<Fault> fault);

  // 0 bytes; ESPIPE when `length` is not a multiple of the record's size.
  Result<uint64_t> read(Process& process, UserPtr to, uint64_t length, uint64_t position) override;
  // ESPIPE likewise; EFAULT; EINVAL, because no fault waits for an answer.
  Result<uint64_t> write(Process& process, UserPtr from, uint64_t length,
                         uint64_t position) override;
  [[nodiscard]] bool seekable() const override { return false; }

  [[nodiscard]] const std::shared_ptr<Context>& context() const { return context_; }

 private:
  const std::shared_ptr<Context> context_;  // outlives the use of its object
  const Ref<Fault> fault_;
};

}  // namespace noiommu::iommufd
