#include "model/kernel/iommu_groups.h"

#include <fmt/format.h>

#include "model/kernel/process.h"

namespace noiommu {

namespace {

constexpr std::string_view kRoot = "/sys/kernel/iommu_groups";

std::string group_dir(uint32_t id) {
  return fmt::format("{}/{}", kRoot, id);
}

std::string_view basename(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

// There is no default domain whose type could change. Spec: vfio-core.md section 4.
Status store_type(Process& process, std::string_view /*text*/) {
  if (!process.capable(CAP_SYS_ADMIN) || !process.capable(CAP_SYS_RAWIO)) return Err(EACCES);
  return Err(EINVAL);
}

}  // namespace

IommuGroup::~IommuGroup() {
  groups_.release(id_);
}

IommuGroups::IommuGroups(NodeTree& nodes) : nodes_(nodes) {
  nodes_.add_directory(kRoot);
}

Result<std::shared_ptr<IommuGroup>> IommuGroups::create(const std::string& name) {
  std::optional<uint32_t> id;
  {
    const std::lock_guard lock(mutex_);
    id = ids_.alloc();
  }
  if (!id) return Err(ENOSPC);
  const std::string dir = group_dir(*id);
  nodes_.add_directory(dir + "/devices");
  nodes_.add_attribute(dir + "/reserved_regions", 0444,
                       {.show = [] { return std::string(); }, .store = {}});
  nodes_.add_attribute(dir + "/type", 0644,
                       {.show = [] { return std::string("unknown\n"); }, .store = store_type});
  if (!name.empty()) {
    nodes_.add_attribute(dir + "/name", 0444,
                         {.show = [name] { return name + "\n"; }, .store = {}});
  }
  return std::make_shared<IommuGroup>(*this, *id);
}

void IommuGroups::add_device(const IommuGroup& group, const std::string& device) {
  std::string up;  // from the device to where its bus begins
  for (const char c : device) up += c == '/' ? "../" : "";
  nodes_.add_link(fmt::format("{}/devices/{}", group_dir(group.id()), basename(device)),
                  fmt::format("../../../../devices/{}", device));
  nodes_.add_link(fmt::format("/sys/devices/{}/iommu_group", device),
                  fmt::format("{}../../kernel/iommu_groups/{}", up, group.id()));
}

void IommuGroups::remove_device(const IommuGroup& group, const std::string& device) {
  nodes_.remove(fmt::format("/sys/devices/{}/iommu_group", device));
  nodes_.remove(fmt::format("{}/devices/{}", group_dir(group.id()), basename(device)));
}

void IommuGroups::release(uint32_t id) {
  nodes_.remove(group_dir(id));
  const std::lock_guard lock(mutex_);
  ids_.free(id);
}

}  // namespace noiommu
