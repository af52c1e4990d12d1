#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "scenarios/engine/words.h"
#include "scenarios/inspect/render.h"

namespace noiommu::scenarios {
namespace {

using Json = nlohmann::ordered_json;

std::string hex(uint64_t value) {
  return fmt::format("{:#x}", value);
}

Json optional_id(const std::optional<uint32_t>& id) {
  return id ? Json(*id) : Json(nullptr);
}

Json to_json(const iommufd::IovaRange& range) {
  return {{"start", hex(range.start)}, {"last", hex(range.last)}};
}

Json to_json(const std::vector<iommufd::IovaRange>& ranges) {
  Json json = Json::array();
  for (const auto& range : ranges) json.push_back(to_json(range));
  return json;
}

Json to_json(const AreaFacts& area) {
  return {{"iova", to_json(area.iova)},
          {"length", area.length()},
          {"readable", (area.prot & generic_pt::kRead) != 0},
          {"writable", (area.prot & generic_pt::kWrite) != 0},
          {"settled", area.settled},
          {"source", source_word(area.source)},
          {"address", hex(area.address)},
          {"sharers", area.sharers},
          {"revoked", area.revoked},
          {"pages", area.pages},
          {"pinned", area.pinned},
          {"storage", optional_id(area.storage)}};
}

Json to_json(const TableEntry& entry) {
  Json json = {{"level", entry.level},
               {"index", entry.index},
               {"items", entry.items},
               {"iova", hex(entry.iova.value)},
               {"word", hex(entry.word)}};
  switch (entry.kind()) {
    case generic_pt::EntryKind::kEmpty:
      json["kind"] = "empty";
      return json;
    case generic_pt::EntryKind::kTable:
      json["kind"] = "table";
      break;
    case generic_pt::EntryKind::kLeaf:
      json["kind"] = "leaf";
      json["size"] = entry.size();
      json["pa"] = hex(entry.pa().value);
      json["force_coherent"] = entry.force_coherent();
      break;
  }
  json["readable"] = entry.readable();
  json["writable"] = entry.writable();
  return json;
}

Json to_json(const std::vector<TableEntry>& entries) {
  Json json = Json::array();
  for (const TableEntry& entry : entries) json.push_back(to_json(entry));
  return json;
}

void fill(Json& json, const DeviceFacts& device) {
  json["type"] = "device";
  json["bdf"] = device.bdf;
  json["node"] = device.node;
  json["noiommu"] = device.noiommu;
  json["hwpt"] = optional_id(device.hwpt);
}

void fill(Json& json, const IoasFacts& ioas) {
  json["type"] = "ioas";
  json["alignment"] = ioas.alignment;
  json["huge_pages"] = ioas.huge_pages;
  json["vfio_compat"] = ioas.vfio_compat;
  json["allowed"] = to_json(ioas.allowed);
  json["reserved"] = to_json(ioas.reserved);
  json["areas"] = Json::array();
  for (const AreaFacts& area : ioas.areas) json["areas"].push_back(to_json(area));
}

void fill(Json& json, const HwptFacts& hwpt) {
  json["type"] = "hwpt";
  json["ioas"] = hwpt.ioas;
  json["automatic"] = hwpt.automatic;
  json["noiommu"] = hwpt.noiommu;
  json["fault"] = optional_id(hwpt.fault);
  json["top_level"] = hwpt.table.top_level;
  json["tables"] = hwpt.table.table_count();
  json["entries"] = to_json(hwpt.table.entries);
}

void fill(Json& json, const FaultFacts& /*fault*/) {
  json["type"] = "fault";
}

Json to_json(const ContextFacts& context) {
  Json objects = Json::array();
  for (const ObjectFacts& object : context.objects) {
    Json json = {{"id", object.id}, {"users", object.users}};
    std::visit([&json](const auto& is) { fill(json, is); }, object.is);
    objects.push_back(std::move(json));
  }
  return {{"descriptors", context.descriptors},
          {"no_iommu_mode", context.no_iommu_mode},
          {"pinned", context.pinned()},
          {"charged_to_user", context.charged_to_user},
          {"charged_to_process", context.charged_to_process},
          {"charged_to_nobody", context.charged_to_nobody},
          {"objects", std::move(objects)}};
}

Json to_json(const LockedMemory& locked) {
  return {{"limit", locked.limit == kUnlimited ? Json(nullptr) : Json(locked.limit)},
          {"uid", locked.uid},
          {"user_locked", locked.of_user},
          {"process_locked", locked.of_process},
          {"process_pinned", locked.pinned}};
}

Json to_json(const Lookup& lookup) {
  Json json = {{"descriptors", lookup.descriptors},
               {"ioas", lookup.ioas},
               {"iova", hex(lookup.iova)},
               {"length_asked", hex(lookup.length)},
               {"area", lookup.area ? to_json(*lookup.area) : Json(nullptr)},
               {"walk", to_json(lookup.walk)},
               {"errno", lookup.answer ? Json(nullptr) : Json(errno_name(lookup.answer.error()))}};
  if (lookup.answer) {
    json["out_phys"] = hex(lookup.answer->start.value);
    json["length"] = lookup.answer->bytes;
  }
  json["reason"] = reason_code(lookup.reason);
  if (lookup.reason == Reason::kNotAdjacent) {
    json["last_frame"] = hex(lookup.last_frame.value);
    json["next_frame"] = hex(lookup.next_frame.value);
  }
  json["explanation"] = explain(lookup);
  return json;
}

}  // namespace

std::string inspection_json(const Inspection& inspection) {
  Json json = {{"scenario", inspection.scenario},
               {"step", inspection.step},
               {"steps", inspection.steps},
               {"failed", inspection.failed}};
  if (const auto* snapshot = std::get_if<Snapshot>(&inspection.found)) {
    json["contexts"] = Json::array();
    for (const ContextFacts& context : snapshot->contexts) {
      json["contexts"].push_back(to_json(context));
    }
    json["locked_memory"] = to_json(snapshot->locked);
  } else {
    json["lookups"] = Json::array();
    for (const Lookup& lookup : std::get<std::vector<Lookup>>(inspection.found)) {
      json["lookups"].push_back(to_json(lookup));
    }
  }
  // Names come from files, which may hold any bytes.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace noiommu::scenarios
