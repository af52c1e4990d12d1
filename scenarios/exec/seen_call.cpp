#include "scenarios/exec/seen_call.h"

#include <fmt/format.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <algorithm>
#include <climits>
#include <cstring>
#include <utility>

#include "model/iommufd/context.h"
#include "model/iommufd/fault.h"
#include "model/kernel/dma_buf.h"
#include "model/kernel/kernel.h"
#include "model/vfio/container.h"
#include "model/vfio/device_file.h"
#include "uapi/vfio.h"

namespace noiommu::scenarios::exec {

namespace {

// No structure is longer with what follows it; of longer ones only the start is looked at.
constexpr uint64_t kMostFollowing = kPageSize;
constexpr uint64_t kMostMoved = kPageSize;
constexpr uint64_t kMostWords = 512;

FileKind kind_of(const File* file, std::string_view path) {
  if (dynamic_cast<const iommufd::Context*>(file) != nullptr) return FileKind::kIommufd;
  if (dynamic_cast<const iommufd::FaultFile*>(file) != nullptr) return FileKind::kFault;
  if (dynamic_cast<const DmaBuf*>(file) != nullptr) return FileKind::kDmaBuf;
  if (dynamic_cast<const vfio::DeviceFile*>(file) != nullptr) return FileKind::kDevice;
  if (dynamic_cast<const vfio::Container*>(file) != nullptr) return FileKind::kContainer;
  // A group, or the node that could not be opened.
  if (path == "/dev/iommu") return FileKind::kIommufd;
  if (path == "/dev/vfio/vfio") return FileKind::kContainer;
  if (path.starts_with("/dev/vfio/devices/")) return FileKind::kDevice;
  if (path.starts_with("/dev/vfio/")) return FileKind::kGroup;
  return FileKind::kAttribute;
}

// A number means one thing on one kind of file, and GET_PA has had two names.
const IoctlCommand* find_command(FileKind kind, uint32_t number, design::GetPa get_pa) {
  const IoctlCommand* any = nullptr;
  const std::string_view other_get_pa =
      get_pa == design::GetPa::kLengthOut ? "IOMMU_IOAS_NOIOMMU_GET_PA" : "IOMMU_IOAS_GET_PA";
  for (const auto commands : {iommufd_commands(), vfio_commands()}) {
    for (const IoctlCommand& command : commands) {
      if (command.number != number || command.name == other_get_pa) continue;
      if (suits(kind, command.name)) return &command;
      any = &command;
    }
  }
  return any;
}

struct Array {
  const Field* pointer = nullptr;
  uint64_t words = 0;
};

Array array_of(const SeenCall& call) {
  const IoctlCommand& command = *call.command;
  if (const Field* ranges = command.find_field("allowed_iovas")) {
    return {ranges, 2 * call.field("num_iovas")};
  }
  if (const Field* data = command.find_field("data_uptr")) {
    return {data, (call.field("data_len") + 7) / 8};
  }
  const Field* token = command.find_field("token_uuid_ptr");
  if (token != nullptr && (call.field("flags") & 1) != 0) return {token, 2};
  return {};
}

std::vector<uint64_t> read_words(UserMemory& memory, const SeenCall& call) {
  const Array array = array_of(call);
  std::vector<uint64_t> words(std::min(array.words, kMostWords));
  const auto bytes = std::as_writable_bytes(std::span(words));
  if (words.empty() || !memory.read({call.field(array.pointer->name)}, bytes)) words.clear();
  return words;
}

// What the program filled in. A structure that says it is shorter than ours is.
void read_structure(UserMemory& memory, SeenCall& call) {
  const IoctlCommand& command = *call.command;
  const UserPtr at{call.arguments[2]};
  call.before.resize(command.struct_size);
  uint32_t declared = 0;
  if (command.default_size != 0) {
    call.readable = read_user(memory, at, declared).has_value();
    if (!call.readable) return;
  }
  constexpr uint32_t kPlausible = 8;
  const bool shorter = declared >= kPlausible && declared < command.struct_size;
  const auto whole = std::span(call.before).first(shorter ? declared : command.struct_size);
  call.readable = memory.read(at, whole).has_value();
  if (!call.readable) return;
  if (declared > command.struct_size) {
    std::vector<std::byte> following(
        std::min<uint64_t>(declared - command.struct_size, kMostFollowing));
    if (memory.read(at + command.struct_size, following)) {
      call.before.insert(call.before.end(), following.begin(), following.end());
    }
  }
  call.array = array_of(call).pointer;
  call.words_before = read_words(memory, call);
}

std::string read_text(UserMemory& memory, UserPtr at) {
  std::string text;
  char c = 0;
  while (text.size() < kPageSize && read_user(memory, at + text.size(), c) && c != 0) text += c;
  return text;
}

// Where a read or write moves bytes from or to, in its order.
std::vector<Buffer> buffers_of(UserMemory& memory, const SeenCall& call) {
  const auto& [descriptor, address, count, more1, more2, more3] = call.arguments;
  switch (call.call) {
    case SYS_read:
    case SYS_write:
    case SYS_pread64:
    case SYS_pwrite64:
      return {{address, count}};
    default:
      break;
  }
  static_assert(sizeof(Buffer) == sizeof(iovec));
  std::vector<Buffer> buffers(count <= IOV_MAX ? count : 0);
  const auto bytes = std::as_writable_bytes(std::span(buffers));
  if (!bytes.empty() && !memory.read({address}, bytes)) buffers.clear();
  return buffers;
}

// As much of the first `length` bytes as is looked at; nothing where some of them are not there.
std::vector<std::byte> gather(UserMemory& memory, const std::vector<Buffer>& buffers,
                              uint64_t length) {
  std::vector<std::byte> bytes(std::min(length, kMostMoved));
  auto rest = std::span(bytes);
  for (const Buffer& buffer : buffers) {
    const auto part = rest.first(std::min<uint64_t>(rest.size(), buffer.length));
    if (!part.empty() && !memory.read({buffer.address}, part)) return {};
    rest = rest.subspan(part.size());
  }
  return bytes;
}

void read_arguments(Client& client, SeenCall& call) {
  UserMemory& memory = client.memory();
  if (call.call == SYS_ioctl) {
    const auto number = static_cast<uint32_t>(call.arguments[1]);
    call.command = find_command(call.kind, number, client.kernel().design().get_pa);
    if (call.command == nullptr) return;
    if (call.command->struct_size != 0) read_structure(memory, call);
    if (call.command->name == "VFIO_GROUP_GET_DEVICE_FD") {
      char first = 0;
      call.readable = read_user(memory, {call.arguments[2]}, first).has_value();
      call.text = read_text(memory, {call.arguments[2]});
    }
  } else if (call.reads() || call.writes()) {
    call.buffers = buffers_of(memory, call);
    if (call.writes()) call.before = gather(memory, call.buffers, call.length());
  }
}

void read_answer(const Client& client, SeenCall& call) {
  UserMemory& memory = client.memory();
  if (call.command != nullptr && call.readable) {
    call.after = call.before;
    const bool cut = call.command->default_size != 0 &&
                     load_field(call.command->fields[0], call.before) < call.before.size();
    const auto size = cut ? load_field(call.command->fields[0], call.before) : call.before.size();
    if (!memory.read({call.arguments[2]}, std::span(call.after).first(size))) {
      call.after = call.before;
    }
    if (!call.words_before.empty()) call.words_after = read_words(memory, call);
  } else if (call.reads() && call.result && *call.result) {
    call.after = gather(memory, call.buffers, static_cast<uint64_t>(**call.result));
  }
}

SeenCall begin(const Client& client, const Trap& trap) {
  SeenCall call;
  call.process = client.pid();
  call.call = trap.call;
  call.arguments = trap.arguments;
  return call;
}

std::string call_name(int call) {
  static constexpr std::array<std::pair<int, const char*>, 17> kNames = {{
      {SYS_read, "read"},
      {SYS_readv, "readv"},
      {SYS_pread64, "pread"},
      {SYS_preadv, "preadv"},
      {SYS_preadv2, "preadv2"},
      {SYS_write, "write"},
      {SYS_writev, "writev"},
      {SYS_pwrite64, "pwrite"},
      {SYS_pwritev, "pwritev"},
      {SYS_pwritev2, "pwritev2"},
      {SYS_mmap, "mmap"},
      {SYS_lseek, "lseek"},
      {SYS_ftruncate, "ftruncate"},
      {SYS_fallocate, "fallocate"},
      {SYS_sendfile, "sendfile"},
      {SYS_splice, "splice"},
      {SYS_copy_file_range, "copy_file_range"},
  }};
  const auto known = std::ranges::find(kNames, call, &std::pair<int, const char*>::first);
  return known == kNames.end() ? fmt::format("system call {}", call) : known->second;
}

}  // namespace

bool suits(FileKind kind, std::string_view name) {
  const bool device = name.starts_with("VFIO_DEVICE_");
  const bool group = name.starts_with("VFIO_GROUP_");
  switch (kind) {
    case FileKind::kIommufd:
      return !device && !group;
    case FileKind::kContainer:
      return !device && !group && !name.starts_with("IOMMU_");
    case FileKind::kGroup:
      return group;
    case FileKind::kDevice:
      return device;
    default:
      return false;
  }
}

bool SeenCall::reads() const {
  switch (call) {
    case SYS_read:
    case SYS_readv:
    case SYS_pread64:
    case SYS_preadv:
    case SYS_preadv2:
      return !opens;
    default:
      return false;
  }
}

bool SeenCall::writes() const {
  switch (call) {
    case SYS_write:
    case SYS_writev:
    case SYS_pwrite64:
    case SYS_pwritev:
    case SYS_pwritev2:
      return !opens;
    default:
      return false;
  }
}

bool SeenCall::positioned() const {
  switch (call) {
    case SYS_pread64:
    case SYS_preadv:
    case SYS_pwrite64:
    case SYS_pwritev:
      return true;
    case SYS_preadv2:
    case SYS_pwritev2:
      return arguments[3] != UINT64_MAX;
    default:
      return false;
  }
}

uint64_t SeenCall::length() const {
  uint64_t sum = 0;
  for (const Buffer& buffer : buffers) sum += buffer.length;
  return sum;
}

bool SeenCall::takes_argument() const {
  return command == nullptr ||
         (command->number != VFIO_GET_API_VERSION && command->number != VFIO_DEVICE_RESET &&
          command->number != VFIO_GROUP_UNSET_CONTAINER);
}

uint64_t SeenCall::field(std::string_view name) const {
  if (command == nullptr || before.size() < command->struct_size) return 0;
  const Field* found = command->find_field(name);
  return found == nullptr ? 0 : load_field(*found, before);
}

std::string SeenCall::name() const {
  if (opens) return "open";
  if (call != SYS_ioctl) return call_name(call);
  return command != nullptr ? std::string(command->name)
                            : fmt::format("ioctl {:#x}", static_cast<uint32_t>(arguments[1]));
}

// What is closed must not take memory for long: a weak_ptr keeps the place of its object.
void CallReader::remember(const FileRef& file, const std::string& path) {
  constexpr size_t kFew = 64;
  if (opened_.size() > std::max(kFew, 2 * open_)) {
    std::erase_if(opened_, [](const auto& one) { return one.second.file.expired(); });
    open_ = opened_.size();
  }
  opened_[file.get()] = {file, path};
}

std::string CallReader::path_of(const FileRef& file) const {
  const auto found = opened_.find(file.get());
  const bool same = found != opened_.end() && found->second.file.lock() == file;
  return same ? found->second.path : "";
}

std::optional<Following> following_descriptors(const SeenCall& call,
                                               std::span<const std::byte> bytes) {
  constexpr uint64_t kWakeUp =
      VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP;
  const auto rest = bytes.subspan(call.command->struct_size);
  if (rest.empty() || rest.size() % sizeof(int32_t) != 0) return std::nullopt;
  Following following;
  following.words.resize(rest.size() / sizeof(int32_t));
  std::memcpy(following.words.data(), rest.data(), rest.size());
  const std::string_view name = call.command->name;
  if (name == "VFIO_DEVICE_PCI_HOT_RESET" ||
      (name == "VFIO_DEVICE_SET_IRQS" && (call.field("flags") & VFIO_IRQ_SET_DATA_EVENTFD) != 0)) {
    following.descriptors = following.words.size();
  } else if (name == "VFIO_DEVICE_FEATURE" && call.field("flags") == kWakeUp) {
    following.descriptors = 1;
  } else {
    return std::nullopt;
  }
  return following;
}

void CallReader::before(Client& client, const Trap& trap, const FileRef& file) {
  SeenCall call = begin(client, trap);
  call.descriptor = descriptor_of(trap);
  call.file = file;
  {
    const std::lock_guard lock(mutex_);
    call.path = path_of(file);
  }
  call.kind = kind_of(file.get(), call.path);
  const auto* device = dynamic_cast<const vfio::DeviceFile*>(file.get());
  call.unbound = device != nullptr && !call.path.empty() && !device->bound();
  read_arguments(client, call);
  call.file.reset();  // it would stay open after a call that never returns
  const std::lock_guard lock(mutex_);
  under_way_[trap.id] = {std::move(call), file};
}

void CallReader::after(const Answered& answered) {
  const Clock& clock = answered.client.kernel().clock();
  const auto now = clock.now();
  const auto next_timer = clock.next();
  SeenCall call;
  const std::lock_guard lock(mutex_);
  const auto begun = under_way_.find(answered.trap.id);
  if (begun != under_way_.end()) {
    call = std::move(begun->second.call);
    call.file = answered.file;
    under_way_.erase(begun);
  } else {
    call = begin(answered.client, answered.trap);
    call.opens = true;
    call.named = answered.text;
    call.open_flags = answered.flags;
    call.file = answered.file;
    call.path = answered.path;
    call.kind = kind_of(call.file.get(), call.path);
    if (call.file) remember(call.file, call.path);
  }
  call.result = answered.result;
  read_answer(answered.client, call);
  if (!answered.result) call.caller = answered.client.credentials();
  call.now = now;
  call.next_timer = next_timer;
  tell(call, answered.client);
}

void CallReader::tell(const SeenCall& call, const Client& client) {
  for (CallWatcher* watcher : watchers_) watcher->seen(call, client);
}

void CallReader::lost(Client& client, const Trap& trap) {
  const std::lock_guard lock(mutex_);
  const auto found = under_way_.find(trap.id);
  if (found == under_way_.end()) return;
  Begun begun = std::move(found->second);
  under_way_.erase(found);
  begun.call.file = begun.file.lock();
  tell(begun.call, client);
}

void CallReader::exiting(Client& client) {
  const std::lock_guard lock(mutex_);
  for (CallWatcher* watcher : watchers_) watcher->exiting(client);
}

}  // namespace noiommu::scenarios::exec
