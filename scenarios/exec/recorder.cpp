#include "scenarios/exec/recorder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <utility>

#include "model/kernel/kernel.h"
#include "scenarios/engine/constants.h"
#include "scenarios/engine/trace.h"
#include "scenarios/engine/words.h"

namespace noiommu::scenarios::exec {

namespace {

// A descriptor that nothing of a replay has, and one that is open on /dev/null.
constexpr int kNotOpen = 9999;
constexpr int kNoFileOfOurs = 0;
// Longer reads are replayed without a look at what came.
constexpr size_t kMostExpected = 256;

uint64_t memlock_of(pid_t process) {
  rlimit now{};
  if (prlimit(process, RLIMIT_MEMLOCK, nullptr, &now) != 0) return UINT64_MAX;
  return now.rlim_cur == RLIM_INFINITY ? UINT64_MAX : now.rlim_cur;
}

std::string kind_name(FileKind kind) {
  switch (kind) {
    case FileKind::kIommufd:
      return "iommufd";
    case FileKind::kContainer:
      return "container";
    case FileKind::kGroup:
      return "group";
    case FileKind::kDevice:
      return "device";
    case FileKind::kFault:
      return "fault";
    case FileKind::kDmaBuf:
      return "dmabuf";
    case FileKind::kAttribute:
      return "file";
  }
  return "file";
}

std::string map_of(const std::vector<std::string>& entries) {
  return fmt::format("{{{}}}", fmt::join(entries, ", "));
}

std::string list_of(const std::vector<uint64_t>& words) {
  return fmt::format("[{:#x}]", fmt::join(words, ", "));
}

// As trace.h shows it, with the constants' whole names.
std::string value_text(const Field& field, uint64_t value) {
  if (field.show != Show::kFlags || value == 0) return show_field(field, value);
  std::vector<std::string> names;
  for (const Constant& constant : constants_with_prefix(field.flag_prefix)) {
    const bool bit = constant.value != 0 && (constant.value & (constant.value - 1)) == 0;
    if (!bit || (value & constant.value) == 0) continue;
    names.emplace_back(constant.name);
    value &= ~constant.value;
  }
  if (value != 0 || names.empty()) names.push_back(fmt::format("{:#x}", value));
  return fmt::format("{}", fmt::join(names, "|"));
}

// Of any file, by number; empty where there is none.
std::string target_of(pid_t process, int fd) {
  std::error_code error;
  return std::filesystem::read_symlink(fmt::format("/proc/{}/fd/{}", process, fd), error);
}

bool is_descriptor(const Field& field) {
  return field.name == "iommufd" || field.name == "fd";
}
bool is_iova(const Field& field) {
  return field.name == "iova" || field.name == "src_iova" || field.name == "dst_iova";
}

}  // namespace

Recorder::Recorder(const MachineOptions& machine, const std::vector<std::string>& command)
    : machine_(machine), command_(command) {}

void Recorder::seen(const SeenCall& call, const Client& client) {
  if (process_ == 0) {
    process_ = call.process;
    memory_.emplace(process_);
    begin(client);
  }
  if (call.process != process_) {
    ++others_[call.process];
    return;
  }
  if (dead_) return;
  close_released();
  follow_time(call);
  follow_state(client);
  if (!call.result && call.call != SYS_ioctl) {
    comment(fmt::format("{}, in which the kernel died", call.name()));
    dead_ = true;
    return;
  }
  if (call.opens) return open(call);
  if (call.kind == FileKind::kAttribute) return write_attribute(call);
  if (find(call.file) == nullptr) {
    return comment(fmt::format("{} on a file that another process opened", call.name()));
  }
  switch (call.call) {
    case SYS_ioctl:
      return ioctl(call, client);
    case SYS_read:
    case SYS_write:
    case SYS_pread64:
    case SYS_pwrite64:
      return move(call);
    case SYS_mmap:
      return map(call);
    default:
      comment(fmt::format("{} on ${}", call.name(), find(call.file)->name));
  }
}

void Recorder::begin(const Client& client) {
  const Credentials credentials = client.credentials();
  first_ = {credentials.uid, memlock_of(process_), credentials.effective};
  now_ = first_;
}

// What a process is allowed can change at any time.
void Recorder::follow_state(const Client& client) {
  const Credentials credentials = client.credentials();
  const ProcessFacts state = {credentials.uid, memlock_of(process_), credentials.effective};
  for (size_t i = 0; i < state.capabilities.size(); ++i) {
    if (state.capabilities[i] == now_.capabilities[i]) continue;
    steps_.push_back(fmt::format("- {}: {}\n", state.capabilities[i] ? "raise_cap" : "drop_cap",
                                 capability_name(static_cast<int>(i))));
  }
  if (state.memlock != now_.memlock) {
    steps_.push_back(fmt::format("- rlimit: {{MEMLOCK: {}}}\n", state.memlock));
  }
  if (state.uid != now_.uid) comment(fmt::format("the process has user {} now", state.uid));
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
    steps_.push_back(fmt::format("- sleep: {}\n", waited.count()));
  }
  timer_ = call.next_timer;
  armed_ = call.now;
}

// The newest first: what was made with the help of another file goes before it.
void Recorder::close_released() {
  for (size_t i = files_.size(); i-- > 0;) {
    if (!files_[i].file.expired()) continue;
    for (const auto& [name, length] : files_[i].mappings) {
      steps_.push_back(fmt::format("- munmap: {{at: ${}, length: {:#x}}}\n", name, length));
    }
    steps_.push_back(fmt::format("- close: ${}\n", files_[i].name));
    files_.erase(files_.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

Recorder::NamedFile* Recorder::find(const FileRef& file) {
  if (!file) return nullptr;
  const auto found = std::ranges::find_if(
      files_, [&](const NamedFile& named) { return named.file.lock() == file; });
  return found == files_.end() ? nullptr : &*found;
}

std::string Recorder::new_name(const std::string& kind) {
  const int number = ++names_[kind];
  return number == 1 ? kind : fmt::format("{}{}", kind, number);
}

std::string Recorder::name_file(const FileRef& file, FileKind kind) {
  files_.push_back({.file = file, .name = new_name(kind_name(kind)), .mappings = {}});
  return files_.back().name;
}

void Recorder::write(const StepText& step) {
  std::string text = step.head;
  if (!step.as.empty()) text += fmt::format("  as: {}\n", step.as);
  if (!step.errno_.empty()) text += fmt::format("  errno: {}\n", step.errno_);
  if (step.returns) text += fmt::format("  returns: {}\n", *step.returns);
  if (!step.expect.empty()) text += fmt::format("  expect: {}\n", map_of(step.expect));
  if (!step.save.empty()) text += fmt::format("  save: {}\n", map_of(step.save));
  steps_.push_back(text);
}

void Recorder::open(const SeenCall& call) {
  const int access = call.open_flags & O_ACCMODE;
  const bool attribute = call.kind == FileKind::kAttribute;
  StepText step;
  if (call.failed()) step.errno_ = errno_name(call.result->error());
  if (attribute) {
    // The step that writes opens by itself.
    if (!call.failed()) return;
    step.head = fmt::format("- write_file: {}\n  text: ''\n", show_text(call.path));
    return write(step);
  }
  step.head = fmt::format("- open: {}\n", show_text(call.path));
  if (access == O_RDONLY) step.head += "  flags: rdonly\n";
  if (access == O_WRONLY) step.head += "  flags: wronly\n";
  if (call.file) step.as = name_file(call.file, call.kind);
  write(step);
}

void Recorder::write_attribute(const SeenCall& call) {
  if (call.call != SYS_write && call.call != SYS_pwrite64) return;
  const std::string text(reinterpret_cast<const char*>(call.before.data()), call.before.size());
  StepText step;
  step.head = fmt::format("- write_file: {}\n  text: {}\n", show_text(call.path), show_text(text));
  if (call.failed()) step.errno_ = errno_name(call.result->error());
  write(step);
}

std::string Recorder::descriptor(int fd, const Client& client) {
  if (fd < 0) return std::to_string(fd);
  const std::string target = target_of(process_, fd);
  if (target.empty()) return std::to_string(kNotOpen);
  if (target == "anon_inode:[eventfd]") {
    if (!eventfds_.contains(fd)) {
      eventfds_[fd] = new_name("event");
      steps_.push_back(fmt::format("- eventfd:\n  as: {}\n", eventfds_[fd]));
    }
    return "$" + eventfds_[fd];
  }
  if (target.starts_with("/memfd:")) return memory_->memfd(fd, steps_);
  const auto file = client.file(fd);
  const NamedFile* named = file ? find(*file) : nullptr;
  return named != nullptr ? "$" + named->name : std::to_string(kNoFileOfOurs);
}

// The first byte after a range belongs to it as well: programs map one after the other.
std::string Recorder::iova(uint64_t value) const {
  for (const uint64_t more : {0, 1}) {
    for (const Renamed& known : iovas_) {
      if (value - known.start >= known.length + more) continue;
      return value == known.start ? "$" + known.name
                                  : fmt::format("${}+{:#x}", known.name, value - known.start);
    }
  }
  return fmt::format("{:#x}", value);
}

std::string Recorder::argument(const SeenCall& call, const Field& field, uint64_t value,
                               const Client& client) {
  const std::string_view command = call.command->name;
  if (&field == call.array && !call.words_before.empty()) {
    // What comes back does not count.
    return fmt::format("{{u64: {}}}", list_of(call.words_before));
  }
  if (is_descriptor(field)) return descriptor(static_cast<int>(value), client);
  if (field.name == "user_va") return memory_->address(value, call.field("length"), steps_);
  if (field.name == "vaddr") return memory_->address(value, call.field("size"), steps_);
  const bool chosen = command == "IOMMU_IOAS_MAP" && (call.field("flags") & 1) == 0;
  if (is_iova(field) && !chosen) return iova(value);
  return value_text(field, value);
}

std::string Recorder::arguments(const SeenCall& call, const Client& client) {
  std::vector<std::string> entries;
  for (const Field& field : call.command->fields) {
    const uint64_t value = load_field(field, call.before);
    const bool size = &field == call.command->fields.data() && call.command->default_size != 0;
    const uint64_t usual = size ? call.command->default_size : 0;
    if (field.name.starts_with("out_")) continue;  // left from another call
    // A descriptor of 0 may be one of ours in a replay, where 0 is open as well.
    if (value == usual && !(is_descriptor(field) && value == 0)) continue;
    entries.push_back(fmt::format("{}: {}", field.name, argument(call, field, value, client)));
  }
  return map_of(entries);
}

// What follows the structure: descriptors, or just bytes.
std::string Recorder::following(const SeenCall& call, const Client& client) {
  const auto rest = std::span(call.before).subspan(call.command->struct_size);
  if (rest.empty()) return "";
  const bool descriptors =
      call.name() == "VFIO_DEVICE_PCI_HOT_RESET" ||
      (call.name() == "VFIO_DEVICE_SET_IRQS" && (call.field("flags") & 4) != 0);
  if (!descriptors || rest.size() % sizeof(int32_t) != 0) {
    return fmt::format("  data: '{}'\n", show_hex(rest));
  }
  std::vector<int32_t> numbers(rest.size() / sizeof(int32_t));
  std::memcpy(numbers.data(), rest.data(), rest.size());
  std::vector<std::string> words;
  words.reserve(numbers.size());
  for (const int32_t number : numbers) words.push_back(descriptor(number, client));
  return fmt::format("  data_s32: [{}]\n", fmt::join(words, ", "));
}

void Recorder::expect_fields(const SeenCall& call, const Client& client, StepText& step) {
  for (const Field& field : call.command->fields) {
    const uint64_t before = load_field(field, call.before);
    const uint64_t value = load_field(field, call.after);
    const bool answer = field.name.starts_with("out_") && !call.failed();
    if ((value == before && !answer) || &field == call.array) continue;
    if (field.name == "out_phys") {
      constexpr uint64_t kInPage = kPageSize - 1;
      // The revisions do not agree on its name.
      const Field* in_out = call.command->find_field("length");
      const Field* length = in_out != nullptr ? in_out : call.command->find_field("out_length");
      physical_.push_back(
          {value, load_field(*length, call.after), fmt::format("pa{}", physical_.size() + 1)});
      step.expect.push_back("out_phys: nonzero");
      step.expect.push_back(fmt::format("out_phys_page_offset: {:#x}", value & kInPage));
      step.save.push_back("out_phys: " + physical_.back().name);
    } else if (field.name == "out_fault_fd") {
      const auto file = client.file(static_cast<int>(value));
      if (file) step.save.push_back("out_fault_fd: " + name_file(*file, FileKind::kFault));
    } else if (field.name == "iova") {
      // The choice looks at how the memory is aligned; one page always is.
      guess_iovas_ = guess_iovas_ || call.field("length") > kPageSize;
      if (!guess_iovas_) {
        step.expect.push_back(fmt::format("iova: {:#x}", value));
        continue;
      }
      iovas_.push_back({value, call.field("length"), fmt::format("iova{}", iovas_.size() + 1)});
      step.save.push_back("iova: " + iovas_.back().name);
    } else {
      step.expect.push_back(fmt::format("{}: {}", field.name, value_text(field, value)));
    }
  }
}

void Recorder::ioctl(const SeenCall& call, const Client& client) {
  const std::string fd = find(call.file)->name;
  if (call.command == nullptr) {
    return comment(fmt::format("ioctl {:#x} on ${}", static_cast<uint32_t>(call.arguments[1]), fd));
  }
  StepText step;
  step.head = fmt::format("- ioctl: {}\n  fd: ${}\n", call.command->name, fd);
  if (call.failed()) step.errno_ = errno_name(call.result->error());
  const bool returned = call.result && !call.failed();
  const bool makes = call.name() == "VFIO_GROUP_GET_DEVICE_FD" ||
                     (call.name() == "VFIO_DEVICE_FEATURE" && returned && **call.result > 0);
  if (!call.result) {
    step.errno_ = "KILLED";
    dead_ = true;
  }
  if (!call.readable) {
    step.head += "  arg: 0\n";
  } else if (call.command->struct_size != 0) {
    step.head += fmt::format("  args: {}\n", arguments(call, client)) + following(call, client);
    if (call.result) expect_fields(call, client, step);
  } else if (makes) {
    step.head += fmt::format("  arg_string: {}\n", show_text(call.text));
  } else {
    step.head += fmt::format("  arg: {}\n", call.arguments[2]);
  }
  if (returned && makes) {
    const auto file = client.file(static_cast<int>(**call.result));
    if (file) {
      const bool device = call.name() == "VFIO_GROUP_GET_DEVICE_FD";
      step.as = name_file(*file, device ? FileKind::kDevice : FileKind::kDmaBuf);
    }
  } else if (returned && **call.result != 0) {
    step.returns = **call.result;
  }
  write(step);
}

// A physical address that the program was told goes to the device as the one of the replay.
std::string Recorder::bytes_or_address(std::span<const std::byte> bytes) {
  uint64_t value = 0;
  if (bytes.size() == sizeof(uint64_t)) {
    std::memcpy(&value, bytes.data(), bytes.size());
    for (const Renamed& known : physical_) {
      if (value - known.start >= known.length) continue;
      return value == known.start ? fmt::format("u64: ${}", known.name)
                                  : fmt::format("u64: ${}+{:#x}", known.name, value - known.start);
    }
  }
  return fmt::format("data: '{}'", show_hex(bytes));
}

void Recorder::move(const SeenCall& call) {
  const std::string fd = find(call.file)->name;
  const bool writes = call.call == SYS_write || call.call == SYS_pwrite64;
  if (call.kind != FileKind::kDevice) {
    return comment(fmt::format("{} on ${}", call.name(), fd));
  }
  const uint64_t length = call.arguments[2];
  const bool whole = !writes || call.before.size() == length;
  if (!whole) return comment(fmt::format("write of {} bytes to ${}", length, fd));
  uint64_t offset = call.arguments[3];
  if (call.call == SYS_read || call.call == SYS_write) {
    const auto moved = static_cast<uint64_t>(call.result->value_or(0));
    offset = call.file->position - moved;
  }
  StepText step;
  step.head =
      writes ? fmt::format("- pwrite: {{fd: ${}, offset: {:#x}, {}}}\n", fd, offset,
                           bytes_or_address(call.before))
             : fmt::format("- pread: {{fd: ${}, offset: {:#x}, length: {}}}\n", fd, offset, length);
  if (call.failed()) {
    step.errno_ = errno_name(call.result->error());
  } else if (static_cast<uint64_t>(**call.result) != length) {
    step.returns = **call.result;
  }
  // The registers of a mapped region may have been written behind our back.
  const bool known = !registers_mapped_ || offset >> 40 == 7;
  if (!writes && !call.failed() && !call.after.empty() && call.after.size() <= kMostExpected &&
      known) {
    step.expect.push_back(fmt::format("data: '{}'", show_hex(call.after)));
  }
  write(step);
}

void Recorder::map(const SeenCall& call) {
  NamedFile& file = *find(call.file);
  if ((call.arguments[3] & MAP_SHARED) == 0) {
    return comment(fmt::format("a private mmap of ${}", file.name));
  }
  StepText step;
  step.head = fmt::format("- mmap: {{fd: ${}, offset: {:#x}, length: {:#x}}}\n", file.name,
                          call.arguments[5], call.arguments[1]);
  if (call.failed()) {
    step.errno_ = errno_name(call.result->error());
  } else {
    step.as = new_name("region");
    file.mappings.emplace_back(step.as, call.arguments[1]);
    if (!registers_mapped_) comment("what the program stores in mapped registers is not recorded");
    registers_mapped_ = true;
  }
  write(step);
}

std::string Recorder::text() const {
  std::string text = recording_head(
      {machine_, command_, process_ == 0 ? std::nullopt : std::optional(first_), others_});
  text += "steps:\n";
  const bool any = std::ranges::any_of(steps_, [](const auto& one) { return one[0] == '-'; });
  if (!any) text += "# The program asked nothing of it.\n- sleep: 0\n";
  for (const std::string& step : steps_) text += step;
  return text;
}

}  // namespace noiommu::scenarios::exec
