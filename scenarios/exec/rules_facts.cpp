#include "scenarios/exec/rules_facts.h"

#include <algorithm>
#include <mutex>

#include "model/kernel/state_text.h"
#include "uapi/iommufd.h"
#include "uapi/vfio.h"

namespace noiommu::scenarios::exec {

bool unreadable_tail(Call call) {
  const uint64_t whole = call.command->struct_size;
  return call.before.size() == whole && load_field(call.command->fields[0], call.before) > whole;
}

bool negative(Call call, std::string_view field) {
  return static_cast<int32_t>(call.field(field)) < 0;
}

bool is(Call call, uint32_t number) {
  return call.command != nullptr && call.command->number == number;
}

bool shows(Call call, std::string_view state) {
  StateText text;
  call.file->describe(text);
  return text.text().find(state) != std::string::npos;
}

const vfio::DeviceFile* device_of(Call call) {
  return dynamic_cast<const vfio::DeviceFile*>(call.file.get());
}

bool device_is_open(Call call) {
  const vfio::VfioDevice& device = device_of(call)->device();
  const std::lock_guard lock(device.set->mutex);
  return device.open_count > 0;
}

std::shared_ptr<iommufd::Context> context_of(Call call) {
  if (const vfio::DeviceFile* device = device_of(call)) {
    const auto bound = device->bound();
    return bound ? bound->context : nullptr;
  }
  return std::dynamic_pointer_cast<iommufd::Context>(call.file);
}

std::optional<iommufd::Object::Type> type_of(Call call, std::string_view field) {
  const auto context = context_of(call);
  if (!context) return std::nullopt;
  const auto objects = context->objects().views();
  const auto found = std::ranges::find(objects, call.field(field), &iommufd::ObjectTable::View::id);
  return found == objects.end() ? std::nullopt : std::optional(found->type);
}

AskedMapping mapping_of(Call call) {
  const bool fixed = (call.field("flags") & IOMMU_IOAS_MAP_FIXED_IOVA) != 0;
  switch (call.command->number) {
    case IOMMU_IOAS_MAP:
      return {call.field("length"), call.field("iova"), call.field("user_va"), fixed};
    case IOMMU_IOAS_MAP_FILE:
      return {call.field("length"), call.field("iova"), call.field("start"), fixed};
    case IOMMU_IOAS_COPY:
      return {call.field("length"), call.field("dst_iova"), call.field("src_iova"), fixed};
    case VFIO_IOMMU_MAP_DMA:
      return {
          .length = call.field("size"), .iova = call.field("iova"), .from = call.field("vaddr")};
    case VFIO_IOMMU_UNMAP_DMA:
      return {.length = call.field("size"), .iova = call.field("iova")};
    default:
      return {.length = call.field("length"), .iova = call.field("iova")};
  }
}

std::string_view ioas_field(Call call) {
  switch (call.command->number) {
    case VFIO_IOMMU_MAP_DMA:
    case VFIO_IOMMU_UNMAP_DMA:
      return {};
    case IOMMU_IOAS_COPY:
      return "dst_ioas_id";
    case IOMMU_HWPT_ALLOC:
    case VFIO_DEVICE_ATTACH_IOMMUFD_PT:
      return "pt_id";
    default:
      return "ioas_id";
  }
}

bool no_ioas(Call call) {
  return !ioas_says(call, [](const iommufd::IoPagetable&) { return true; });
}

bool is_pinned(const iommufd::IoPagetable& iopt) {
  return iopt.page_sizes() != kPageMask;  // which page tables have in common; none has them all
}

bool aligned(Call call, uint64_t value) {
  return no_ioas(call) || ioas_says(call, [value](const iommufd::IoPagetable& iopt) {
           return value % iopt.alignment() == 0;
         });
}

}  // namespace noiommu::scenarios::exec
