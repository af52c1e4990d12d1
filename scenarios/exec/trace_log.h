// What the program asks of the modelled kernel, a line for each call.
#pragma once

#include <sys/types.h>

#include "scenarios/exec/seen_call.h"
#include "scenarios/exec/text_output.h"

namespace noiommu::scenarios::exec {

class TraceLog : public CallWatcher {
 public:
  struct Options {
    bool all = false;      // not only the calls that failed
    bool explain = false;  // and under those that failed, which rule it was
  };
  // `output` outlives this.
  TraceLog(TextOutput& output, Options options) : output_(output), options_(options) {}

  void seen(const SeenCall& call, const Client& client) override;

 private:
  TextOutput& output_;
  const Options options_;
  pid_t first_ = 0;
  bool several_ = false;  // processes: lines say which one
};

}  // namespace noiommu::scenarios::exec
