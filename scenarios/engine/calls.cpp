#include "scenarios/engine/calls.h"

#include <fmt/format.h>

#include <algorithm>

#include "scenarios/engine/trace.h"
#include "scenarios/engine/words.h"

namespace noiommu::scenarios {
namespace {

constexpr uint64_t kMostTransferred = uint64_t{16} << 20;

Result<uint64_t> zero_or_error(const Status& status) {
  if (!status) return Err(status.error());
  return 0;
}

template <class T>
Result<uint64_t> as_number(const Result<T>& result) {
  if (!result) return Err(result.error());
  return static_cast<uint64_t>(*result);
}

template <class T>
Result<uint64_t> zero_if_any(const Result<T>& result) {
  if (!result) return Err(result.error());
  return 0;
}

}  // namespace

Result<uint64_t> Calls::record(std::string_view call, const Result<uint64_t>& result,
                               std::string_view changes) {
  trace_.push_back(trace_line(call, result).append(changes));
  return result;
}

Result<uint64_t> Calls::record_new_descriptor(std::string_view call, const Result<int>& result) {
  if (result) opened(*result);
  return record(call, as_number(result));
}

uint64_t Calls::transfer_buffer(uint64_t length, Bytes& bytes) {
  bytes.resize(std::min(length, kMostTransferred));
  return session_.scratch(std::max<uint64_t>(bytes.size(), 1));
}

void Calls::fetch(uint64_t address, const Result<uint64_t>& result, Bytes& bytes) {
  bytes.resize(result ? std::min<uint64_t>(*result, bytes.size()) : 0);
  if (!session_.peek(address, bytes)) bytes.clear();
}

Result<uint64_t> Calls::open(const std::string& path, int flags) {
  return record_new_descriptor(fmt::format("open({}, {})", show_text(path), show_open_flags(flags)),
                               session_.open(path, flags));
}

Result<uint64_t> Calls::close(int fd) {
  const Status status = session_.close(fd);
  if (status) open_.erase(fd);
  return record(fmt::format("close({})", fd), zero_or_error(status));
}

Result<uint64_t> Calls::dup(int fd) {
  return record_new_descriptor(fmt::format("dup({})", fd), session_.dup(fd));
}

Result<uint64_t> Calls::eventfd() {
  return record_new_descriptor("eventfd(0, EFD_NONBLOCK)", session_.eventfd());
}

Result<uint64_t> Calls::ioctl(int fd, const IoctlCommand& command, uint64_t argument) {
  return record(fmt::format("ioctl({}, {}, {})", fd, command.name, argument),
                as_number(session_.ioctl(fd, command.number, argument)));
}

Result<uint64_t> Calls::ioctl(int fd, const IoctlCommand& command, const std::string& argument) {
  const std::string call = fmt::format("ioctl({}, {}, {})", fd, command.name, show_text(argument));
  const std::span<const char> with_nul(argument.c_str(), argument.size() + 1);
  const uint64_t address = session_.scratch(with_nul.size());
  if (const Status stored = session_.poke(address, std::as_bytes(with_nul)); !stored) {
    return record(call, Err(stored.error()));
  }
  return record(call, as_number(session_.ioctl(fd, command.number, address)));
}

Result<uint64_t> Calls::ioctl(int fd, const IoctlCommand& command, IoctlArgumentMemory& argument) {
  const Result<uint64_t> address = argument.store(session_);
  const std::string call =
      fmt::format("ioctl({}, {}, {})", fd, command.name, trace_argument(command, argument.bytes()));
  if (!address) return record(call, address);
  const Result<uint64_t> result = as_number(session_.ioctl(fd, command.number, *address));
  if (const Status loaded = argument.load(session_, *address); !loaded) {
    return record(call, Err(loaded.error()));
  }
  return record(call, result, trace_changes(command, argument.stored(), argument.bytes()));
}

Result<uint64_t> Calls::read(int fd, uint64_t length, Bytes& bytes) {
  const uint64_t address = transfer_buffer(length, bytes);
  const Result<uint64_t> result = session_.read(fd, address, length);
  fetch(address, result, bytes);
  return record(fmt::format("read({}, {})", fd, length), result,
                bytes.empty() ? "" : fmt::format(" {{{}}}", show_hex(bytes)));
}

Result<uint64_t> Calls::pread(int fd, uint64_t length, uint64_t offset, Bytes& bytes) {
  const uint64_t address = transfer_buffer(length, bytes);
  const Result<uint64_t> result = session_.pread(fd, address, length, offset);
  fetch(address, result, bytes);
  return record(fmt::format("pread({}, {}, {:#x})", fd, length, offset), result,
                bytes.empty() ? "" : fmt::format(" {{{}}}", show_hex(bytes)));
}

Result<uint64_t> Calls::write(int fd, std::string_view text) {
  const std::string call = fmt::format("write({}, {}, {})", fd, show_text(text), text.size());
  const uint64_t address = session_.scratch(std::max<uint64_t>(text.size(), 1));
  const Status stored = session_.poke(address, std::as_bytes(std::span(text)));
  if (!stored) return record(call, Err(stored.error()));
  return record(call, session_.write(fd, address, text.size()));
}

Result<uint64_t> Calls::pwrite(int fd, std::span<const std::byte> bytes, uint64_t offset) {
  const std::string call =
      fmt::format("pwrite({}, {{{}}}, {}, {:#x})", fd, show_hex(bytes), bytes.size(), offset);
  const uint64_t address = session_.scratch(std::max<uint64_t>(bytes.size(), 1));
  const Status stored = session_.poke(address, bytes);
  if (!stored) return record(call, Err(stored.error()));
  return record(call, session_.pwrite(fd, address, bytes.size(), offset));
}

Result<uint64_t> Calls::mmap(uint64_t length, Backing backing, bool touch, int& memfd) {
  const std::string call =
      fmt::format("mmap({:#x}, {}{})", length, show_backing(backing), touch ? ", touched" : "");
  const Result<NewMemory> memory = session_.mmap(length, backing, touch);
  if (!memory) return record(call, Err(memory.error()));
  memfd = memory->fd;
  if (memfd >= 0) opened(memfd);
  return record(call, memory->address, memfd >= 0 ? fmt::format(" {{fd={}}}", memfd) : "");
}

Result<uint64_t> Calls::mmap_file(int fd, uint64_t offset, uint64_t length) {
  return record(fmt::format("mmap({:#x}, MAP_SHARED, {}, {:#x})", length, fd, offset),
                session_.mmap_file(fd, offset, length));
}

Result<uint64_t> Calls::munmap(uint64_t address, uint64_t length) {
  return record(fmt::format("munmap({:#x}, {:#x})", address, length),
                zero_or_error(session_.munmap(address, length)));
}

Result<uint64_t> Calls::poke(uint64_t address, std::span<const std::byte> bytes) {
  return record(fmt::format("poke({:#x}, {{{}}})", address, show_hex(bytes)),
                zero_or_error(session_.poke(address, bytes)));
}

Result<uint64_t> Calls::peek(uint64_t address, uint64_t length, Bytes& bytes) {
  bytes.resize(length);
  const Result<uint64_t> result = zero_or_error(session_.peek(address, bytes));
  if (!result) bytes.clear();
  return record(fmt::format("peek({:#x}, {})", address, length), result,
                bytes.empty() ? "" : fmt::format(" {{{}}}", show_hex(bytes)));
}

Result<FileStat> Calls::stat(const std::string& path) {
  const Result<FileStat> result = session_.stat(path);
  record(fmt::format("stat({})", show_text(path)), zero_if_any(result),
         result ? fmt::format(" {{mode={:04o}}}", result->mode) : "");
  return result;
}

Result<std::vector<std::string>> Calls::list(const std::string& path) {
  Result<std::vector<std::string>> result = session_.list(path);
  if (result) std::ranges::sort(*result);
  record(fmt::format("list({})", show_text(path)), zero_if_any(result),
         result ? fmt::format(" {{{}}}", fmt::join(*result, ", ")) : "");
  return result;
}

Result<std::string> Calls::readlink(const std::string& path) {
  Result<std::string> result = session_.readlink(path);
  record(fmt::format("readlink({})", show_text(path)), zero_if_any(result),
         result ? fmt::format(" {{{}}}", *result) : "");
  return result;
}

Result<uint64_t> Calls::set_capability(int capability, bool effective) {
  return record(
      fmt::format("{}({})", effective ? "raise_cap" : "drop_cap", capability_name(capability)),
      zero_or_error(session_.set_capability(capability, effective)));
}

Result<uint64_t> Calls::set_memlock(uint64_t bytes) {
  return record(fmt::format("setrlimit(RLIMIT_MEMLOCK, {:#x})", bytes),
                zero_or_error(session_.set_memlock(bytes)));
}

Result<uint64_t> Calls::sleep(uint64_t milliseconds) {
  session_.sleep(milliseconds);
  return record(fmt::format("sleep({} ms)", milliseconds), 0);
}

void Calls::close_all() {
  while (!open_.empty()) {
    const int fd = *open_.begin();
    open_.erase(open_.begin());  // whatever close answers: it is asked once
    close(fd);
  }
}

}  // namespace noiommu::scenarios
