// A device region that a program maps: memory that both see. Most of a region is plain memory; its
// registers are looked at again and again, and what the program stored there goes to the device.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "model/kernel/user_memory.h"

namespace noiommu::scenarios::exec {

// A store of the value that a register shows cannot be seen, nor can the first of two stores in
// quick succession; a load sees what a store did when the next look is over.
//
// Thread-safety: one thread at a time.
class BarMirror {
 public:
  // `file` is open for reading and writing and long enough. Nothing is shown where mapping fails.
  BarMirror(int file, uint64_t offset, uint64_t length, std::shared_ptr<VmObject> object);
  ~BarMirror();
  BarMirror(const BarMirror&) = delete;
  BarMirror& operator=(const BarMirror&) = delete;

  [[nodiscard]] bool covers(uint64_t offset, uint64_t length) const;
  // Whether anything had been stored.
  bool update();

 private:
  struct Register {
    DeviceRegister at;
    uint64_t shown = 0;
  };

  [[nodiscard]] uint64_t seen(const DeviceRegister& at) const;
  [[nodiscard]] uint64_t read(const DeviceRegister& at) const;
  void show(Register& one, uint64_t expected);

  const uint64_t offset_;
  const uint64_t length_;
  const std::shared_ptr<VmObject> object_;
  std::byte* memory_ = nullptr;
  std::vector<Register> registers_;
};

}  // namespace noiommu::scenarios::exec
