#include <absl/container/btree_map.h>

#include <cstddef>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "model/iommufd/ioas.h"
#include "model/iommufd/ioctls.h"

namespace noiommu::iommufd {

Status destroy(const Ucmd& ucmd, iommu_destroy& command) {
  return ucmd.context.objects().destroy(command.id);
}

Status ioas_alloc(const Ucmd& ucmd, iommu_ioas_alloc& command) {
  if (command.flags != 0) return Err(EOPNOTSUPP);
  ObjectTable& objects = ucmd.context.objects();
  auto id = objects.reserve();
  if (!id) return Err(id.error());
  command.out_ioas_id = *id;
  // Unlike a map, an object that the program was not told of is taken back.
  if (auto told = ucmd.respond(command); !told) {
    objects.abandon(*id);
    return told;
  }
  const std::lock_guard lock(ucmd.context.ioas_creation());
  objects.publish(std::make_unique<Ioas>(*id));
  return {};
}

Status ioas_iova_ranges(const Ucmd& ucmd, iommu_ioas_iova_ranges& command) {
  if (command.__reserved != 0) return Err(EOPNOTSUPP);
  auto ioas = ucmd.context.objects().get<Ioas>(command.ioas_id);
  if (!ioas) return Err(ioas.error());
  const uint32_t room = command.num_iovas;
  UserPtr to{command.allowed_iovas};
  command.num_iovas = 0;
  for (const IovaRange& range : (*ioas)->iopt.usable_ranges()) {
    if (command.num_iovas++ >= room) continue;
    const iommu_iova_range element{range.start, range.last};
    if (auto told = write_user(ucmd.process.memory(), to, element); !told) return told;
    to += sizeof(element);
  }
  command.out_iova_alignment = (*ioas)->iopt.alignment();
  if (auto told = ucmd.respond(command); !told) return told;
  if (command.num_iovas > room) return Err(EMSGSIZE);
  return {};
}

Status ioas_allow_iovas(const Ucmd& ucmd, iommu_ioas_allow_iovas& command) {
  if (command.__reserved != 0) return Err(EOPNOTSUPP);
  auto ioas = ucmd.context.objects().get<Ioas>(command.ioas_id);
  if (!ioas) return Err(ioas.error());
  absl::btree_map<uint64_t, IovaRange> by_last;
  UserPtr from{command.allowed_iovas};
  for (uint32_t i = 0; i < command.num_iovas; ++i, from += sizeof(iommu_iova_range)) {
    iommu_iova_range element{};
    if (auto read = read_user(ucmd.process.memory(), from, element); !read) return read;
    if (element.start >= element.last) return Err(EINVAL);
    const IovaRange range{element.start, element.last};
    const auto next = by_last.lower_bound(range.start);
    if (next != by_last.end() && next->second.overlaps(range)) return Err(EINVAL);
    by_last.emplace(range.last, range);
  }
  std::vector<IovaRange> ranges;
  ranges.reserve(by_last.size());
  for (const auto& [last, range] : by_last) ranges.push_back(range);
  return (*ioas)->iopt.allow(std::move(ranges));
}

namespace {

Status option_rlimit_mode(const Ucmd& ucmd, iommu_option& command) {
  if (command.object_id != 0) return Err(EOPNOTSUPP);
  switch (command.op) {
    case IOMMU_OPTION_OP_GET:
      command.val64 = ucmd.context.accounting() == Pages::Accounting::kMm ? 1 : 0;
      return {};
    case IOMMU_OPTION_OP_SET:
      if (!ucmd.process.capable(CAP_SYS_RESOURCE)) return Err(EPERM);
      if (!ucmd.context.objects().empty()) return Err(EBUSY);
      if (command.val64 > 1) return Err(EINVAL);
      ucmd.context.set_accounting(command.val64 == 1 ? Pages::Accounting::kMm
                                                     : Pages::Accounting::kUser);
      return {};
    default:
      return Err(EOPNOTSUPP);
  }
}

Status option_huge_pages(const Ucmd& ucmd, iommu_option& command) {
  auto ioas = ucmd.context.objects().get<Ioas>(command.object_id);
  if (!ioas) return Err(ioas.error());
  switch (command.op) {
    case IOMMU_OPTION_OP_GET:
      command.val64 = (*ioas)->iopt.huge_pages() ? 1 : 0;
      return {};
    case IOMMU_OPTION_OP_SET:
      if (command.val64 > 1) return Err(EINVAL);
      return (*ioas)->iopt.set_huge_pages(command.val64 == 1);
    default:
      return Err(EOPNOTSUPP);
  }
}

}  // namespace

Status option(const Ucmd& ucmd, iommu_option& command) {
  if (command.__reserved != 0) return Err(EOPNOTSUPP);
  Status done = Err(EOPNOTSUPP);
  if (command.option_id == IOMMU_OPTION_RLIMIT_MODE) done = option_rlimit_mode(ucmd, command);
  if (command.option_id == IOMMU_OPTION_HUGE_PAGES) done = option_huge_pages(ucmd, command);
  if (!done) return done;
  return write_user(ucmd.process.memory(), ucmd.user + offsetof(iommu_option, val64),
                    command.val64);
}

Status vfio_ioas(const Ucmd& ucmd, iommu_vfio_ioas& command) {
  if (command.__reserved != 0) return Err(EOPNOTSUPP);
  ObjectTable& objects = ucmd.context.objects();
  switch (command.op) {
    case IOMMU_VFIO_IOAS_GET: {
      auto ioas = objects.vfio_ioas<Ioas>();
      if (!ioas) return Err(ioas.error());
      command.ioas_id = (*ioas)->id();
      return ucmd.respond(command);
    }
    case IOMMU_VFIO_IOAS_SET: {
      auto ioas = objects.get<Ioas>(command.ioas_id);
      if (!ioas) return Err(ioas.error());
      objects.set_vfio_ioas(ioas->get());
      return {};
    }
    case IOMMU_VFIO_IOAS_CLEAR:
      objects.set_vfio_ioas(nullptr);
      return {};
    default:
      return Err(EOPNOTSUPP);
  }
}

Status ioas_change_process(const Ucmd& ucmd, iommu_ioas_change_process& command) {
  if (command.__reserved != 0) return Err(EOPNOTSUPP);
  // What is being charged may be copied to an IOAS that is not among these.
  const std::lock_guard lock(ucmd.context.ioas_creation());
  const std::vector<Ref<Ioas>> all = ucmd.context.objects().all<Ioas>();
  std::vector<IoPagetable*> tables;
  tables.reserve(all.size());
  for (const Ref<Ioas>& ioas : all) tables.push_back(&ioas->iopt);
  return IoPagetable::change_process(tables, ucmd.process.task());
}

}  // namespace noiommu::iommufd
