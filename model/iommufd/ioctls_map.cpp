#include <memory>
#include <utility>

#include "model/iommufd/ioas.h"
#include "model/iommufd/ioctls.h"
#include "model/kernel/dma_buf.h"

namespace noiommu::iommufd {

namespace {

constexpr uint32_t kMapFlags =
    IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_WRITEABLE | IOMMU_IOAS_MAP_READABLE;

// An address or length that no range can have.
bool unusable(uint64_t value) {
  return value == UINT64_MAX;
}

uint32_t prot_of(uint32_t map_flags) {
  return generic_pt::prot_of((map_flags & IOMMU_IOAS_MAP_READABLE) != 0,
                             (map_flags & IOMMU_IOAS_MAP_WRITEABLE) != 0);
}

IoPagetable::Target target_of(uint32_t map_flags, uint64_t iova) {
  IoPagetable::Target target{.prot = prot_of(map_flags), .iova = {}};
  if ((map_flags & IOMMU_IOAS_MAP_FIXED_IOVA) != 0) target.iova = Iova{iova};
  return target;
}

// Section 7, rows 5 to 8.
Result<KrefPtr<Pages>> file_pages(const Ucmd& ucmd, int fd, uint64_t start, uint64_t length,
                                  bool writable) {
  if (auto range = range_of(start, length); !range) return Err(range.error());
  auto file = ucmd.process.file(fd);
  if (!file) return Err(file.error());
  if (auto buffer = std::dynamic_pointer_cast<DmaBuf>(*file)) {
    return DmaBufPages::create(std::move(buffer), start, length, writable);
  }
  if (length > UINT64_MAX - kPageSize) return Err(EINVAL);
  return make_kref<FilePages>(ucmd.context.memory(), ucmd.process.task(),
                              ucmd.context.accounting_for(ucmd.process), std::move(*file), start,
                              writable);
}

// Maps the slices and tells the program where; a map stays when the program cannot be told.
template <class Command>
Status map_and_respond(const Ucmd& ucmd, Ioas& ioas, std::span<const IoPagetable::Slice> slices,
                       const IoPagetable::Target& target, Command& command, uint64_t& iova) {
  auto mapped = ioas.iopt.map(slices, target);
  if (!mapped) return Err(mapped.error());
  iova = mapped->value;
  return ucmd.respond(command);
}

}  // namespace

Result<KrefPtr<Pages>> user_pages(const Context& context, const Process& process, UserPtr start,
                                  uint64_t length, bool writable) {
  uint64_t end = 0;
  if (__builtin_add_overflow(start.value, length, &end)) return Err(EOVERFLOW);
  if (length == 0 || length > UINT64_MAX - kPageSize) return Err(EINVAL);
  return make_kref<UserPages>(context.memory(), process.task(), context.accounting_for(process),
                              start, writable);
}

Status ioas_map(const Ucmd& ucmd, iommu_ioas_map& command) {
  if ((command.flags & ~kMapFlags) != 0 || command.__reserved != 0) return Err(EOPNOTSUPP);
  if (unusable(command.iova) || unusable(command.length)) return Err(EOVERFLOW);
  if (prot_of(command.flags) == 0) return Err(EINVAL);
  auto ioas = ucmd.context.objects().get<Ioas>(command.ioas_id);
  if (!ioas) return Err(ioas.error());
  const bool writable = (command.flags & IOMMU_IOAS_MAP_WRITEABLE) != 0;
  auto pages = user_pages(ucmd.context, ucmd.process, {command.user_va}, command.length, writable);
  if (!pages) return Err(pages.error());
  const IoPagetable::Slice slice{std::move(*pages), command.user_va % kPageSize, command.length};
  return map_and_respond(ucmd, **ioas, {&slice, 1}, target_of(command.flags, command.iova), command,
                         command.iova);
}

Status ioas_map_file(const Ucmd& ucmd, iommu_ioas_map_file& command) {
  if ((command.flags & ~kMapFlags) != 0) return Err(EOPNOTSUPP);
  if (unusable(command.iova) || unusable(command.length)) return Err(EOVERFLOW);
  if (prot_of(command.flags) == 0) return Err(EINVAL);
  auto ioas = ucmd.context.objects().get<Ioas>(command.ioas_id);
  if (!ioas) return Err(ioas.error());
  const bool writable = (command.flags & IOMMU_IOAS_MAP_WRITEABLE) != 0;
  auto pages = file_pages(ucmd, command.fd, command.start, command.length, writable);
  if (!pages) return Err(pages.error());
  const IoPagetable::Slice slice{std::move(*pages), command.start % kPageSize, command.length};
  return map_and_respond(ucmd, **ioas, {&slice, 1}, target_of(command.flags, command.iova), command,
                         command.iova);
}

Status ioas_copy(const Ucmd& ucmd, iommu_ioas_copy& command) {
  if ((command.flags & ~kMapFlags) != 0) return Err(EOPNOTSUPP);
  if (unusable(command.length) || unusable(command.src_iova) || unusable(command.dst_iova)) {
    return Err(EOVERFLOW);
  }
  if (prot_of(command.flags) == 0) return Err(EINVAL);
  auto source = ucmd.context.objects().get<Ioas>(command.src_ioas_id);
  if (!source) return Err(source.error());
  auto range = range_of(command.src_iova, command.length);
  if (!range) return Err(range.error());
  auto slices = (*source)->iopt.slices(*range);
  if (!slices) return Err(slices.error());
  source->reset();
  auto ioas = ucmd.context.objects().get<Ioas>(command.dst_ioas_id);
  if (!ioas) return Err(ioas.error());
  return map_and_respond(ucmd, **ioas, *slices, target_of(command.flags, command.dst_iova), command,
                         command.dst_iova);
}

Status ioas_unmap(const Ucmd& ucmd, iommu_ioas_unmap& command) {
  auto ioas = ucmd.context.objects().get<Ioas>(command.ioas_id);
  if (!ioas) return Err(ioas.error());
  const bool everything = command.iova == 0 && unusable(command.length);
  IovaRange range;
  if (!everything) {
    if (unusable(command.iova) || unusable(command.length)) return Err(EOVERFLOW);
    auto part = range_of(command.iova, command.length);
    if (!part) return Err(part.error());
    range = *part;
  }
  auto done = (*ioas)->iopt.unmap(range, command.length);
  if (!done) return done;
  if (command.length == 0 && !everything) return Err(ENOENT);
  return ucmd.respond(command);
}

namespace {

Result<generic_pt::PhysRun> get_pa(const ObjectTable& objects, uint32_t ioas_id, Iova iova,
                                   uint64_t length) {
  PhysAddr page;
  const bool now = objects.look_at<Ioas>(
      ioas_id, [&](const Ioas& ioas) { return ioas.iopt.try_get_pa(iova, length, page); });
  if (now) return generic_pt::PhysRun{page, length};
  auto ioas = objects.get<Ioas>(ioas_id);
  if (!ioas) return Err(ioas.error());
  return (*ioas)->iopt.get_pa(iova, length);
}

}  // namespace

Result<generic_pt::PhysRun> look_up_pa(const Context& context, const Process& process,
                                       const iommu_ioas_noiommu_get_pa& command) {
  if (!context.config().iommufd_noiommu) return Err(EOPNOTSUPP);
  if (!process.capable(CAP_SYS_RAWIO)) return Err(EPERM);
  if (command.flags != 0 || command.__reserved != 0) return Err(EOPNOTSUPP);
  const design::GetPa rules = context.design().get_pa;
  // Earlier forms take everything up to the end of the area, and no address 0 for an answer.
  const bool everything = rules == design::GetPa::kLengthOut ||
                          (rules == design::GetPa::kLengthZeroIsAll && command.length == 0);
  const uint64_t length = everything ? UINT64_MAX : command.length;
  if (length == 0) return Err(EINVAL);
  if (rules != design::GetPa::kLengthOut && unusable(command.iova)) return Err(EOVERFLOW);
  auto run = get_pa(context.objects(), command.ioas_id, {command.iova}, length);
  if (run && rules != design::GetPa::kMainline && run->start.value == 0) return Err(EINVAL);
  return run;
}

Status ioas_noiommu_get_pa(const Ucmd& ucmd, iommu_ioas_noiommu_get_pa& command) {
  auto run = look_up_pa(ucmd.context, ucmd.process, command);
  if (!run) return Err(run.error());
  command.length = run->bytes;
  command.out_phys = run->start.value;
  return ucmd.respond(command);
}

}  // namespace noiommu::iommufd
