// What every subsystem of one booted kernel stands on.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>

#include "model/design/design.h"
#include "model/kernel/clock.h"
#include "model/kernel/config.h"
#include "model/kernel/log.h"
#include "model/kernel/node_tree.h"
#include "model/kernel/process.h"

namespace noiommu {

// A system call that can never return: a mistake of the program, not an answer of the kernel.
struct BlockedForever : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// A NULL pointer dereference or its like in the kernel. The process that was there is killed; what
// it held stays as it was.
struct KernelOops : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Any number of kernels live in one process; they share nothing. A kernel outlives its processes.
//
// Thread-safety: all methods may be called from any thread.
class Kernel : Unmovable {
 public:
  explicit Kernel(const Config& config, const design::Design& design = design::mainline());

  [[nodiscard]] const Config& config() const { return config_; }
  [[nodiscard]] const design::Design& design() const { return design_; }
  [[nodiscard]] Log& log() { return log_; }
  [[nodiscard]] NodeTree& nodes() { return nodes_; }
  [[nodiscard]] const NodeTree& nodes() const { return nodes_; }
  [[nodiscard]] Clock& clock() { return clock_; }

  [[nodiscard]] std::shared_ptr<User> user(uint32_t uid);
  [[nodiscard]] int next_pid() { return next_pid_++; }

  // WARN_ON: says where, and taints the kernel.
  void warn(const std::string& where);
  // Says where, taints the kernel and throws KernelOops.
  [[noreturn]] void oops(const std::string& where);

  // For a program that is alone on its kernel: a call that waits for somebody else would never
  // come back, and throws BlockedForever instead.
  void set_single_threaded(bool single) { single_threaded_ = single; }
  // `tell` is called by a thread whose system call is about to wait for another one, for whoever
  // has few threads. Set before there are processes.
  void set_before_blocking(std::function<void()> tell) { before_blocking_ = std::move(tell); }
  // Before a system call goes to sleep until another thread acts.
  void about_to_block(const std::string& why) const {
    if (single_threaded_) throw BlockedForever(why);
    if (before_blocking_) before_blocking_();
  }

 private:
  const Config config_;
  const design::Design design_;
  Log log_;
  NodeTree nodes_;
  Clock clock_;
  std::atomic<int> next_pid_ = 1;
  std::atomic<bool> single_threaded_ = false;
  std::function<void()> before_blocking_;
  std::mutex users_mutex_;
  std::map<uint32_t, std::shared_ptr<User>> users_;
};

}  // namespace noiommu
