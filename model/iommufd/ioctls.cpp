#include "model/iommufd/ioctls.h"

#include <memory>

#include "model/iommufd/ioas.h"

namespace noiommu::iommufd {

namespace {

// An address or length that no range can have.
bool unusable(uint64_t value) {
  return value == UINT64_MAX;
}

uint32_t prot_of(uint32_t map_flags) {
  return ((map_flags & IOMMU_IOAS_MAP_READABLE) != 0 ? generic_pt::kRead : 0U) |
         ((map_flags & IOMMU_IOAS_MAP_WRITEABLE) != 0 ? generic_pt::kWrite : 0U);
}

}  // namespace

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
  objects.publish(std::make_unique<Ioas>(*id, ucmd.context.memory()));
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

Status ioas_map(const Ucmd& ucmd, iommu_ioas_map& command) {
  constexpr uint32_t kFlags =
      IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_WRITEABLE | IOMMU_IOAS_MAP_READABLE;
  if ((command.flags & ~kFlags) != 0 || command.__reserved != 0) return Err(EOPNOTSUPP);
  if (unusable(command.iova) || unusable(command.length)) return Err(EOVERFLOW);
  const uint32_t prot = prot_of(command.flags);
  if (prot == 0) return Err(EINVAL);
  auto ioas = ucmd.context.objects().get<Ioas>(command.ioas_id);
  if (!ioas) return Err(ioas.error());
  auto iova =
      (*ioas)->iopt.map(ucmd.process, {.user_va = {command.user_va},
                                       .length = command.length,
                                       .prot = prot,
                                       .fixed = (command.flags & IOMMU_IOAS_MAP_FIXED_IOVA) != 0,
                                       .iova = {command.iova}});
  if (!iova) return Err(iova.error());
  command.iova = iova->value;
  return ucmd.respond(command);
}

Status ioas_unmap(const Ucmd& ucmd, iommu_ioas_unmap& command) {
  auto ioas = ucmd.context.objects().get<Ioas>(command.ioas_id);
  if (!ioas) return Err(ioas.error());
  if (command.iova == 0 && unusable(command.length)) {
    auto unmapped = (*ioas)->iopt.unmap_all();
    if (!unmapped) return Err(unmapped.error());
    command.length = *unmapped;
    return ucmd.respond(command);
  }
  if (unusable(command.iova) || unusable(command.length)) return Err(EOVERFLOW);
  if (command.length == 0) return Err(EINVAL);
  uint64_t last = 0;
  if (__builtin_add_overflow(command.iova, command.length - 1, &last)) return Err(EOVERFLOW);
  auto done = (*ioas)->iopt.unmap({command.iova, last}, command.length);
  if (!done) return done;
  return ucmd.respond(command);
}

Status ioas_noiommu_get_pa(const Ucmd& ucmd, iommu_ioas_noiommu_get_pa& command) {
  if (!ucmd.context.config().iommufd_noiommu) return Err(EOPNOTSUPP);
  if (!ucmd.process.capable(CAP_SYS_RAWIO)) return Err(EPERM);
  if (command.flags != 0 || command.__reserved != 0) return Err(EOPNOTSUPP);
  if (command.length == 0) return Err(EINVAL);
  if (unusable(command.iova)) return Err(EOVERFLOW);
  auto ioas = ucmd.context.objects().get<Ioas>(command.ioas_id);
  if (!ioas) return Err(ioas.error());
  auto run = (*ioas)->iopt.get_pa({command.iova}, command.length);
  if (!run) return Err(run.error());
  command.length = run->bytes;
  command.out_phys = run->start.value;
  return ucmd.respond(command);
}

}  // namespace noiommu::iommufd
