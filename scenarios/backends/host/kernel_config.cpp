#include "scenarios/backends/host/kernel_config.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>

#include "uapi/iommufd.h"

namespace noiommu::scenarios::host {
namespace {

// zlib reads a file that is not compressed as it is.
std::optional<std::string> read_maybe_compressed(const std::string& path) {
  const std::unique_ptr<gzFile_s, int (*)(gzFile)> file(gzopen(path.c_str(), "rbe"), gzclose);
  if (!file) return std::nullopt;
  std::string text;
  std::array<char, 16384> chunk{};
  int got = 0;
  while ((got = gzread(file.get(), chunk.data(), chunk.size())) > 0) {
    text.append(chunk.data(), static_cast<size_t>(got));
  }
  if (got < 0 || text.empty()) return std::nullopt;
  return text;
}

// Whether any device of vfio-pci shows a `dev` file, which only a cdev has.
std::optional<bool> devices_have_cdevs(const Files& files) {
  if (files.exists("/dev/vfio/devices")) return true;
  const auto devices = files.list("/sys/class/vfio-dev");
  if (devices.empty()) return std::nullopt;
  return files.exists("/sys/class/vfio-dev/" + devices.front() + "/dev");
}

// Whether the container node is iommufd's: then it makes an IOAS like /dev/iommu, for as long as it
// is open. Nothing when that cannot be tried.
std::optional<bool> is_iommufd(const std::string& node) {
  const int fd = ::open(node.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  struct stat found {};
  std::optional<bool> answer;
  if (::fstat(fd, &found) == 0 && S_ISCHR(found.st_mode)) {
    iommu_ioas_alloc alloc{};
    alloc.size = sizeof(alloc);
    answer = ::ioctl(fd, IOMMU_IOAS_ALLOC, &alloc) == 0;
  }
  ::close(fd);
  return answer;
}

// Each line names what the symbol leaves behind. Spec: vfio-core.md 3.6, kconfig.md.
std::map<std::string, Tristate> infer(const Files& files) {
  std::map<std::string, Tristate> symbols;
  const auto set = [&symbols](const std::string& symbol, bool on) {
    symbols[symbol] = on ? Tristate::kYes : Tristate::kNo;
  };
  const bool iommufd = files.exists("/dev/iommu") || files.exists("/sys/class/misc/iommu");
  const bool container = files.exists("/dev/vfio/vfio") || files.exists("/sys/class/misc/vfio");
  const bool type1 = files.exists("/sys/module/vfio_iommu_type1");
  set("VFIO", files.exists("/dev/vfio") || files.exists("/sys/module/vfio"));
  set("VFIO_PCI", files.exists("/sys/bus/pci/drivers/vfio-pci"));
  set("IOMMUFD", iommufd);
  set("VFIO_GROUP", files.exists("/sys/class/vfio"));
  set("VFIO_NOIOMMU", files.exists("/sys/module/vfio/parameters/enable_unsafe_noiommu_mode"));
  // The native container brings the type1 back end; the node alone may also be iommufd's.
  const bool plain = !container || type1 || !iommufd;
  const auto compat = plain ? std::optional(false) : is_iommufd(files.real("/dev/vfio/vfio"));
  if (compat) {
    set("VFIO_CONTAINER", container && !*compat);
    set("IOMMUFD_VFIO_CONTAINER", container && *compat);
  }
  if (const auto cdevs = devices_have_cdevs(files)) set("VFIO_DEVICE_CDEV", *cdevs);
  return symbols;
}

}  // namespace

std::map<std::string, Tristate> parse_config(std::string_view text) {
  constexpr std::string_view kPrefix = "CONFIG_";
  std::map<std::string, Tristate> symbols;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const size_t equals = line.find('=');
    if (!line.starts_with(kPrefix) || equals == std::string_view::npos) continue;
    const std::string symbol(line.substr(kPrefix.size(), equals - kPrefix.size()));
    const std::string_view value = line.substr(equals + 1);
    if (value == "y") symbols[symbol] = Tristate::kYes;
    if (value == "m") symbols[symbol] = Tristate::kModule;
  }
  return symbols;
}

KernelConfig read_config(const Files& files, const std::string& release) {
  for (const std::string& path : {std::string("/proc/config.gz"), "/boot/config-" + release,
                                  "/lib/modules/" + release + "/config"}) {
    const auto text = read_maybe_compressed(files.real(path));
    if (text) return {.symbols = parse_config(*text), .complete = true, .source = path};
  }
  return {.symbols = infer(files), .complete = false, .source = "what /dev and /sys show"};
}

}  // namespace noiommu::scenarios::host
