#include "scenarios/exec/listing_watch.h"

#include <fmt/format.h>
#include <sys/inotify.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <vector>

namespace noiommu::scenarios::exec {

namespace {

namespace fs = std::filesystem;

constexpr const char* kDevices = "/sys/bus/pci/devices";
constexpr std::string_view kHidden = "noiommu-";

}  // namespace

ListingWatch::ListingWatch() : events_(inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {}

void ListingWatch::start() {
  std::error_code error;
  for (const auto& device : fs::directory_iterator(kDevices, error)) {
    const fs::path folder = device.path() / "vfio-dev";
    for (const auto& entry : fs::directory_iterator(folder, error)) {
      const std::string name = entry.path().filename();
      if (!name.starts_with(kHidden)) continue;
      const int watch =
          inotify_add_watch(events_.get(), folder.c_str(), IN_OPEN | IN_DELETE_SELF | IN_ONLYDIR);
      if (watch >= 0) folders_[watch] = {.path = folder, .name = name};
    }
  }
}

void ListingWatch::seen(const SeenCall& call, const Client& /*client*/) {
  const bool node = call.kind == FileKind::kDevice || call.kind == FileKind::kGroup;
  opened_device_ = opened_device_ || (call.opens && node);
}

void ListingWatch::read_events() {
  alignas(inotify_event) std::array<char, 4096> events;
  for (ssize_t got = 0; (got = read(events_.get(), events.data(), events.size())) > 0;) {
    for (const char* at = events.data(); at < events.data() + got;) {
      inotify_event event{};
      std::memcpy(&event, at, sizeof(event));
      at += sizeof(event) + event.len;
      const auto found = folders_.find(event.wd);
      // With a length it is about what is inside.
      if (found == folders_.end() || event.len != 0) continue;
      Folder& folder = found->second;
      // Whoever removes a folder opens it before.
      if ((event.mask & IN_DELETE_SELF) != 0 && folder.just_now) --folder.listed;
      folder.just_now = (event.mask & IN_OPEN) != 0;
      if (folder.just_now) ++folder.listed;
    }
  }
}

std::string ListingWatch::finding() {
  read_events();
  if (opened_device_) return "";
  for (const auto& [watch, folder] : folders_) {
    if (folder.listed <= 0) continue;
    return fmt::format(
        "noiommu exec: the program listed {}, where there is {}, and opened no device.\n"
        "  Many programs look there for a name that starts with \"vfio\": to them the prefix "
        "\"{}\" hides the device\n"
        "  (libvfn, QEMU, uPCIe and awilliam/tests do).\n",
        folder.path, folder.name, kHidden);
  }
  return "";
}

}  // namespace noiommu::scenarios::exec
