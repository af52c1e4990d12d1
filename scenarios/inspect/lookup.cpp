#include "scenarios/inspect/lookup.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "model/iommufd/hw_pagetable.h"
#include "model/iommufd/ioas.h"
#include "model/iommufd/ioctls.h"

namespace noiommu::scenarios {
namespace {

const iommufd::HwptPaging* find_hwpt(const std::vector<iommufd::Ref<iommufd::HwptPaging>>& all,
                                     uint32_t id) {
  const auto found =
      std::find_if(all.begin(), all.end(), [id](const auto& hwpt) { return hwpt->id() == id; });
  return found == all.end() ? nullptr : found->get();
}

void find_area(const IoasFacts& ioas, Lookup& lookup) {
  for (const AreaFacts& area : ioas.areas) {
    if (area.contains(lookup.iova)) {
      lookup.area = area;
    } else if (area.iova.last < lookup.iova) {
      lookup.below = area.iova;
    } else if (!lookup.above) {
      lookup.above = area.iova;
    }
  }
}

Lookup look_up_in(const OpenContext& open, const Process& process, const ObjectFacts& object,
                  const LookupRequest& request) {
  Lookup lookup{.descriptors = open.descriptors,
                .ioas = object.id,
                .iova = request.iova,
                .length = request.length};
  find_area(std::get<IoasFacts>(object.is), lookup);

  const auto hwpts = open.context->objects().all<iommufd::HwptPaging>();
  const generic_pt::AmdV1* table = nullptr;
  if (lookup.area && lookup.area->storage) {
    table = &find_hwpt(hwpts, *lookup.area->storage)->domain().table;
    lookup.walk = walk(*table, {request.iova});
    lookup.walk_pa = table->iova_to_phys({request.iova});
  }

  lookup.answer = iommufd::look_up_pa(*open.context, process,
                                      {.size = sizeof(iommu_ioas_noiommu_get_pa),
                                       .flags = 0,
                                       .ioas_id = object.id,
                                       .__reserved = 0,
                                       .iova = request.iova,
                                       .length = request.length,
                                       .out_phys = 0});
  if (!lookup.answer) {
    lookup.reason =
        reason_for_refusal(lookup.answer.error(), open.context->config().iommufd_noiommu, lookup);
    return lookup;
  }
  lookup.reason = reason_for_length(*lookup.answer, lookup);
  if (lookup.reason == Reason::kNotAdjacent) {
    const generic_pt::PhysRun& run = *lookup.answer;
    lookup.last_frame = to_phys(to_pfn(run.start + (run.bytes - 1)));
    lookup.next_frame = table->iova_to_phys({request.iova + run.bytes});
  }
  return lookup;
}

std::string no_area(const Lookup& lookup) {
  std::string text = "no area holds the IOVA";
  if (lookup.below) text += fmt::format("; the one below is {}", show(*lookup.below));
  if (lookup.above) text += fmt::format("; the one above is {}", show(*lookup.above));
  if (!lookup.below && !lookup.above) text += "; the IOAS is empty";
  return text;
}

}  // namespace

std::string show(const iommufd::IovaRange& range) {
  return fmt::format("{:#x}-{:#x}", range.start, range.last);
}

Reason reason_for_refusal(Errno error, bool iommufd_noiommu, const Lookup& lookup) {
  switch (static_cast<int>(error)) {
    case EPERM:
      return Reason::kNoCapability;
    case EOVERFLOW:
      return Reason::kLastIova;
    case ENOENT:
      return lookup.area ? Reason::kNotSettled : Reason::kNoArea;
    case EINVAL:
      return lookup.length == 0 ? Reason::kNoLength : Reason::kRevoked;
    default:
      break;
  }
  if (!iommufd_noiommu) return Reason::kNotBuilt;
  return lookup.area && lookup.area->storage ? Reason::kHasIommu : Reason::kNoDomain;
}

Reason reason_for_length(const generic_pt::PhysRun& run, const Lookup& lookup) {
  if (lookup.iova + (run.bytes - 1) == lookup.area->iova.last) return Reason::kAreaEnds;
  return run.bytes == lookup.length ? Reason::kLengthAsked : Reason::kNotAdjacent;
}

std::vector<Lookup> look_up(const Process& process, const LookupRequest& request) {
  std::vector<Lookup> all;
  for (const OpenContext& open : open_contexts(process)) {
    const ContextFacts facts = read_context(open);
    for (const ObjectFacts& object : facts.objects) {
      if (!std::holds_alternative<IoasFacts>(object.is)) continue;
      if (request.ioas && *request.ioas != object.id) continue;
      all.push_back(look_up_in(open, process, object, request));
    }
  }
  const auto has_area = [](const Lookup& lookup) { return lookup.area.has_value(); };
  if (!request.ioas && std::any_of(all.begin(), all.end(), has_area)) {
    std::erase_if(all, [&](const Lookup& lookup) { return !has_area(lookup); });
  }
  return all;
}

std::string reason_code(Reason reason) {
  switch (reason) {
    case Reason::kAreaEnds:
      return "area-ends";
    case Reason::kLengthAsked:
      return "length-asked";
    case Reason::kNotAdjacent:
      return "not-adjacent";
    case Reason::kNotBuilt:
      return "not-built";
    case Reason::kNoCapability:
      return "no-capability";
    case Reason::kNoLength:
      return "no-length";
    case Reason::kLastIova:
      return "last-iova";
    case Reason::kNoArea:
      return "no-area";
    case Reason::kNotSettled:
      return "not-settled";
    case Reason::kRevoked:
      return "revoked";
    case Reason::kNoDomain:
      return "no-domain";
    case Reason::kHasIommu:
      return "has-iommu";
  }
  return {};
}

std::string explain(const Lookup& lookup) {
  switch (lookup.reason) {
    case Reason::kAreaEnds:
      return fmt::format("the area ends at {:#x}", lookup.area->iova.last);
    case Reason::kLengthAsked:
      return "that is the length asked for";
    case Reason::kNotAdjacent:
      return fmt::format("the frame at {:#x} is not adjacent: {:#x} is followed by {:#x}",
                         lookup.iova + lookup.answer->bytes, lookup.last_frame.value,
                         lookup.next_frame.value);
    case Reason::kNotBuilt:
      return "the kernel is built without IOMMUFD_NOIOMMU";
    case Reason::kNoCapability:
      return "the process lacks CAP_SYS_RAWIO";
    case Reason::kNoLength:
      return "the length asked for is 0";
    case Reason::kLastIova:
      return "the last IOVA of all cannot be asked for";
    case Reason::kNoArea:
      return no_area(lookup);
    case Reason::kNotSettled:
      return "the area is being set up or torn down";
    case Reason::kRevoked:
      return "the area's dma-buf was revoked";
    case Reason::kNoDomain:
      return "no page table shows the IOAS to a device";
    case Reason::kHasIommu:
      return fmt::format("HWPT {}, which holds the area's addresses, is behind an IOMMU",
                         *lookup.area->storage);
  }
  return {};
}

}  // namespace noiommu::scenarios
