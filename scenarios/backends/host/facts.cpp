#include "scenarios/backends/host/facts.h"

#include <sys/capability.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <memory>

#include "model/vfio/vfio_main.h"

namespace noiommu::scenarios::host {
namespace {

const std::string kPciDevices = "/sys/bus/pci/devices/";
constexpr const char* kHugeFolder = "/sys/kernel/mm/hugepages/hugepages-2048kB/";

uint64_t number_in(const Files& files, const std::string& path) {
  return std::strtoull(files.read(path).value_or("0").c_str(), nullptr, 0);
}

Function look_at(const Files& files, const std::string& bdf) {
  const std::string folder = kPciDevices + bdf;
  Function function;
  function.bdf = bdf;
  function.vendor = static_cast<uint32_t>(number_in(files, folder + "/vendor"));
  function.device = static_cast<uint32_t>(number_in(files, folder + "/device"));
  function.driver = files.link_name(folder + "/driver").value_or("");
  const auto names = files.list(folder + "/vfio-dev");
  if (!names.empty()) {
    function.vfio_name = names.front();
    function.has_cdev = files.exists(folder + "/vfio-dev/" + names.front() + "/dev");
  }
  if (const auto group = files.link_name(folder + "/iommu_group")) {
    function.group = trailing_number(*group);
    const bool invented = files.read(folder + "/iommu_group/name") == "vfio-noiommu";
    function.behind_iommu = !invented;
    const std::string node = (invented ? "noiommu-" : "") + *group;
    if (files.exists("/sys/class/vfio/" + node)) function.group_node = node;
  }
  const std::string methods = files.read(folder + "/reset_method").value_or("");
  function.flr = methods.find("flr") != std::string::npos;
  return function;
}

Capabilities own_capabilities() {
  const std::unique_ptr<std::remove_pointer_t<cap_t>, int (*)(void*)> state(cap_get_proc(),
                                                                            cap_free);
  Capabilities own;
  for (int number = 0; state && number <= cap_max_bits() - 1; ++number) {
    cap_flag_value_t value = CAP_CLEAR;
    const uint64_t bit = uint64_t{1} << number;
    if (cap_get_flag(state.get(), number, CAP_EFFECTIVE, &value) == 0 && value == CAP_SET) {
      own.effective |= bit;
    }
    if (cap_get_flag(state.get(), number, CAP_PERMITTED, &value) == 0 && value == CAP_SET) {
      own.permitted |= bit;
    }
  }
  return own;
}

uint64_t most_memlock(const Capabilities& own) {
  if ((own.permitted >> CAP_SYS_RESOURCE & 1) != 0) return UINT64_MAX;
  rlimit limit{};
  if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0) return 0;
  return limit.rlim_max == RLIM_INFINITY ? UINT64_MAX : limit.rlim_max;
}

}  // namespace

const Function* Facts::find(const std::string& bdf) const {
  const auto found = std::ranges::find(functions, bdf, &Function::bdf);
  return found == functions.end() ? nullptr : &*found;
}

bool is_yes(const std::string& text) {
  return vfio::parse_bool_parameter(text).value_or(false);
}

std::optional<unsigned> trailing_number(const std::string& name) {
  const size_t start = name.find_last_not_of("0123456789") + 1;
  unsigned number = 0;
  const char* end = name.data() + name.size();
  const auto [stop, error] = std::from_chars(name.data() + start, end, number);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return number;
}

void look_again(const Files& files, Facts& facts) {
  facts.noiommu_parameter = files.read(kNoiommuParameterPath);
  facts.parameter_writable = access(files.real(kNoiommuParameterPath).c_str(), W_OK) == 0;
  facts.nodes.clear();
  if (files.exists("/dev/iommu")) facts.nodes.emplace_back("/dev/iommu");
  for (const std::string folder : {"/dev/vfio", "/dev/vfio/devices"}) {
    for (const std::string& name : files.list(folder)) {
      if (name == "devices") continue;
      facts.nodes.push_back(folder + "/");
      facts.nodes.back() += name;
    }
  }
  std::ranges::sort(facts.nodes);
  facts.functions.clear();
  for (const std::string& bdf : files.list(kPciDevices)) {
    facts.functions.push_back(look_at(files, bdf));
  }
  facts.vfio_names = files.list("/sys/class/vfio-dev");
  facts.groups.clear();
  for (const std::string& name : files.list("/sys/kernel/iommu_groups")) {
    if (const auto number = trailing_number(name)) facts.groups.push_back(*number);
  }
  facts.huge = {.total = number_in(files, std::string(kHugeFolder) + "nr_hugepages"),
                .free = number_in(files, std::string(kHugeFolder) + "free_hugepages")};
}

Facts look_around(const Files& files, std::string release) {
  Facts facts;
  if (release.empty()) {
    utsname name{};
    if (uname(&name) == 0) release = static_cast<const char*>(name.release);
  }
  facts.release = std::move(release);
  facts.config = read_config(files, facts.release);
  facts.capabilities = own_capabilities();
  facts.uid = geteuid();
  facts.memlock_most = most_memlock(facts.capabilities);
  look_again(files, facts);
  return facts;
}

}  // namespace noiommu::scenarios::host
