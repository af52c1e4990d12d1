#include "scenarios/exec/bar_mirror.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <span>
#include <utility>

namespace noiommu::scenarios::exec {

namespace {

// Registers are little endian, as the processors that this runs on.
static_assert(std::endian::native == std::endian::little);

std::atomic_ref<uint32_t> word(std::byte* at) {
  return std::atomic_ref(*reinterpret_cast<uint32_t*>(at));
}
std::atomic_ref<uint64_t> wide(std::byte* at) {
  return std::atomic_ref(*reinterpret_cast<uint64_t*>(at));
}

}  // namespace

BarMirror::BarMirror(int file, uint64_t offset, uint64_t length, std::shared_ptr<VmObject> object)
    : offset_(offset), length_(length), object_(std::move(object)) {
  void* mapped =
      mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_SHARED, file, static_cast<off_t>(offset));
  if (mapped == MAP_FAILED) return;
  memory_ = static_cast<std::byte*>(mapped);
  for (uint64_t at = 0; at < length; at += kPageSize) {
    const auto page = std::span(memory_ + at, std::min(kPageSize, length - at));
    if (!object_->load(offset + at, page)) std::ranges::fill(page, std::byte{0xff});
  }
  for (const DeviceRegister& at : object_->registers()) {
    if (at.offset < offset || at.offset + at.width > offset + length) continue;
    registers_.push_back({at, 0});
    // Read once more at its own width: a wider access may have missed it.
    show(registers_.back(), seen(at));
  }
}

BarMirror::~BarMirror() {
  if (memory_ != nullptr) munmap(memory_, length_);
}

bool BarMirror::covers(uint64_t offset, uint64_t length) const {
  return memory_ != nullptr && offset >= offset_ && offset + length <= offset_ + length_;
}

uint64_t BarMirror::seen(const DeviceRegister& at) const {
  std::byte* place = memory_ + (at.offset - offset_);
  return at.width == sizeof(uint64_t) ? wide(place).load() : word(place).load();
}

uint64_t BarMirror::read(const DeviceRegister& at) const {
  std::array<std::byte, sizeof(uint64_t)> bytes{};
  const auto used = std::span(bytes).first(at.width);
  if (!object_->load(at.offset, used)) std::ranges::fill(used, std::byte{0xff});
  return std::bit_cast<uint64_t>(bytes);
}

// A store that came meanwhile stays, to be seen by the next look.
void BarMirror::show(Register& one, uint64_t expected) {
  const uint64_t now = read(one.at);
  if (now == expected) {
    one.shown = now;
    return;
  }
  std::byte* place = memory_ + (one.at.offset - offset_);
  bool stored = false;
  if (one.at.width == sizeof(uint64_t)) {
    stored = wide(place).compare_exchange_strong(expected, now);
  } else {
    auto narrow = static_cast<uint32_t>(expected);
    stored = word(place).compare_exchange_strong(narrow, static_cast<uint32_t>(now));
  }
  if (stored) one.shown = now;
}

bool BarMirror::update() {
  // A driver stores what a command needs before the command: looking backwards, nothing that
  // belongs to a command that was seen can be missed.
  std::vector<uint64_t> found(registers_.size());
  for (size_t i = registers_.size(); i-- > 0;) found[i] = seen(registers_[i].at);
  bool stored = false;
  for (size_t i = 0; i < registers_.size(); ++i) {
    if (found[i] == registers_[i].shown) continue;
    stored = true;
    const auto bytes = std::bit_cast<std::array<std::byte, sizeof(uint64_t)>>(found[i]);
    static_cast<void>(
        object_->store(registers_[i].at.offset, std::span(bytes).first(registers_[i].at.width)));
  }
  for (size_t i = 0; i < registers_.size(); ++i) show(registers_[i], found[i]);
  return stored;
}

}  // namespace noiommu::scenarios::exec
