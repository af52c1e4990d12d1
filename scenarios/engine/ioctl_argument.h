// The memory behind an ioctl's argument pointer.
#pragma once

#include <cstdint>
#include <vector>

#include "scenarios/engine/session.h"
#include "scenarios/engine/step.h"

namespace noiommu::scenarios {

class IoctlArgumentMemory {
 public:
  // Lays out the structure, what follows it and the arrays that it points to. Where the scenario
  // declares a larger size than it fills, zeros follow: the kernel looks at them.
  IoctlArgumentMemory(const IoctlCommand& command, const IoctlStruct& argument,
                      const Variables& variables);

  // Puts it all in the process's scratch memory and answers the structure's address.
  [[nodiscard]] Result<uint64_t> store(Session& session);
  // Reads it all back.
  [[nodiscard]] Status load(Session& session, uint64_t address);

  // The full structure and what follows it.
  [[nodiscard]] const Bytes& bytes() const { return bytes_; }
  // What of it the last store() passed to the process.
  [[nodiscard]] const Bytes& stored() const { return stored_; }

  // What a field points to: as the last store() passed it, and as the last load() found it.
  struct Array {
    const Field* pointer;
    std::vector<uint64_t> items;
    std::vector<uint64_t> after = {};
  };
  [[nodiscard]] const std::vector<Array>& arrays() const { return arrays_; }

 private:
  Bytes bytes_;
  Bytes stored_;
  std::vector<Array> arrays_;
};

}  // namespace noiommu::scenarios
