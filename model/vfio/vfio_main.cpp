#include "model/vfio/vfio_main.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "model/vfio/device_file.h"
#include "model/vfio/group.h"

namespace noiommu::vfio {

namespace {

constexpr std::string_view kParameter = "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode";

// Dynamic character majors, which the kernel hands out from 511 down.
constexpr int kGroupMajor = 511;
constexpr int kDeviceMajor = 510;

struct NodeNumber {
  int major;
  uint32_t minor;
};

// What every device of a class shows below /sys: which class, and which node if there is one.
void add_class_device(NodeTree& nodes, const std::string& sysfs, std::string_view class_name,
                      std::optional<NodeNumber> number, std::string_view node) {
  std::string to_root = "../";
  for (const char c : sysfs) to_root += c == '/' ? "../" : "";
  nodes.add_link(fmt::format("/sys/{}/subsystem", sysfs),
                 fmt::format("{}class/{}", to_root, class_name));
  std::string uevent;
  if (number) {
    uevent = fmt::format("MAJOR={}\nMINOR={}\nDEVNAME={}\n", number->major, number->minor, node);
    nodes.add_attribute(
        fmt::format("/sys/{}/dev", sysfs), 0444,
        {.show = [text = fmt::format("{}:{}\n", number->major, number->minor)] { return text; },
         .store = {}});
  }
  nodes.add_attribute(fmt::format("/sys/{}/uevent", sysfs), 0644,
                      {.show = [uevent] { return uevent; }, .store = {}});
}

std::string device_sysfs(const VfioDevice& device) {
  return fmt::format("{}/vfio-dev/{}", device.info.sysfs, device.name);
}

std::string device_node(const VfioDevice& device) {
  return "/dev/vfio/devices/" + device.name;
}

}  // namespace

// Only the first letter counts, or two for on and off.
Result<bool> parse_bool_parameter(std::string_view text) {
  if (text.empty()) return Err(EINVAL);
  switch (text[0]) {
    case 'y':
    case 'Y':
    case 't':
    case 'T':
    case 'e':
    case 'E':
    case '1':
      return true;
    case 'n':
    case 'N':
    case 'f':
    case 'F':
    case 'd':
    case 'D':
    case '0':
      return false;
    case 'o':
    case 'O':
      if (text.size() > 1 && (text[1] == 'n' || text[1] == 'N')) return true;
      if (text.size() > 1 && (text[1] == 'f' || text[1] == 'F')) return false;
      return Err(EINVAL);
    default:
      return Err(EINVAL);
  }
}

Vfio::Vfio(Kernel& kernel, mm::PhysMem& memory, IommuGroups& iommu_groups,
           bool enable_unsafe_noiommu_mode)
    : kernel_(kernel),
      memory_(memory),
      iommu_groups_(iommu_groups),
      enable_unsafe_noiommu_mode_(enable_unsafe_noiommu_mode) {
  const Config& config = kernel_.config();
  kernel_.nodes().add_directory("/sys/class/vfio-dev");
  if (config.vfio_group) kernel_.nodes().add_directory("/sys/class/vfio");
  if (!config.vfio_noiommu) return;
  kernel_.nodes().add_attribute(
      kParameter, 0644,
      {.show = [this] { return std::string(enable_unsafe_noiommu_mode_ ? "Y\n" : "N\n"); },
       .store = [this](Process&, std::string_view text) -> Status {
         auto value = parse_bool_parameter(text);
         if (!value) return Err(value.error());
         const bool latches = kernel_.design().parameter == design::Parameter::kLatches;
         if (latches && enable_unsafe_noiommu_mode_ && !*value) return Err(EPERM);
         enable_unsafe_noiommu_mode_ = *value;
         return {};
       }});
}

bool Vfio::noiommu_enabled() const {
  return kernel_.config().vfio_noiommu && enable_unsafe_noiommu_mode_;
}

bool Vfio::group_may_be_absent() const {
  const Config& config = kernel_.config();
  return kernel_.design().group_may_be_absent && noiommu_enabled() && !config.vfio_container &&
         !config.iommufd_vfio_container;
}

VfioGroup* Vfio::group_of(const VfioDevice& device) const {
  const bool expected = kernel_.config().vfio_group && !(device.noiommu && group_may_be_absent());
  if (expected && !device.group) kernel_.oops(device.message("its group"));
  return device.group.get();
}

bool Vfio::binds_as_noiommu(const VfioDevice& device) const {
  const bool apart = kernel_.design().noiommu_if == design::NoiommuIf::kApart;
  return apart ? device.group && device.group->noiommu() : is_noiommu(device);
}

bool Vfio::is_noiommu(const VfioDevice& device) const {
  const auto by_group = [](const VfioGroup* group) { return group != nullptr && group->noiommu(); };
  switch (kernel_.design().noiommu_if) {
    case design::NoiommuIf::kGroup:
      return by_group(device.group.get());
    case design::NoiommuIf::kGroupOrMark:
    case design::NoiommuIf::kApart:
      return by_group(device.group.get()) || device.noiommu;
    case design::NoiommuIf::kMarkOrGroup:
      return group_may_be_absent() ? device.noiommu : by_group(group_of(device));
    case design::NoiommuIf::kNoIommuState:
      return !device.info.has_iommu;
  }
  return false;
}

bool Vfio::is_marked(const DeviceInfo& info) const {
  const design::Design& design = kernel_.design();
  const Config& config = kernel_.config();
  const auto built = [&] {
    switch (design.marked_by) {
      case design::MarkedBy::kNothing:
        return false;
      case design::MarkedBy::kVfioNoiommu:
        return config.vfio_noiommu;
      case design::MarkedBy::kIommufdNoiommu:
        return config.iommufd_noiommu;
      case design::MarkedBy::kVfioDeviceCdev:
        return config.vfio_device_cdev;
    }
    return false;
  };
  return built() && noiommu_enabled() && (design.marks_mediated || !info.emulated) &&
         (!design.marks_only_without_iommu || !info.has_iommu);
}

bool Vfio::has_node(const VfioDevice& device) const {
  const Config& config = kernel_.config();
  if (!config.vfio_device_cdev) return false;
  switch (kernel_.design().cdev_for) {
    case design::CdevFor::kRealDevices:
      return !is_noiommu(device);
    case design::CdevFor::kEveryDevice:
      return true;
    case design::CdevFor::kWhatIommufdCanBind:
      return !is_noiommu(device) || config.iommufd_noiommu;
  }
  return false;
}

// Spec: vfio-core.md section 3.7.
void Vfio::taint_for_cdev(const VfioDevice& device) {
  const auto taint = [&](const char* text) {
    kernel_.log().taint(Log::kTaintUser);
    kernel_.log().add(LogLevel::kWarn, device.message(text));
  };
  switch (kernel_.design().cdev_taint) {
    case design::CdevTaint::kNever:
      break;
    case design::CdevTaint::kWithTheName:
      if (device.noiommu) taint("Adding kernel taint for vfio-noiommu cdev on device");
      break;
    case design::CdevTaint::kAfterTheGroup:
      if (is_noiommu(device) && kernel_.config().iommufd_noiommu) {
        taint("Adding kernel taint for vfio-noiommu cdev");
      }
      break;
  }
}

// Spec: vfio-core.md section 4.
Status Vfio::set_group(const std::shared_ptr<VfioDevice>& to_group) {
  if (!kernel_.config().vfio_group) return {};
  VfioDevice& device = *to_group;
  std::shared_ptr<IommuGroup> iommu_group =
      device.info.emulated ? nullptr : device.info.iommu_group;
  auto type = device.info.emulated ? VfioGroup::Type::kEmulated : VfioGroup::Type::kIommu;
  const bool fake = iommu_group == nullptr;
  if (fake) {
    if (!device.info.emulated) {
      if (!noiommu_enabled()) return Err(EINVAL);
      if (group_may_be_absent()) return {};
      type = VfioGroup::Type::kNoIommu;
    }
    auto created = iommu_groups_.create("vfio-noiommu");
    if (!created) return Err(created.error());
    iommu_group = *created;
    iommu_groups_.add_device(*iommu_group, device.info.sysfs);
    kernel_.log().add(LogLevel::kInfo,
                      device.message(fmt::format("Adding to iommu group {}", iommu_group->id())));
  }
  const std::lock_guard lock(mutex_);
  device.group = groups_[iommu_group->id()].lock();
  if (!device.group) {
    device.group = std::make_shared<VfioGroup>(iommu_group, type, group_minors_.take(),
                                               kernel_.config().vfio_group_noiommu);
    groups_[iommu_group->id()] = device.group;
    const std::string sysfs = "devices/virtual/vfio/" + device.group->name();
    add_class_device(kernel_.nodes(), sysfs, "vfio",
                     NodeNumber{kGroupMajor, device.group->minor_number()},
                     "vfio/" + device.group->name());
    kernel_.nodes().add_link("/sys/class/vfio/" + device.group->name(), "../../" + sysfs);
    kernel_.nodes().add_device("/dev/vfio/" + device.group->name(), 0600,
                               [this, group = device.group](Process& process, int) {
                                 return VfioGroup::open(*this, group, process);
                               });
  }
  device.group->add_device(to_group);
  if (type == VfioGroup::Type::kNoIommu) {
    kernel_.log().taint(Log::kTaintUser);
    kernel_.log().add(LogLevel::kWarn,
                      device.message("Adding kernel taint for vfio-noiommu group on device"));
  }
  return {};
}

void Vfio::remove_group(VfioDevice& device) {
  if (!device.group) return;
  const std::shared_ptr<IommuGroup> iommu_group = device.group->iommu_group();
  if (device.group->type() != VfioGroup::Type::kIommu) {
    kernel_.log().add(LogLevel::kInfo, device.message(fmt::format("Removing from iommu group {}",
                                                                  iommu_group->id())));
    iommu_groups_.remove_device(*iommu_group, device.info.sysfs);
  }
  const std::lock_guard lock(mutex_);
  if (device.group->remove_device()) return;
  groups_.erase(iommu_group->id());
  kernel_.nodes().remove("/dev/vfio/" + device.group->name());
  kernel_.nodes().remove("/sys/class/vfio/" + device.group->name());
  kernel_.nodes().remove("/sys/devices/virtual/vfio/" + device.group->name());
}

// Spec: vfio-core.md sections 3.5 and 3.6.
void Vfio::add_nodes(const std::shared_ptr<VfioDevice>& device) {
  const std::string sysfs = device_sysfs(*device);
  NodeTree& nodes = kernel_.nodes();
  nodes.add_link(fmt::format("/sys/devices/{}/device", sysfs), "../../../" + device->info.name);
  nodes.add_link("/sys/class/vfio-dev/" + device->name, "../../devices/" + sysfs);
  device->has_node = has_node(*device);
  const NodeNumber number{kDeviceMajor, device->index};
  add_class_device(nodes, "devices/" + sysfs, "vfio-dev",
                   device->has_node ? std::optional(number) : std::nullopt,
                   "vfio/devices/" + device->name);
  if (!device->has_node) return;
  nodes.add_device(device_node(*device), 0600, [this, device](Process& process, int) {
    return DeviceFile::open_cdev(*this, device, process);
  });
}

void Vfio::remove_nodes(const VfioDevice& device) {
  if (device.has_node) kernel_.nodes().remove(device_node(device));
  kernel_.nodes().remove("/sys/class/vfio-dev/" + device.name);
  kernel_.nodes().remove(fmt::format("/sys/devices/{}/vfio-dev", device.info.sysfs));
}

Result<std::shared_ptr<VfioDevice>> Vfio::register_device(VfioDriver& driver, DeviceInfo info) {
  std::optional<uint32_t> index;
  {
    const std::lock_guard lock(mutex_);
    index = device_ida_.alloc();
  }
  if (!index) return Err(ENOSPC);
  auto device = std::make_shared<VfioDevice>(driver, std::move(info), *index);
  const auto mark_and_name = [&] {
    device->noiommu = is_marked(device->info);
    device->name = fmt::format("{}vfio{}", device->noiommu ? "noiommu-" : "", *index);
  };
  const bool name_first = kernel_.design().name_before_group;
  if (name_first) mark_and_name();
  auto grouped = set_group(device);
  if (grouped && !name_first) mark_and_name();
  if (grouped) taint_for_cdev(*device);
  const bool coherent =
      device->info.has_iommu || device->info.emulated || (grouped && is_noiommu(*device));
  if (!grouped || !coherent) {
    if (grouped) {
      if (device->group) device->group->unlink_device(*device);
      remove_group(*device);
    }
    const std::lock_guard lock(mutex_);
    device_ida_.free(*index);
    return Err(grouped ? Errno{EINVAL} : grouped.error());
  }
  add_nodes(device);
  return device;
}

void Vfio::unregister_device(VfioDevice& device) {
  if (device.group) device.group->unlink_device(device);
  remove_nodes(device);
  if (device.drop_first_registration() > 0) {
    device.driver.request(0);
    kernel_.about_to_block(device.message("unbind waits until the device is closed"));
    device.wait_until_unused();
  }
  remove_group(device);
  const std::lock_guard lock(mutex_);
  device_ida_.free(device.index);
}

}  // namespace noiommu::vfio
