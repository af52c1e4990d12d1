#include "scenarios/exec/recorder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "model/kernel/kernel.h"
#include "model/vfio/vfio_pci_config.h"
#include "scenarios/engine/trace.h"
#include "scenarios/engine/words.h"
#include "scenarios/exec/recorded_ioctl.h"
#include "scenarios/exec/remote_memory.h"

namespace noiommu::scenarios::exec {

namespace {

// Longer reads are replayed without a look at what came.
constexpr size_t kMostExpected = 256;
// The file offset of a device has its region in the bits above.
constexpr unsigned kRegionShift = 40;
constexpr uint64_t kIdBytes = 4;  // at the start of configuration space

uint64_t memlock_of(pid_t process) {
  rlimit now{};
  if (prlimit(living_thread(process), RLIMIT_MEMLOCK, nullptr, &now) != 0) return UINT64_MAX;
  return now.rlim_cur == RLIM_INFINITY ? UINT64_MAX : now.rlim_cur;
}

ProcessFacts facts_of(pid_t process, const Client& client) {
  const Credentials credentials = client.credentials();
  return {credentials.uid, memlock_of(process), credentials.effective};
}

bool has_other_ids(const MachineOptions& options) {
  const auto machine = machine_config(options);
  return machine && std::ranges::any_of(machine->devices, [](const DeviceConfig& device) {
           return device.id.has_value();
         });
}

bool is_configuration(uint64_t offset) {
  return offset >> kRegionShift == VFIO_PCI_CONFIG_REGION_INDEX;
}

uint64_t in_region(uint64_t offset) {
  return offset & ((uint64_t{1} << kRegionShift) - 1);
}

}  // namespace

Recorder::Recorder(const MachineOptions& machine, const std::vector<std::string>& command,
                   mm::MemoryConfig::Placement placement)
    : machine_(machine),
      command_(command),
      placement_(placement),
      other_ids_(has_other_ids(machine)) {}

void Recorder::seen(const SeenCall& call, const Client& client) {
  if (process_ == 0) begin(call, client);
  if (call.process != process_) return seen_of_another(call);
  if (dead_) return;
  recording_->close_released();
  follow_time(call);
  follow_state(client);
  if (!call.result && call.call != SYS_ioctl) {
    recording_->comment(fmt::format("{}, in which the kernel died", call.name()));
    dead_ = true;
    return;
  }
  if (call.opens) return open(call);
  if (call.kind == FileKind::kAttribute) return write_attribute(call);
  RecordedFile* file = recording_->files.find(call.file);
  if (file == nullptr) {
    recording_->comment(fmt::format("{} on a file that another process opened", call.name()));
  } else if (call.call == SYS_ioctl) {
    ioctl(call, client, file->name);
  } else if (call.reads() || call.writes()) {
    move(call, file->name);
  } else if (call.call == SYS_mmap) {
    map(call, *file);
  } else {
    recording_->comment(fmt::format("{} on ${}", call.name(), file->name));
  }
}

void Recorder::begin(const SeenCall& call, const Client& client) {
  process_ = call.process;
  recording_.emplace(process_);
  first_ = facts_of(process_, client);
  now_ = first_;
}

// What is done to a file of the recorded process changes what that is answered.
void Recorder::seen_of_another(const SeenCall& call) {
  ++others_[call.process];
  const RecordedFile* file = recording_->files.find(call.file);
  if (file == nullptr) return;
  recording_->comment(fmt::format("process {}: {} on ${}", call.process, call.name(), file->name));
}

// What a process is allowed can change at any time.
void Recorder::follow_state(const Client& client) {
  const ProcessFacts state = facts_of(process_, client);
  for (size_t i = 0; i < state.capabilities.size(); ++i) {
    if (state.capabilities[i] == now_.capabilities[i]) continue;
    recording_->add(fmt::format("- {}: {}\n", state.capabilities[i] ? "raise_cap" : "drop_cap",
                                capability_name(static_cast<int>(i))));
  }
  if (state.memlock != now_.memlock) {
    recording_->add(fmt::format("- rlimit: {{MEMLOCK: {}}}\n", state.memlock));
  }
  if (state.uid != now_.uid) {
    recording_->comment(fmt::format("the process has user {} now", state.uid));
  }
  now_ = state;
}

// A replay's devices stand still, but for what the program waited for. How often it looked in vain
// makes no difference to them.
void Recorder::follow_time(const SeenCall& call) {
  if (timer_ && call.now < *timer_) {
    if (call.next_timer) timer_ = std::min(*timer_, *call.next_timer);
    return;
  }
  if (timer_) {
    const auto waited = std::chrono::ceil<std::chrono::milliseconds>(call.now - armed_);
    recording_->add(fmt::format("- sleep: {}\n", waited.count()));
  }
  timer_ = call.next_timer;
  armed_ = call.now;
}

void Recorder::open(const SeenCall& call) {
  RecordedStep step;
  if (call.failed()) {
    step.errno_ = errno_name(call.result->error());
    if (call.result->error() == Errno{EMFILE} || call.result->error() == Errno{ENFILE}) {
      step.not_replayed = fmt::format("open of {}, with no descriptor left", call.path);
    }
  }
  if (call.kind == FileKind::kAttribute) {
    // The step that writes opens by itself.
    if (!call.failed()) return;
    step.head = fmt::format("- write_file: {}\n  text: ''\n", show_text(call.path));
  } else {
    const int access = call.open_flags & O_ACCMODE;
    step.head = fmt::format("- open: {}\n", show_text(call.path));
    if (access == O_RDONLY) step.head += "  flags: rdonly\n";
    if (access == O_WRONLY) step.head += "  flags: wronly\n";
    if (call.file) step.as = recording_->name_file(call.file, call.kind);
  }
  recording_->add(step.text());
}

void Recorder::write_attribute(const SeenCall& call) {
  if (!call.writes()) return;
  const std::string text(reinterpret_cast<const char*>(call.before.data()), call.before.size());
  RecordedStep step;
  step.head = fmt::format("- write_file: {}\n  text: {}\n", show_text(call.path), show_text(text));
  if (call.failed()) step.errno_ = errno_name(call.result->error());
  if (text.size() != call.length()) {
    step.not_replayed = fmt::format("{} of {} bytes to {}", call.name(), call.length(), call.path);
  }
  recording_->add(step.text());
}

void Recorder::ioctl(const SeenCall& call, const Client& client, const std::string& file) {
  if (call.command == nullptr) {
    return recording_->comment(
        fmt::format("ioctl {:#x} on ${}", static_cast<uint32_t>(call.arguments[1]), file));
  }
  if (!call.result) dead_ = true;
  recording_->add(recorded_ioctl(*recording_, file, call, client).text());
}

// A read or write is done buffer by buffer, up to the first that is not filled.
void Recorder::move(const SeenCall& call, const std::string& file) {
  const auto moved = static_cast<uint64_t>(call.result->value_or(0));
  const bool cut = call.writes() && call.before.size() != call.length();
  // A step has no flags, of which a device knows none.
  const bool flags = (call.call == SYS_preadv2 || call.call == SYS_pwritev2) && call.failed() &&
                     call.arguments[5] != 0;
  if (call.kind != FileKind::kDevice || cut || flags || call.buffers.empty()) {
    return recording_->comment(
        fmt::format("{} of {} bytes on ${}", call.name(), call.length(), file));
  }
  uint64_t offset = call.positioned() ? call.arguments[3] : call.file->position - moved;
  auto bytes = std::span(call.writes() ? call.before : call.after);
  uint64_t left = moved;
  for (const Buffer& buffer : call.buffers) {
    const uint64_t here = std::min(left, buffer.length);
    const auto shown =
        bytes.first(std::min<uint64_t>(bytes.size(), call.writes() ? buffer.length : here));
    RecordedStep step = part(call, file, offset, buffer.length, shown);
    if (!call.failed() && here != buffer.length) step.returns = static_cast<int64_t>(here);
    recording_->add(step.text());
    if (here < buffer.length) return;
    left -= here;
    offset += here;
    bytes = bytes.subspan(shown.size());
  }
}

RecordedStep Recorder::part(const SeenCall& call, const std::string& file, uint64_t offset,
                            uint64_t length, std::span<const std::byte> moved) const {
  RecordedStep step;
  if (call.failed()) {
    step.errno_ = errno_name(call.result->error());
    const bool beyond =
        is_configuration(offset) && in_region(offset) + length > vfio::VfioPciConfig::kSize;
    if (call.result->error() == Errno{EFAULT} && !beyond) {
      step.not_replayed = fmt::format("{} on ${}, whose buffer is not there", call.name(), file);
    }
  }
  if (call.writes()) {
    // A physical address that the program was told goes to the device as the one of the replay.
    uint64_t value = 0;
    std::optional<std::string> address;
    if (moved.size() == sizeof(value)) {
      std::memcpy(&value, moved.data(), sizeof(value));
      address = recording_->addresses.physical(value);
    }
    const std::string data =
        address ? "u64: " + *address : fmt::format("data: '{}'", show_hex(moved));
    step.head = fmt::format("- pwrite: {{fd: ${}, offset: {:#x}, {}}}\n", file, offset, data);
    return step;
  }
  step.head =
      fmt::format("- pread: {{fd: ${}, offset: {:#x}, length: {}}}\n", file, offset, length);
  // The registers of a mapped region may have been written behind our back.
  const bool known =
      is_configuration(offset) ? !other_ids_ || in_region(offset) >= kIdBytes : !registers_mapped_;
  if (known && !moved.empty() && moved.size() <= kMostExpected) {
    step.expect.push_back(fmt::format("data: '{}'", show_hex(moved)));
  }
  return step;
}

void Recorder::map(const SeenCall& call, RecordedFile& file) {
  const uint64_t length = call.arguments[1];
  const uint64_t offset = call.arguments[5];
  if ((call.arguments[3] & MAP_SHARED) == 0) {
    return recording_->comment(fmt::format("a private mmap of ${}", file.name));
  }
  RecordedStep step;
  step.head =
      fmt::format("- mmap: {{fd: ${}, offset: {:#x}, length: {:#x}}}\n", file.name, offset, length);
  if (call.failed()) {
    step.errno_ = errno_name(call.result->error());
  } else {
    step.as = recording_->new_name("region");
    file.mappings.emplace_back(step.as, length);
    recording_->memory.map_region(call.descriptor, offset, length, step.as);
    if (!registers_mapped_) {
      recording_->comment("what the program stores in mapped registers is not recorded");
    }
    registers_mapped_ = true;
  }
  recording_->add(step.text());
}

std::string Recorder::text() const {
  std::string text =
      recording_head({machine_, command_, process_ == 0 ? std::nullopt : std::optional(first_),
                      placement_, others_});
  text += "steps:\n";
  std::string steps;
  if (recording_) {
    for (const std::string& step : recording_->steps()) steps += step;
  }
  const bool any = steps.starts_with("- ") || steps.find("\n- ") != std::string::npos;
  if (!any) text += "# The program asked nothing of it.\n- sleep: 0\n";
  return text + steps;
}

}  // namespace noiommu::scenarios::exec
