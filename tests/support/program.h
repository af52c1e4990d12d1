// A program on a machine of the model, for tests: system calls by name, errors as -errno.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstring>
#include <memory>
#include <mutex>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "model/kernel/process.h"
#include "model/machine/machine.h"

namespace noiommu::tests {

// Two edu functions without an IOMMU, as the recorded scenarios have.
inline MachineConfig two_devices() {
  MachineConfig config;
  config.devices = {{.bdf = "0000:00:04.0"}, {.bdf = "0000:00:05.0"}};
  return config;
}

class Program {
 public:
  explicit Program(const MachineConfig& config = two_devices())
      : machine(std::make_shared<Machine>(config)), process(machine->spawn()) {}
  // Another process on the same machine.
  explicit Program(const Program& other, const Credentials& credentials = {})
      : machine(other.machine), process(machine->spawn(credentials)) {}

  // The value of the call, or -errno.
  template <class T>
  static int64_t answer(const Result<T>& result) {
    if (!result) return -static_cast<int>(result.error());
    if constexpr (std::is_void_v<T>) {
      return 0;
    } else {
      return static_cast<int64_t>(*result);
    }
  }

  int open(std::string_view path, int flags = O_RDWR) {
    return static_cast<int>(answer(process->open(path, flags)));
  }
  int close(int fd) { return static_cast<int>(answer(process->close(fd))); }

  // ioctl(2) with a struct, which holds what the kernel wrote back.
  template <class T>
  int64_t ioctl(int fd, uint32_t command, T& argument) {
    static_assert(sizeof(T) <= kPageSize);
    const UserPtr page = take_page();
    const UserPtr at = page + (kPageSize - sizeof(T));
    store(at, std::as_bytes(std::span(&argument, 1)));
    const int64_t done = answer(process->ioctl(fd, command, at.value));
    load(at, std::as_writable_bytes(std::span(&argument, 1)));
    give_page_back(page);
    return done;
  }
  int64_t ioctl_value(int fd, uint32_t command, uint64_t argument) {
    return answer(process->ioctl(fd, command, argument));
  }

  // Zeroed anonymous memory; `flags` may add MAP_SHARED or MAP_HUGETLB.
  UserPtr memory(uint64_t length, int prot = PROT_READ | PROT_WRITE, int flags = MAP_PRIVATE) {
    return process->mmap({.length = length, .prot = prot, .flags = flags | MAP_ANONYMOUS}).value();
  }
  void store(UserPtr to, std::span<const std::byte> bytes) {
    if (!process->memory().write(to, bytes)) throw std::logic_error("bad store");
  }
  void load(UserPtr from, std::span<std::byte> bytes) {
    if (!process->memory().read(from, bytes)) throw std::logic_error("bad load");
  }
  // Right below a page that nothing may touch, so that reading or writing past it faults.
  UserPtr scratch(uint64_t length) {
    const uint64_t whole = (length + kPageSize - 1) & kPageMask;
    for (;;) {
      const UserPtr wall = memory(kPageSize, PROT_NONE);
      const UserPtr at = memory(whole);
      if (at + whole == wall) return at + (whole - length);
    }
  }

  // The text of a file, or "-errno".
  std::string read_file(std::string_view path) {
    const int fd = open(path, O_RDONLY);
    if (fd < 0) return std::to_string(fd);
    const UserPtr at = memory(kPageSize);
    const int64_t length = answer(process->read(fd, at, kPageSize));
    close(fd);
    if (length < 0) return std::to_string(length);
    std::string text(static_cast<size_t>(length), '\0');
    load(at, std::as_writable_bytes(std::span(text)));
    return text;
  }
  int write_file(std::string_view path, std::string_view text) {
    const int fd = open(path, O_WRONLY);
    if (fd < 0) return fd;
    const UserPtr at = memory(kPageSize);
    store(at, std::as_bytes(std::span(text)));
    const int64_t done = answer(process->write(fd, at, text.size()));
    close(fd);
    return done < 0 ? static_cast<int>(done) : 0;
  }

  std::shared_ptr<Machine> machine;
  std::unique_ptr<Process> process;

 private:
  // Pages for the arguments of ioctls, as many as threads are in one at a time.
  UserPtr take_page() {
    const std::lock_guard lock(pages_mutex_);
    if (pages_.empty()) return scratch(kPageSize);
    const UserPtr page = pages_.back();
    pages_.pop_back();
    return page;
  }
  void give_page_back(UserPtr page) {
    const std::lock_guard lock(pages_mutex_);
    pages_.push_back(page);
  }

  std::mutex pages_mutex_;
  std::vector<UserPtr> pages_;
};

}  // namespace noiommu::tests
