// A process for one piece of work.
//
// Thread-safety: the caller should have no other threads; the child starts with one.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace noiommu::scenarios::host {

struct ChildEnd {
  enum class How {
    kDone,       // the work came to its end
    kSignal,     // `code` killed it
    kExit,       // it left early with the status `code`
    kTimeLimit,  // it was killed because it took too long
    kStuck,      // as kTimeLimit, and it does not even die: it waits in the kernel
  };
  How how = How::kDone;
  int code = 0;
  std::vector<std::string> messages;  // that arrived, in order
};

// Takes one message to the parent.
using Send = std::function<void(std::string_view message)>;

// Runs `work` in a child. There, 0 to 2 are /dev/null and every other descriptor is free, but for a
// very high one that carries the messages. The child dies with the parent and leaves no core. An
// exception in `work` is a status of 1.
[[nodiscard]] ChildEnd run_in_child(const std::function<void(const Send&)>& work,
                                    std::chrono::milliseconds limit,
                                    std::chrono::milliseconds grace = std::chrono::seconds(5));

// How it ended, for people: "killed by SIGSEGV (Segmentation fault)". Empty for kDone.
[[nodiscard]] std::string describe(const ChildEnd& end, std::chrono::milliseconds limit);

}  // namespace noiommu::scenarios::host
