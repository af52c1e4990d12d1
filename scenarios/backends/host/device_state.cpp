#include "scenarios/backends/host/device_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <climits>
#include <iterator>
#include <optional>
#include <set>

#include "scenarios/backends/host/device_map.h"

namespace noiommu::scenarios::host {
namespace {

constexpr const char* kBind = "/sys/bus/pci/drivers/vfio-pci/bind";
constexpr const char* kUnbind = "/sys/bus/pci/drivers/vfio-pci/unbind";

std::string override_path(const std::string& bdf) {
  return "/sys/bus/pci/devices/" + bdf + "/driver_override";
}

}  // namespace

DeviceState::DeviceState(const Files& files, const Facts& before)
    : files_(files), parameter_(before.noiommu_parameter.value_or("")) {
  std::vector<Function> bound;
  std::ranges::copy_if(before.functions, std::back_inserter(bound), &Function::bound);
  std::ranges::stable_sort(bound, {}, [](const Function& function) {
    return trailing_number(function.vfio_name).value_or(UINT_MAX);
  });
  for (const Function& function : bound) {
    held_.push_back({function.bdf, files.read(override_path(function.bdf)).value_or("")});
  }
}

bool DeviceState::held(const std::string& bdf) const {
  return std::ranges::find(held_, bdf, &Held::bdf) != held_.end();
}

// Whether each device has the number that it would get if they were bound now, one after another.
bool DeviceState::in_order(const Facts& now, const std::vector<std::string>& devices) {
  std::set<unsigned> indexes;  // that others hold
  for (const std::string& name : now.vfio_names) {
    if (const auto number = trailing_number(name)) indexes.insert(*number);
  }
  std::set<unsigned> groups(now.groups.begin(), now.groups.end());
  for (const std::string& bdf : devices) {
    const Function* function = now.find(bdf);
    if (function == nullptr || !function->bound()) return false;
    if (const auto index = trailing_number(function->vfio_name)) indexes.erase(*index);
    if (function->group && !function->behind_iommu) groups.erase(*function->group);
  }
  unsigned next_index = 0;
  unsigned next_group = 0;
  for (const std::string& bdf : devices) {
    const Function& function = *now.find(bdf);
    const auto index = trailing_number(function.vfio_name);
    if (index && *index != DeviceMap::nth_free(indexes, next_index++)) return false;
    if (!function.group || function.behind_iommu) continue;
    if (*function.group != DeviceMap::nth_free(groups, next_group++)) return false;
  }
  return true;
}

void DeviceState::set_parameter(const std::string& text) const {
  if (parameter_.empty() || files_.read(kNoiommuParameterPath) == text) return;
  static_cast<void>(files_.write(kNoiommuParameterPath, text));
}

std::string DeviceState::bind_in_order(const std::vector<std::string>& devices) const {
  for (const std::string& bdf : devices) {
    const auto driver = files_.link_name("/sys/bus/pci/devices/" + bdf + "/driver");
    if (driver == "vfio-pci" && !files_.write(kUnbind, bdf)) {
      return fmt::format("{} cannot be unbound from vfio-pci", bdf);
    }
  }
  std::string failed;
  for (const std::string& bdf : devices) {
    if (!files_.write(kBind, bdf) && failed.empty()) {
      failed = fmt::format("{} cannot be bound to vfio-pci", bdf);
    }
  }
  return failed;
}

std::string DeviceState::prepare(const KernelNeeds& kernel,
                                 const std::vector<std::string>& devices) const {
  for (const std::string& bdf : devices) {
    if (!held(bdf)) return fmt::format("{} was not bound to vfio-pci from the start", bdf);
  }
  const auto asked = kernel.params.find(std::string(kNoiommuParameter));
  const bool on = asked == kernel.params.end() || is_yes(asked->second);
  Facts now;
  look_again(files_, now);
  const bool any_noiommu = std::ranges::any_of(devices, [&now](const std::string& bdf) {
    const Function* function = now.find(bdf);
    return function != nullptr && !function->behind_iommu;
  });
  set_parameter(on ? "Y" : "N");
  if (!on && any_noiommu && !parameter_.empty()) {
    static_cast<void>(bind_in_order(devices));  // those without an IOMMU are refused
    return {};
  }
  if (in_order(now, devices)) return {};
  return bind_in_order(devices);
}

void DeviceState::restore_overrides() const {
  for (const Held& held : held_) {
    const std::string path = override_path(held.bdf);
    const auto now = files_.read(path);
    if (!now || *now == held.driver_override) continue;
    const bool none = held.driver_override.empty() || held.driver_override == "(null)";
    static_cast<void>(files_.write(path, none ? "\n" : held.driver_override));
  }
}

std::string DeviceState::restore(const std::vector<std::string>& touched) const {
  restore_overrides();
  Facts now;
  look_again(files_, now);
  std::vector<std::string> devices;
  for (const Held& held : held_) {
    if (std::ranges::find(touched, held.bdf) != touched.end()) devices.push_back(held.bdf);
  }
  std::string failed;
  if (!in_order(now, devices)) {
    set_parameter("Y");  // without it, devices that have no IOMMU could not come back
    failed = bind_in_order(devices);
  }
  set_parameter(parameter_);
  return failed;
}

}  // namespace noiommu::scenarios::host
