// The trapped system calls of a program, and their answers.
#pragma once

#include <sys/types.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>

#include "model/kernel/result.h"
#include "scenarios/exec/owned_fd.h"

namespace noiommu::scenarios::exec {

// One system call of one thread, which waits for its answer.
struct Trap {
  uint64_t id = 0;
  pid_t thread = 0;
  int call = 0;  // SYS_openat, ...
  std::array<uint64_t, 6> arguments{};
};

// Thread-safety: all methods may be called from any thread. A thread that is gone by the time of
// its answer is no error: there is nobody left to hear of it.
class Listener {
 public:
  explicit Listener(OwnedFd fd);

  // Waits for the next one. Nothing once the program's last process is gone, or after stop() for a
  // thread that a signal interrupts.
  [[nodiscard]] std::optional<Trap> receive() const;
  void stop() { stopped_ = true; }
  void answer(const Trap& trap, const Result<int64_t>& result) const;
  // The call goes its native way.
  void let_through(const Trap& trap) const;
  // Gives the thread's process a copy of our descriptor, as `number` or, where nothing is said, as
  // the lowest one that is free. Answers the number. EMFILE.
  [[nodiscard]] Result<int> hand_out(const Trap& trap, int ours, std::optional<int> number,
                                     bool close_on_exec) const;

  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  const OwnedFd fd_;
  std::atomic<bool> stopped_ = false;
};

}  // namespace noiommu::scenarios::exec
