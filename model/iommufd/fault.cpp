#include "model/iommufd/fault.h"

#include <utility>

#include "model/iommufd/context.h"
#include "model/kernel/process.h"
#include "uapi/iommufd.h"

namespace noiommu::iommufd {

FaultFile::FaultFile(std::shared_ptr<Context> context, Ref<Fault> fault)
    : context_(std::move(context)), fault_(std::move(fault)) {}

Result<uint64_t> FaultFile::read(Process& /*process*/, UserPtr /*to*/, uint64_t length,
                                 uint64_t /*position*/) {
  if (length % sizeof(iommu_hwpt_pgfault) != 0) return Err(ESPIPE);
  return 0;
}

Result<uint64_t> FaultFile::write(Process& process, UserPtr from, uint64_t length,
                                  uint64_t /*position*/) {
  iommu_hwpt_page_response response{};
  if (length % sizeof(response) != 0) return Err(ESPIPE);
  if (length == 0) return 0;
  if (auto read = read_user(process.memory(), from, response); !read) return Err(read.error());
  return Err(EINVAL);
}

}  // namespace noiommu::iommufd
