#include "scenarios/exec/supervisor.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <algorithm>
#include <fstream>
#include <thread>
#include <utility>
#include <vector>

#include "scenarios/exec/pagemap.h"
#include "scenarios/exec/remote_memory.h"

namespace noiommu::scenarios::exec {

namespace {

using Answer = std::optional<Result<int64_t>>;

const Answer kNatively = std::nullopt;

// The path and flags of a call that opens.
struct Opening {
  int folder = AT_FDCWD;
  UserPtr path;
  uint64_t flags = 0;
};

Opening opening_of(const Trap& trap) {
  const auto& arguments = trap.arguments;
  switch (trap.call) {
#ifdef SYS_open
    case SYS_open:
      return {AT_FDCWD, {arguments[0]}, arguments[1]};
    case SYS_creat:
      return {AT_FDCWD, {arguments[0]}, O_CREAT | O_WRONLY | O_TRUNC};
#endif
    case SYS_openat2: {
      open_how how{};
      static_cast<void>(
          read_remote(trap.thread, {arguments[2]}, std::as_writable_bytes(std::span(&how, 1))));
      return {static_cast<int>(arguments[0]), {arguments[1]}, how.flags};
    }
    default:
      return {static_cast<int>(arguments[0]), {arguments[1]}, arguments[2]};
  }
}

pid_t process_of(pid_t thread) {
  std::ifstream status(fmt::format("/proc/{}/status", thread));
  constexpr std::string_view kKey = "Tgid:";
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(kKey)) return std::stoi(line.substr(kKey.size()));
  }
  return thread;
}

// Whether a program asks where its own memory lies.
bool is_own_pagemap(const Trap& trap, const std::string& path) {
  if (!path.starts_with("/proc/") || !path.ends_with("/pagemap")) return false;
  return path == "/proc/self/pagemap" || path == "/proc/thread-self/pagemap" ||
         path == fmt::format("/proc/{}/pagemap", process_of(trap.thread));
}

// The path from where we stand, or nothing for one that leads to a descriptor.
std::string path_for_us(const Trap& trap, int folder, const std::string& path) {
  if (path.empty() || path.starts_with("/proc/")) return {};
  if (path.starts_with('/')) return path;
  if (folder == AT_FDCWD) return fmt::format("/proc/{}/cwd/{}", trap.thread, path);
  return fmt::format("/proc/{}/fd/{}/{}", trap.thread, folder, path);
}

Result<int64_t> widen(const Result<uint64_t>& done) {
  return done ? Result<int64_t>(static_cast<int64_t>(*done)) : Err(done.error());
}

// A call on several buffers does them one after the other, up to the first that is not filled.
template <class One>
Result<int64_t> each_buffer(pid_t thread, UserPtr list, uint64_t count, const One& one) {
  if (count > IOV_MAX) return Err(EINVAL);
  std::vector<iovec> buffers(count);
  const auto bytes = std::as_writable_bytes(std::span(buffers));
  if (!bytes.empty() && !read_remote(thread, list, bytes)) return Err(EFAULT);
  int64_t moved = 0;
  for (const iovec& buffer : buffers) {
    const Result<uint64_t> part =
        one(UserPtr{reinterpret_cast<uint64_t>(buffer.iov_base)}, buffer.iov_len, moved);
    if (!part) return moved > 0 ? Result<int64_t>(moved) : Err(part.error());
    moved += static_cast<int64_t>(*part);
    if (*part < buffer.iov_len) break;
  }
  return moved;
}

// A call on a descriptor of ours. Nothing where the kernel goes on by itself after the model's
// check.
Answer call_on(Client& client, const Trap& trap) {
  const auto& [first, second, third, fourth, fifth, sixth] = trap.arguments;
  const int fd = static_cast<int>(first);
  const uint64_t length = third;
  const uint64_t offset = fourth;
  switch (trap.call) {
    case SYS_ioctl:
      return client.ioctl(fd, static_cast<uint32_t>(second), third);
    case SYS_read:
      return widen(client.read(fd, {second}, length));
    case SYS_write:
      return widen(client.write(fd, {second}, length));
    case SYS_pread64:
      return widen(client.pread(fd, {second}, length, offset));
    case SYS_pwrite64:
      return widen(client.pwrite(fd, {second}, length, offset));
    case SYS_readv:
      return each_buffer(trap.thread, {second}, third, [&](UserPtr at, uint64_t bytes, int64_t) {
        return client.read(fd, at, bytes);
      });
    case SYS_writev:
      return each_buffer(trap.thread, {second}, third, [&](UserPtr at, uint64_t bytes, int64_t) {
        return client.write(fd, at, bytes);
      });
    case SYS_preadv:
    case SYS_preadv2:
      return each_buffer(trap.thread, {second}, third,
                         [&, from = offset](UserPtr at, uint64_t bytes, int64_t done) {
                           return client.pread(fd, at, bytes, from + static_cast<uint64_t>(done));
                         });
    case SYS_pwritev:
    case SYS_pwritev2:
      return each_buffer(trap.thread, {second}, third,
                         [&, from = offset](UserPtr at, uint64_t bytes, int64_t done) {
                           return client.pwrite(fd, at, bytes, from + static_cast<uint64_t>(done));
                         });
    case SYS_lseek:
      return widen(client.lseek(fd, static_cast<int64_t>(second), static_cast<int>(third)));
    case SYS_ftruncate:
      return Err(EINVAL);
    case SYS_fallocate:
      return Err(ENODEV);
    case SYS_mmap: {
      const MapRequest request{.length = second,
                               .prot = static_cast<int>(third),
                               .flags = static_cast<int>(fourth),
                               .offset = sixth};
      auto mapped = client.mmap(request, static_cast<int>(fifth));
      return mapped ? kNatively : Answer(Err(mapped.error()));
    }
    default:
      return kNatively;
  }
}

// Whether another worker has taken over from this thread.
thread_local bool replaced = false;

int descriptor_of(const Trap& trap) {
  return static_cast<int>(trap.arguments[trap.call == SYS_mmap ? 4 : 0]);
}

}  // namespace

Supervisor::Supervisor(const Parts& parts)
    : parts_(parts),
      world_{parts.machine.kernel(), parts.pages,      parts.descriptors,
             parts.listener,         parts.filesystem, parts.first_descriptor},
      wake_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  struct sigaction interrupt {};
  interrupt.sa_handler = [](int) {};
  sigaction(SIGUSR1, &interrupt, nullptr);  // so that a worker's wait can end
  world_.kernel.set_before_blocking([this] {
    replaced = true;
    start_worker();
  });
}

Supervisor::~Supervisor() {
  close(wake_);
}

void Supervisor::start_worker() {
  const std::lock_guard lock(mutex_);
  ++running_;
  workers_.emplace_back([this] {
    work();
    --running_;
  });
}

// One worker at a time: every thread that waits for calls would be woken by each of them. A call
// that goes to sleep leaves the others to another worker.
void Supervisor::work() {
  replaced = false;
  while (!replaced) {
    const auto trap = parts_.listener.receive();
    if (!trap) return;
    handle(*trap);
  }
}

void Supervisor::handle(const Trap& trap) {
  try {
    if (const Answer answered = answer(trap)) {
      parts_.listener.answer(trap, *answered);
    } else {
      parts_.listener.let_through(trap);
    }
  } catch (const KernelOops&) {
    // The kernel kills whoever was there; the call never returns.
    if (parts_.observer != nullptr) parts_.observer->lost(*client_of(trap.thread), trap);
    kill(process_of(trap.thread), SIGKILL);
  }
}

Answer Supervisor::answer(const Trap& trap) {
  if (trap.call == SYS_exit_group && parts_.observer != nullptr) {
    parts_.descriptors.release_closed();
    if (const auto client = known_client(trap.thread)) parts_.observer->exiting(*client);
  }
  switch (trap.call) {
#ifdef SYS_open
    case SYS_open:
    case SYS_creat:
#endif
    case SYS_openat:
    case SYS_openat2:
      return answer_open(trap);
    case SYS_munmap:
    case SYS_mremap:
    case SYS_madvise:
    case SYS_brk:
    case SYS_execve:
    case SYS_execveat:
    case SYS_exit_group:
      take_pages(trap);
      return kNatively;
    case SYS_mmap:
      if ((trap.arguments[3] & MAP_FIXED) != 0) take_pages(trap);
      if ((trap.arguments[3] & MAP_ANONYMOUS) != 0) return kNatively;
      return answer_descriptor(trap);
    default:
      return answer_descriptor(trap);
  }
}

Answer Supervisor::answer_open(const Trap& trap) {
  const Opening opening = opening_of(trap);
  const auto text = read_remote_text(trap.thread, opening.path);
  if (!text) return kNatively;
  if (is_own_pagemap(trap, *text)) return answer_pagemap(trap, static_cast<int>(opening.flags));
  const std::string path = path_for_us(trap, opening.folder, *text);
  struct stat about {};
  const bool follow = (opening.flags & O_NOFOLLOW) == 0;
  if (path.empty() || (follow ? stat(path.c_str(), &about) : lstat(path.c_str(), &about)) != 0 ||
      about.st_dev != parts_.filesystem) {
    return kNatively;
  }
  const auto node = parts_.nodes.find(about.st_ino);
  constexpr uint64_t kMustBeNew = O_CREAT | O_EXCL;
  if (!node || (opening.flags & kMustBeNew) == kMustBeNew) return kNatively;
  if ((opening.flags & (O_PATH | O_DIRECTORY)) != 0) return kNatively;

  parts_.descriptors.release_closed();
  advance_clock();
  const auto client = client_of(trap.thread);
  const auto flags = static_cast<int>(opening.flags);
  const Client::Call call(trap, (flags & O_CLOEXEC) != 0);
  if (!node->device && (flags & O_ACCMODE) == O_RDONLY) {
    // Whoever may read it reads the file itself.
    auto file = world_.kernel.nodes().open(*client, node->path, flags);
    if (!file) return Err(file.error());
    parts_.nodes.refresh(node->path);
    return kNatively;
  }
  auto opened = client->open(node->path, flags);
  const auto result = opened ? Result<int64_t>(*opened) : Err(opened.error());
  if (parts_.observer != nullptr) {
    const FileRef file = opened ? modelled_file(world_, trap.thread, *opened) : nullptr;
    parts_.observer->after({*client, trap, file, node->path, result});
  }
  return result;
}

Answer Supervisor::answer_pagemap(const Trap& trap, int flags) {
  const auto client = client_of(trap.thread);
  const Client::Call call(trap, (flags & O_CLOEXEC) != 0);
  auto file = std::make_shared<Pagemap>(client->pid(), client->shared_memory());
  file->open_flags = flags;
  auto opened = client->install(std::move(file));
  return opened ? Result<int64_t>(*opened) : Err(opened.error());
}

Answer Supervisor::answer_descriptor(const Trap& trap) {
  if (parts_.descriptors.open_files() == 0) return kNatively;
  parts_.descriptors.release_closed();
  const int fd = descriptor_of(trap);
  const FileRef file = modelled_file(world_, trap.thread, fd);
  if (!file) return kNatively;
  advance_clock();
  const auto client = client_of(trap.thread);
  const Client::Call call(trap, true, fd, file);
  if (parts_.observer != nullptr) parts_.observer->before(*client, trap, file);
  const Answer answered = call_on(*client, trap);
  if (parts_.observer != nullptr) {
    parts_.observer->after({*client, trap, file, {}, answered.value_or(0)});
  }
  parts_.nodes.update();
  const uint64_t one = 1;
  const bool mapping = trap.call == SYS_mmap;
  if (mapping || world_.kernel.clock().next()) static_cast<void>(write(wake_, &one, sizeof(one)));
  return answered;
}

// Pinned pages outlive what the program does with its memory.
void Supervisor::take_pages(const Trap& trap) {
  // A program that executes another one has another memory from then on, whatever it has pinned.
  const bool leaves =
      trap.call == SYS_execve || trap.call == SYS_execveat || trap.call == SYS_exit_group;
  if (parts_.pages.empty() && !leaves) return;
  const auto client = known_client(trap.thread);
  if (!client) return;
  const auto& arguments = trap.arguments;
  RemoteMemory& memory = client->remote();
  switch (trap.call) {
    case SYS_brk:
      memory.cut_heap({arguments[0]});
      return;
    case SYS_execve:
    case SYS_execveat:
    case SYS_exit_group: {
      memory.exit();
      const std::lock_guard lock(mutex_);
      clients_[client->pid()].leaving = true;
      return;
    }
    default:
      static_cast<void>(memory.unmap({arguments[0]}, arguments[1]));
  }
}

std::shared_ptr<Client> Supervisor::known_client(pid_t thread) {
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find_if(clients_, [&](const auto& one) {
    return one.first == thread || one.second.client->has(thread);
  });
  return found == clients_.end() ? nullptr : found->second.client;
}

std::shared_ptr<Client> Supervisor::client_of(pid_t thread) {
  std::shared_ptr<Client> client = known_client(thread);
  const pid_t process = client ? client->pid() : process_of(thread);
  const std::lock_guard lock(mutex_);
  Known& known = clients_[process];
  // A program that has executed another one has another memory.
  if (known.leaving && known.client->remote().gone()) known = {};
  known.leaving = false;
  if (!known.client) {
    known.client = std::make_shared<Client>(world_, process);
    known.alive = OwnedFd(static_cast<int>(syscall(SYS_pidfd_open, process, 0)));
    const uint64_t one = 1;
    static_cast<void>(write(wake_, &one, sizeof(one)));
  }
  return known.client;
}

void Supervisor::forget_dead_clients() {
  std::vector<Known> dead;  // released without the lock
  const std::lock_guard lock(mutex_);
  for (auto one = clients_.begin(); one != clients_.end();) {
    pollfd alive{.fd = one->second.alive.get(), .events = POLLIN, .revents = 0};
    if (poll(&alive, 1, 0) == 1) {
      dead.push_back(std::move(one->second));
      one = clients_.erase(one);
    } else {
      ++one;
    }
  }
}

void Supervisor::advance_clock() {
  const std::lock_guard lock(clock_mutex_);
  noiommu::Clock& clock = world_.kernel.clock();
  const auto passed = std::chrono::duration_cast<noiommu::Clock::Time>(Clock::now() - start_);
  if (passed > clock.now()) clock.advance(passed - clock.now());
}

void Supervisor::run(int over, int signals, const std::function<void(int signal)>& pass_on) {
  start_worker();
  bool mirrors = false;
  while (true) {
    std::vector<pollfd> wait = {{over, POLLIN, 0},
                                {signals, POLLIN, 0},
                                {parts_.descriptors.events_fd(), POLLIN, 0},
                                {wake_, POLLIN, 0}};
    {
      const std::lock_guard lock(mutex_);
      for (const auto& [process, known] : clients_) wait.push_back({known.alive.get(), POLLIN, 0});
    }
    timespec limit{0, 50'000};
    const timespec* until = mirrors ? &limit : nullptr;
    if (const auto next = world_.kernel.clock().next(); next && !mirrors) {
      const auto left = std::max(*next - (Clock::now() - start_), noiommu::Clock::Time(0));
      limit = {left.count() / 1'000'000'000, left.count() % 1'000'000'000};
      until = &limit;
    }
    ppoll(wait.data(), wait.size(), until, nullptr);
    if (wait[0].revents != 0) break;
    signalfd_siginfo signal{};
    if (wait[1].revents != 0 && read(signals, &signal, sizeof(signal)) == sizeof(signal)) {
      pass_on(static_cast<int>(signal.ssi_signo));
    }
    uint64_t count = 0;
    if (wait[3].revents != 0) static_cast<void>(read(wake_, &count, sizeof(count)));
    parts_.descriptors.release_closed();
    advance_clock();
    mirrors = parts_.descriptors.update_mirrors();
    forget_dead_clients();
  }
}

void Supervisor::stop() {
  parts_.descriptors.release_all();  // whoever waits for that goes on
  {
    std::map<pid_t, Known> gone;
    const std::lock_guard lock(mutex_);
    gone.swap(clients_);
  }
  parts_.listener.stop();
  while (running_ > 0) {
    {
      const std::lock_guard lock(mutex_);
      for (std::jthread& worker : workers_) pthread_kill(worker.native_handle(), SIGUSR1);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

}  // namespace noiommu::scenarios::exec
