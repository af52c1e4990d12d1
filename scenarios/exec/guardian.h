// The parent of the program, which sees to it that nothing is left of it, whoever dies first.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "scenarios/exec/owned_fd.h"

namespace noiommu::scenarios::exec {

struct Program {
  std::vector<std::string> command;  // the program and its arguments
  // In the program's process, just before it executes. Answers the descriptor of the trapped calls,
  // or what is wrong.
  std::function<int(std::string& wrong)> prepare;
};

// A program that was started. When its first process has exited, or this one dies, all that it
// has started is killed.
class Guardian {
 public:
  // Forks; the calling process must have one thread, and then has its limits raised as far as may
  // be. Throws SetupError.
  explicit Guardian(const Program& program);
  ~Guardian();
  Guardian(const Guardian&) = delete;
  Guardian& operator=(const Guardian&) = delete;

  // The descriptor that the trapped calls are read from. Calls that nobody answers any longer wait
  // for the end.
  [[nodiscard]] OwnedFd listener() const;
  // Readable once the program is over.
  [[nodiscard]] int over_fd() const { return link_.get(); }
  // How the program ended, as a shell would say: its exit status, or 128 and the signal's number;
  // 126 or 127 when it could not be executed. After that nothing of it is left.
  int status();
  // Sends the program a signal that was meant for it. Before status().
  void pass_on(int signal);

 private:
  OwnedFd link_;
  pid_t guardian_ = -1;
  pid_t program_ = -1;
  OwnedFd listener_;
  bool over_ = false;
};

}  // namespace noiommu::scenarios::exec
