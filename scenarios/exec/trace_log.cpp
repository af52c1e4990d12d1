#include "scenarios/exec/trace_log.h"

#include <fmt/format.h>

#include "scenarios/exec/call_text.h"
#include "scenarios/exec/rules.h"

namespace noiommu::scenarios::exec {

void TraceLog::seen(const SeenCall& call, const Client& /*client*/) {
  if (first_ == 0) first_ = call.process;
  several_ = several_ || call.process != first_;
  if (!options_.all && !call.failed()) return;
  std::string text = several_ ? fmt::format("[pid {}] ", call.process) : "";
  text += call_text(call) + "\n";
  if (options_.explain) text += explanation(call);
  output_.write(text);
}

}  // namespace noiommu::scenarios::exec
