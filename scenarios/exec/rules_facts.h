// What rules look at: the arguments of a call, and the objects of the model as the call left them.
#pragma once

#include <linux/capability.h>

#include <cstring>
#include <optional>
#include <string_view>

#include "model/iommufd/context.h"
#include "model/iommufd/ioas.h"
#include "model/vfio/device_file.h"
#include "scenarios/exec/seen_call.h"

namespace noiommu::scenarios::exec {

using Call = const SeenCall&;

template <int kCapability>
bool lacks(Call call) {
  return !call.caller.effective[kCapability];
}

template <uint64_t kLeast>
bool short_argsz(Call call) {
  return call.readable && call.field("argsz") < kLeast;
}
template <uint64_t kKnown>
bool unknown_flags(Call call) {
  return (call.field("flags") & ~kKnown) != 0;
}
inline bool any_flags(Call call) {
  return call.field("flags") != 0;
}
inline bool reserved(Call call) {
  return call.field("__reserved") != 0;
}
inline bool unreadable(Call call) {
  return !call.readable;
}
// Its size says that more follows the structure than can be read.
bool unreadable_tail(Call call);
// As the kernel sees it: 32 bits.
bool negative(Call call, std::string_view field);
[[nodiscard]] bool is(Call call, uint32_t number);  // an ioctl with that command

// What follows the structure, at an offset from its start; nothing where that could not be read.
template <class T>
std::optional<T> data_at(Call call, size_t offset) {
  if (call.before.size() < offset + sizeof(T)) return std::nullopt;
  T value{};
  std::memcpy(&value, call.before.data() + offset, sizeof(T));
  return value;
}

// Whether a file's own account of its state has this in it, for what no method tells.
bool shows(Call call, std::string_view state);

// nullptr for a call on anything else.
[[nodiscard]] const vfio::DeviceFile* device_of(Call call);
// Whether the device is open now, through whatever file.
bool device_is_open(Call call);

// The iommufd that the call is on, or that its device is bound to.
[[nodiscard]] std::shared_ptr<iommufd::Context> context_of(Call call);
// Of the object that a field names; nothing where there is none.
std::optional<iommufd::Object::Type> type_of(Call call, std::string_view field);

// What a command that maps or unmaps asks for, whatever its fields are called.
struct AskedMapping {
  uint64_t length = 0;
  uint64_t iova = 0;
  uint64_t from = 0;  // address, offset in the file, or IOVA in the source
  bool fixed = true;
};
[[nodiscard]] AskedMapping mapping_of(Call call);

// Whether look(IoPagetable) says so of the IOAS that the command maps in, unmaps from or fills
// a page table with, or of the one that `field` names. False where there is no such IOAS.
template <class Look>
bool ioas_says(Call call, std::string_view field, const Look& look) {
  const auto context = context_of(call);
  if (!context) return false;
  const auto ioas =
      field.empty()
          ? context->objects().vfio_ioas<iommufd::Ioas>()
          : context->objects().get<iommufd::Ioas>(static_cast<uint32_t>(call.field(field)));
  return ioas && look((*ioas)->iopt);
}
// The field that names that IOAS; empty for the one of the container ioctls.
std::string_view ioas_field(Call call);
template <class Look>
bool ioas_says(Call call, const Look& look) {
  return ioas_says(call, ioas_field(call), look);
}

bool no_ioas(Call call);
// Whether a device is attached, or a page table made: what is mapped is pinned.
bool is_pinned(const iommufd::IoPagetable& iopt);
// Whether a value suits the alignment that the IOAS asks for.
bool aligned(Call call, uint64_t value);

}  // namespace noiommu::scenarios::exec
