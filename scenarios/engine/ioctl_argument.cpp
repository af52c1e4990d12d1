#include "scenarios/engine/ioctl_argument.h"

#include <algorithm>
#include <cstring>
#include <span>

namespace noiommu::scenarios {
namespace {

// No command looks further than a page. A scenario that declares more than this gets this much.
constexpr uint64_t kMostDeclared = uint64_t{64} << 10;

Bytes trailing_bytes(const IoctlStruct& argument, const Variables& variables) {
  if (const auto* bytes = std::get_if<Bytes>(&argument.data)) return *bytes;
  Bytes bytes;
  for (const Value& value : std::get<std::vector<Value>>(argument.data)) {
    const auto word = static_cast<uint32_t>(value.resolve(variables));
    const auto raw = std::as_bytes(std::span(&word, 1));
    bytes.insert(bytes.end(), raw.begin(), raw.end());
  }
  return bytes;
}

size_t align_to_pointer(size_t size) {
  return (size + 7) & ~size_t{7};
}

}  // namespace

IoctlArgumentMemory::IoctlArgumentMemory(const IoctlCommand& command, const IoctlStruct& argument,
                                         const Variables& variables) {
  const Bytes trailing = trailing_bytes(argument, variables);
  bytes_.resize(command.struct_size);
  bytes_.insert(bytes_.end(), trailing.begin(), trailing.end());
  const bool has_size = command.default_size != 0;
  if (has_size) store_field(command.fields[0], command.default_size, bytes_);
  for (const auto& [field, value] : argument.args) {
    if (const auto* number = std::get_if<Value>(&value)) {
      store_field(*field, number->resolve(variables), bytes_);
      continue;
    }
    Array array{field, {}};
    for (const Value& item : std::get<std::vector<Value>>(value)) {
      array.items.push_back(item.resolve(variables));
    }
    arrays_.push_back(std::move(array));
  }
  if (has_size) {
    const uint64_t declared = std::min(load_field(command.fields[0], bytes_), kMostDeclared);
    if (declared > bytes_.size()) bytes_.resize(declared);
  }
}

Result<uint64_t> IoctlArgumentMemory::store(Session& session) {
  size_t total = align_to_pointer(bytes_.size());
  for (const Array& array : arrays_) total += array.items.size() * sizeof(uint64_t);
  const uint64_t address = session.scratch(total);

  uint64_t next = address + align_to_pointer(bytes_.size());
  for (const Array& array : arrays_) {
    store_field(*array.pointer, next, bytes_);
    const auto items = std::as_bytes(std::span(array.items));
    if (const Status stored = session.poke(next, items); !stored) return Err(stored.error());
    next += items.size();
  }
  stored_ = bytes_;
  if (const Status stored = session.poke(address, bytes_); !stored) return Err(stored.error());
  return address;
}

Status IoctlArgumentMemory::load(Session& session, uint64_t address) {
  if (const Status loaded = session.peek(address, bytes_); !loaded) return loaded;
  for (Array& array : arrays_) {
    array.after = array.items;
    const uint64_t at = load_field(*array.pointer, stored_);
    auto to = std::as_writable_bytes(std::span(array.after));
    if (const Status loaded = session.peek(at, to); !loaded) return loaded;
  }
  return {};
}

}  // namespace noiommu::scenarios
