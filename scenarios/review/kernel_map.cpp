#include "scenarios/review/kernel_map.h"

#include "scenarios/review/paths.h"

namespace noiommu::scenarios::review {

namespace {

constexpr const char* kName = "kernel-map";

MapCell node(const std::string& name) {
  if (name.empty()) return {};
  return {CellState::kThere, name};
}

// Of a path whose node is shown.
MapCell outcome(bool shown, const Run& run) {
  if (!shown) return {};
  if (!run.error.empty()) return {CellState::kBroken, run.error};
  return {CellState::kThere, "works"};
}

// Whether an open without CAP_SYS_RAWIO is refused.
MapCell gate(const Boot& boot, const std::string& path) {
  const Run opened =
      run(boot, {.name = kName, .steps = {"- {open: " + path}, .without_rawio = true});
  if (opened.error.empty()) return {CellState::kBroken, "opens"};
  return {CellState::kThere, opened.error};
}

MapRow row(const Boot& boot, size_t configurations) {
  const Sight sight = look_at(boot, Devices::kWithoutIommu);
  const bool group = !sight.group.empty();
  const bool cdev = !sight.cdev.empty();
  const Run by_group = group ? run(boot, through_container(sight, kName)) : Run{};
  const Run by_cdev = cdev ? run(boot, through_cdev(sight, kName)) : Run{};
  const Run address = cdev ? run(boot, with(through_cdev(sight, kName),
                                            {kMemoryStep, kMapStep, get_pa_step(boot.design)}))
                           : Run{};
  const bool shown = group || cdev;
  const bool tainted = (sight.taint & Log::kTaintUser) != 0;
  return {boot.configured.text(),
          configurations,
          {node(sight.has_container ? "vfio" : ""), node(sight.group), node(sight.cdev),
           node(sight.has_iommufd ? "iommu" : ""), outcome(group, by_group), outcome(cdev, by_cdev),
           outcome(cdev, address), group ? gate(boot, "/dev/vfio/" + sight.group) : MapCell{},
           cdev ? gate(boot, "/dev/vfio/devices/" + sight.cdev) : MapCell{},
           shown ? MapCell{tainted ? CellState::kThere : CellState::kBroken, tainted ? "U" : "no"}
                 : MapCell{}}};
}

}  // namespace

KernelMap map_kernels(const Revision& revision, const std::vector<KernelBuild>& kernels) {
  KernelMap map{
      .columns = {"container", "group", "cdev", "/dev/iommu", "device by group", "device by cdev",
                  "physical address", "group without RAWIO", "cdev without RAWIO", "taint"},
      .rows = {}};
  for (const KernelBuild& kernel : kernels) {
    map.rows.push_back(
        row({revision, kernel.smallest, *revision.design(), kernel.config}, kernel.configurations));
  }
  return map;
}

}  // namespace noiommu::scenarios::review
