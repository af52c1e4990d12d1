// Physical memory and a process on it, for tests of model/mm.
#pragma once

#include <linux/mman.h>
#include <sys/mman.h>

#include <cstring>
#include <memory>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/kernel/kernel.h"
#include "model/kernel/process.h"
#include "model/mm/address_space.h"
#include "model/mm/memfd.h"
#include "model/mm/phys_mem.h"

namespace noiommu {

inline void PrintTo(const PfnRun& run, std::ostream* out) {
  *out << "{" << run.first.value << ", " << run.count << "}";
}

}  // namespace noiommu

namespace noiommu::mm {

inline constexpr uint64_t kMiB = 1ULL << 20;
inline constexpr uint64_t kGiB = 1ULL << 30;
inline constexpr int kReadWrite = PROT_READ | PROT_WRITE;

// The frames of `runs` one by one.
inline std::vector<uint64_t> frames(const std::vector<PfnRun>& runs) {
  std::vector<uint64_t> all;
  for (const PfnRun& run : runs) {
    for (uint64_t i = 0; i < run.count; ++i) all.push_back((run.first + i).value);
  }
  return all;
}

struct OneProcess {
  explicit OneProcess(const MemoryConfig& config = {}) : memory(config), process(spawn()) {}

  std::unique_ptr<Process> spawn() {
    return std::make_unique<Process>(kernel, std::make_shared<AddressSpace>(memory), Credentials{});
  }

  // Anonymous memory of the process.
  UserPtr map(uint64_t length, int prot = kReadWrite, int flags = MAP_PRIVATE) {
    return *process->mmap({.length = length, .prot = prot, .flags = flags | MAP_ANONYMOUS});
  }
  UserPtr map_huge(uint64_t length, int size = MAP_HUGE_2MB) {
    return map(length, kReadWrite, MAP_PRIVATE | MAP_HUGETLB | size);
  }

  static Status write(Process& process, UserPtr to, std::string_view text) {
    return process.memory().write(to, std::as_bytes(std::span(text)));
  }
  Status write(UserPtr to, std::string_view text) const { return write(*process, to, text); }
  // The text there, or "fault".
  static std::string read(Process& process, UserPtr from, uint64_t length) {
    std::string text(length, '?');
    const auto bytes = std::as_writable_bytes(std::span(text));
    return process.memory().read(from, bytes) ? text : "fault";
  }
  [[nodiscard]] std::string read(UserPtr from, uint64_t length) const {
    return read(*process, from, length);
  }
  // The text at a physical address, as a device would load it.
  std::string device_read(Pfn page, uint64_t length) {
    std::string text(length, '?');
    static_cast<void>(memory.read(to_phys(page), std::as_writable_bytes(std::span(text))));
    return text;
  }

  Status pin(UserPtr start, uint64_t pages, std::vector<PfnRun>& runs, bool write = true) const {
    return process->memory().pin(start, pages, write, runs);
  }
  std::vector<PfnRun> pin(UserPtr start, uint64_t pages) const {
    std::vector<PfnRun> runs;
    static_cast<void>(pin(start, pages, runs));
    return runs;
  }
  void unpin(const std::vector<PfnRun>& runs) {
    for (const PfnRun& run : runs) memory.unpin(run);
  }

  Kernel kernel{Config{}};
  PhysMem memory;
  std::unique_ptr<Process> process;
};

}  // namespace noiommu::mm
