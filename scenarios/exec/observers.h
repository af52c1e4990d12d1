// Several observers as one.
#pragma once

#include <vector>

#include "scenarios/exec/supervisor.h"

namespace noiommu::scenarios::exec {

// Each is told of a call in the order in which they were added. Thread-safety: add() before the
// program starts; the rest as Observer.
class Observers : public Observer {
 public:
  // `observer` outlives this.
  void add(Observer& observer) { all_.push_back(&observer); }

  void before(Client& client, const Trap& trap, const FileRef& file) override {
    for (Observer* one : all_) one->before(client, trap, file);
  }
  void after(const Answered& answered) override {
    for (Observer* one : all_) one->after(answered);
  }
  void lost(Client& client, const Trap& trap) override {
    for (Observer* one : all_) one->lost(client, trap);
  }
  void exiting(Client& client) override {
    for (Observer* one : all_) one->exiting(client);
  }

 private:
  std::vector<Observer*> all_;
};

}  // namespace noiommu::scenarios::exec
