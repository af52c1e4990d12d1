// Notices a program that looks for a device's node by name and finds none that it knows.
#pragma once

#include <map>
#include <string>

#include "scenarios/exec/owned_fd.h"
#include "scenarios/exec/seen_call.h"

namespace noiommu::scenarios::exec {

// A program that lists a `vfio-dev` folder reads it from a real one: no call of it is trapped.
//
// Thread-safety: as CallWatcher; the rest while no program runs.
class ListingWatch : public CallWatcher {
 public:
  ListingWatch();

  // Watches the `vfio-dev` folders of the devices that /sys has at the time.
  void start();
  void seen(const SeenCall& call, const Client& client) override;
  // What there is to say about a program that is over, or nothing.
  [[nodiscard]] std::string finding();

 private:
  struct Folder {
    std::string path;
    std::string name;  // of the device's node: "noiommu-vfio0"
    int listed = 0;
    bool just_now = false;  // by the last event
  };

  void read_events();

  const OwnedFd events_;
  std::map<int, Folder> folders_;  // by watch
  bool opened_device_ = false;
};

}  // namespace noiommu::scenarios::exec
