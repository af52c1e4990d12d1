// Answers the trapped system calls of a program from a machine of the model.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "model/machine/machine.h"
#include "scenarios/exec/client.h"
#include "scenarios/exec/descriptor_files.h"
#include "scenarios/exec/file_calls.h"
#include "scenarios/exec/listener.h"
#include "scenarios/exec/node_files.h"
#include "scenarios/exec/opening.h"
#include "scenarios/exec/program_pages.h"

namespace noiommu::scenarios::exec {

// A trapped call of the program that the model answered, or let through after looking at it.
struct Answered {
  const Client& client;
  const Trap& trap;
  FileRef file;      // of the descriptor, where the call has one of ours
  std::string path;  // of the node, where the call opens one
  Result<int64_t> result;
  // Of a call that opens: the path as the program has it, and the flags.
  std::string text = {};
  int flags = 0;
};

// The descriptor that a call is on, unless it opens one.
[[nodiscard]] int descriptor_of(const Trap& trap);

// Sees calls before and after they are answered. Called from any thread, several at once.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void before(Client& client, const Trap& trap, const FileRef& file) = 0;
  virtual void after(const Answered& answered) = 0;
  // The kernel died in the call, after before(): its process is about to be killed.
  virtual void lost(Client& /*client*/, const Trap& /*trap*/) {}
  // A process that has made such a call is about to exit; its descriptors are still open.
  virtual void exiting(Client& /*client*/) {}
};

// Thread-safety: run() is called once; it makes the threads that it needs.
class Supervisor {
 public:
  struct Parts {
    Machine& machine;
    ProgramPages& pages;
    NodeFiles& nodes;
    DescriptorFiles& descriptors;
    Listener& listener;
    dev_t filesystem;
    int first_descriptor;
    Observer* observer;  // may be null
  };
  explicit Supervisor(const Parts& parts);
  ~Supervisor();

  // Answers calls until `over` can be read, and passes on each signal that `signals`, a signalfd,
  // has.
  void run(int over, int signals, const std::function<void(int signal)>& pass_on);
  // Once no process of the program is left: closes what they had open, and ends all threads.
  void stop();

 private:
  using Clock = std::chrono::steady_clock;

  void work();
  void start_worker();
  void handle(const Trap& trap);
  // What the call is to return, or nothing where it is to go its native way.
  Answer answer(const Trap& trap);
  Answer answer_open(const Trap& trap);
  [[nodiscard]] Answer answer_absent(const Trap& trap, const Opening& opening) const;
  Answer answer_pagemap(const Trap& trap, int flags);
  Answer answer_descriptor(const Trap& trap);
  void take_pages(const Trap& trap);

  std::shared_ptr<Client> client_of(pid_t thread);
  [[nodiscard]] std::shared_ptr<Client> known_client(pid_t thread);
  void forget_dead_clients();
  // Device time follows the time of day.
  void advance_clock();

  const Parts parts_;
  const World world_;
  const Clock::time_point start_ = Clock::now();
  std::atomic<int> running_ = 0;  // workers
  std::mutex clock_mutex_;
  const int wake_;  // an eventfd: there may be a timer or a mirror that there was not

  struct Known {
    std::shared_ptr<Client> client;
    OwnedFd alive;  // readable once the process is gone
    bool leaving = false;
  };
  std::mutex mutex_;                // guards all below
  std::map<pid_t, Known> clients_;  // by process
  std::vector<std::jthread> workers_;
};

}  // namespace noiommu::scenarios::exec
