#include "scenarios/backends/host/guarded_memory.h"

#include <csetjmp>
#include <cstring>

namespace noiommu::scenarios::host {
namespace {

constexpr std::array kSignals = {SIGSEGV, SIGBUS};

// Where to go on after a bad access. A handler has no other way to learn it.
thread_local sigjmp_buf* g_after_fault = nullptr;

void on_fault(int signal) {
  if (g_after_fault != nullptr) siglongjmp(*g_after_fault, 1);
  // A mistake of our own: the access is made once more, and kills.
  ::signal(signal, SIG_DFL);
}

// The widest naturally aligned access at `address` that moves at most `length` bytes.
size_t access_width(uint64_t address, uint64_t length) {
  size_t width = 8;
  while (width > length || address % width != 0) width /= 2;
  return width;
}

// Any address is fine here, so a sanitizer has no say in it.
#define NO_SANITIZER no_sanitize("address", "undefined", "thread")

// An address is a number to scenarios, and may be any.
template <class Word>
volatile Word* pointer(uint64_t address) {
  return reinterpret_cast<volatile Word*>(address);  // NOLINT(performance-no-int-to-ptr)
}

template <class Word>
__attribute__((NO_SANITIZER)) void load_word(uint64_t address, std::byte* to) {
  const Word word = *pointer<Word>(address);
  std::memcpy(to, &word, sizeof(word));
}

template <class Word>
__attribute__((NO_SANITIZER)) void store_word(uint64_t address, const std::byte* from) {
  Word word{};
  std::memcpy(&word, from, sizeof(word));
  *pointer<Word>(address) = word;
}

// These run with a jump ahead of them, so they own nothing.
__attribute__((noinline, NO_SANITIZER)) void load_all(uint64_t address, std::byte* to,
                                                      uint64_t length) {
  while (length > 0) {
    const size_t width = access_width(address, length);
    switch (width) {
      case 8:
        load_word<uint64_t>(address, to);
        break;
      case 4:
        load_word<uint32_t>(address, to);
        break;
      case 2:
        load_word<uint16_t>(address, to);
        break;
      default:
        load_word<uint8_t>(address, to);
        break;
    }
    address += width;
    to += width;
    length -= width;
  }
}

__attribute__((noinline, NO_SANITIZER)) void store_all(uint64_t address, const std::byte* from,
                                                       uint64_t length) {
  while (length > 0) {
    const size_t width = access_width(address, length);
    switch (width) {
      case 8:
        store_word<uint64_t>(address, from);
        break;
      case 4:
        store_word<uint32_t>(address, from);
        break;
      case 2:
        store_word<uint16_t>(address, from);
        break;
      default:
        store_word<uint8_t>(address, from);
        break;
    }
    address += width;
    from += width;
    length -= width;
  }
}

}  // namespace

GuardedMemory::GuardedMemory() {
  struct sigaction action {};
  action.sa_handler = on_fault;
  for (size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &action, &before_[i]);
}

GuardedMemory::~GuardedMemory() {
  for (size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &before_[i], nullptr);
}

Status GuardedMemory::load(uint64_t address, std::span<std::byte> bytes) const {
  sigjmp_buf after;
  if (sigsetjmp(after, 1) != 0) {  // the jump unblocks the signal again
    g_after_fault = nullptr;
    return Err(EFAULT);
  }
  g_after_fault = &after;
  load_all(address, bytes.data(), bytes.size());
  g_after_fault = nullptr;
  return {};
}

Status GuardedMemory::store(uint64_t address, std::span<const std::byte> bytes) const {
  sigjmp_buf after;
  if (sigsetjmp(after, 1) != 0) {  // the jump unblocks the signal again
    g_after_fault = nullptr;
    return Err(EFAULT);
  }
  g_after_fault = &after;
  store_all(address, bytes.data(), bytes.size());
  g_after_fault = nullptr;
  return {};
}

}  // namespace noiommu::scenarios::host
