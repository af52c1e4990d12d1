// An edu device on a bench: memory, clock and a listener for its interrupts.
#pragma once

#include <linux/pci_regs.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "model/kernel/clock.h"
#include "model/pci/edu.h"

namespace noiommu::pci {

// Memory byte by byte; no memory answers from kHole on.
class FakeMemory : public DmaPort {
 public:
  static constexpr PhysAddr kHole{0xdead'0000'0000};

  bool read(PhysAddr from, std::span<std::byte> to) override {
    const std::lock_guard lock(mutex_);
    for (size_t i = 0; from < kHole && i < to.size(); ++i) {
      to[i] = bytes_[from + i];
    }
    return from < kHole;
  }
  bool write(PhysAddr to, std::span<const std::byte> from) override {
    const std::lock_guard lock(mutex_);
    for (size_t i = 0; to < kHole && i < from.size(); ++i) {
      bytes_[to + i] = from[i];
    }
    return to < kHole;
  }

  void put(PhysAddr at, const std::string& text) { write(at, std::as_bytes(std::span(text))); }
  std::string get(PhysAddr at, size_t length) {
    std::string text(length, '\0');
    read(at, std::as_writable_bytes(std::span(text)));
    return text;
  }

 private:
  std::mutex mutex_;
  std::map<PhysAddr, std::byte> bytes_;
};

// Keeps what it was told, in order.
class Listener : public InterruptSink {
 public:
  void intx_changed(bool level) override { note(level ? "up" : "down"); }
  void msi(unsigned vector) override { note("msi" + std::to_string(vector)); }

  std::vector<std::string> heard() {
    const std::lock_guard lock(mutex_);
    return heard_;
  }

 private:
  void note(std::string what) {
    const std::lock_guard lock(mutex_);
    heard_.push_back(std::move(what));
  }

  std::mutex mutex_;
  std::vector<std::string> heard_;
};

// Starts like after a driver's open and `COMMAND = memory | bus master`.
struct EduBench {
  explicit EduBench(Edu::Options options = {}) : edu("0000:00:04.0", memory, clock, options) {
    edu.set_interrupt_sink(listener);
    command(PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
  }

  void command(uint32_t bits) { edu.config_write(PCI_COMMAND, 2, bits); }
  void msi(bool on) {
    edu.config_write(kMsiOffset + PCI_MSI_FLAGS, 2, on ? PCI_MSI_FLAGS_ENABLE : 0);
  }

  template <class T>
  T load(uint64_t offset) {
    T value{};
    edu.bar_read(0, offset, std::as_writable_bytes(std::span(&value, 1)));
    return value;
  }
  template <class T>
  void store(uint64_t offset, T value) {
    edu.bar_write(0, offset, std::as_bytes(std::span(&value, 1)));
  }
  uint32_t load32(uint64_t offset) { return load<uint32_t>(offset); }
  void store32(uint64_t offset, uint32_t value) { store(offset, value); }

  // Programs the DMA engine and starts it; nothing has moved yet.
  void start(uint64_t source, uint64_t destination, uint64_t count, uint64_t command) {
    store<uint64_t>(0x80, source);
    store<uint64_t>(0x88, destination);
    store<uint64_t>(0x90, count);
    store<uint64_t>(0x98, command);
  }
  void wait() { clock.advance(std::chrono::milliseconds(250)); }

  // Moves bytes between memory and the device buffer, and waits until it is done.
  void fill_buffer(PhysAddr from, uint64_t count) {
    start(from.value, Edu::kBufferAddress, count, 1);
    wait();
  }
  void drain_buffer(PhysAddr to, uint64_t count) {
    start(Edu::kBufferAddress, to.value, count, 3);
    wait();
  }

  FakeMemory memory;
  Clock clock;
  std::shared_ptr<Listener> listener = std::make_shared<Listener>();
  Edu edu;
};

}  // namespace noiommu::pci
