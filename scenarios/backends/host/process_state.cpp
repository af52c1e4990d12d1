#include "scenarios/backends/host/process_state.h"

#include <grp.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <memory>
#include <type_traits>

namespace noiommu::scenarios::host {
namespace {

using CapState = std::unique_ptr<std::remove_pointer_t<cap_t>, int (*)(void*)>;

CapState current() {
  return {cap_get_proc(), cap_free};
}

Status last_call(int result) {
  if (result != 0) return Err(errno);
  return {};
}

Status raise_all_permitted() {
  const CapState state = current();
  if (!state) return Err(errno);
  for (cap_value_t number = 0; number < cap_max_bits(); ++number) {
    cap_flag_value_t permitted = CAP_CLEAR;
    if (cap_get_flag(state.get(), number, CAP_PERMITTED, &permitted) != 0) break;
    if (cap_set_flag(state.get(), CAP_EFFECTIVE, 1, &number, permitted) != 0) return Err(errno);
  }
  return last_call(cap_set_proc(state.get()));
}

// The change of user takes the effective set away, and would take the permitted one.
Status become(uint32_t uid) {
  if (uid == getuid() && uid == geteuid()) return {};
  if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0) return Err(errno);
  if (setgroups(0, nullptr) != 0) return Err(errno);
  if (setresgid(uid, uid, uid) != 0) return Err(errno);
  return last_call(setresuid(uid, uid, uid));
}

}  // namespace

Status set_effective(int capability, bool effective) {
  const CapState state = current();
  const cap_value_t number = capability;
  if (!state ||
      cap_set_flag(state.get(), CAP_EFFECTIVE, 1, &number, effective ? CAP_SET : CAP_CLEAR) != 0) {
    return Err(errno);
  }
  return last_call(cap_set_proc(state.get()));
}

Status set_memlock(uint64_t bytes) {
  rlimit limit{};
  if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0) return Err(errno);
  limit.rlim_cur = bytes == UINT64_MAX ? RLIM_INFINITY : bytes;
  if (limit.rlim_cur > limit.rlim_max) limit.rlim_max = limit.rlim_cur;
  return last_call(setrlimit(RLIMIT_MEMLOCK, &limit));
}

Status enter(const ProcessState& state) {
  // While it still may: dropping a capability must not keep the scenario from raising the limit. A
  // process that may not has a hard limit that will have to do.
  static_cast<void>(set_memlock(UINT64_MAX));
  if (auto done = set_memlock(state.memlock); !done) return done;
  if (auto done = become(state.uid); !done) return done;
  if (auto done = raise_all_permitted(); !done) return done;
  for (const int capability : state.dropped_capabilities) {
    if (auto done = set_effective(capability, false); !done) return done;
  }
  return {};
}

}  // namespace noiommu::scenarios::host
