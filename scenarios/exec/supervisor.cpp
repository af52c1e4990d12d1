#include "scenarios/exec/supervisor.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <algorithm>
#include <fstream>
#include <thread>
#include <utility>
#include <vector>

#include "scenarios/exec/opening.h"
#include "scenarios/exec/pagemap.h"
#include "scenarios/exec/remote_memory.h"

namespace noiommu::scenarios::exec {

namespace {

const Answer kNatively = std::nullopt;

bool is_duplicate(const Trap& trap) {
  return trap.call == SYS_dup || trap.call == SYS_fcntl;
}

// Of the descriptor that a call makes.
bool closes_on_exec(const Trap& trap) {
  return !is_duplicate(trap) || (trap.call == SYS_fcntl && trap.arguments[1] == F_DUPFD_CLOEXEC);
}

// Calls that move bytes from one file to another.
std::optional<int> other_descriptor_of(const Trap& trap) {
  if (trap.call == SYS_sendfile) return static_cast<int>(trap.arguments[1]);
  if (trap.call == SYS_splice || trap.call == SYS_copy_file_range) {
    return static_cast<int>(trap.arguments[2]);
  }
  return std::nullopt;
}

// Whether there is a program to execute.
bool can_execute(const Trap& trap) {
  const auto& arguments = trap.arguments;
  const bool at = trap.call == SYS_execveat;
  const auto path = read_remote_text(trap.thread, {arguments[at ? 1 : 0]});
  if (!path) return false;
  if (path->empty()) return at && (arguments[4] & AT_EMPTY_PATH) != 0;
  const auto about = target_of(trap, {.folder = at ? static_cast<int>(arguments[0]) : AT_FDCWD,
                                      .path = *path,
                                      .flags = 0,
                                      .resolve = 0});
  return about && S_ISREG(about->st_mode) && (about->st_mode & 0111) != 0;
}

// Whether it is the program's first process, after which none is left to see anything.
bool is_first_process(pid_t process) {
  pid_t guardian = 0;
  pid_t first = 0;
  std::ifstream(fmt::format("/proc/self/task/{}/children", getpid())) >> guardian;
  std::ifstream(fmt::format("/proc/{0}/task/{0}/children", guardian)) >> first;
  return first == process;
}

// Whether mmap takes its arguments: its kind, offset and file.
bool can_map(const Trap& trap) {
  const auto& [at, length, protection, flags, fd, offset] = trap.arguments;
  const auto kind = flags & MAP_TYPE;
  if (kind != MAP_PRIVATE && kind != MAP_SHARED && kind != MAP_SHARED_VALIDATE) return false;
  if ((flags & MAP_FIXED_NOREPLACE) != 0 || offset % kPageSize != 0) return false;
  if ((flags & MAP_ANONYMOUS) != 0) return true;
  struct stat link {};  // its mode is that of the descriptor
  const std::string path = fmt::format("/proc/{}/fd/{}", trap.thread, static_cast<int>(fd));
  if (lstat(path.c_str(), &link) != 0 || (link.st_mode & S_IRUSR) == 0) return false;
  return kind == MAP_PRIVATE || (protection & PROT_WRITE) == 0 || (link.st_mode & S_IWUSR) != 0;
}

// Whether another worker has taken over from this thread.
thread_local bool replaced = false;

}  // namespace

int descriptor_of(const Trap& trap) {
  return static_cast<int>(trap.arguments[trap.call == SYS_mmap ? 4 : 0]);
}

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
    case SYS_execve:
    case SYS_execveat:
    case SYS_exit_group:
      take_pages(trap);
      return kNatively;
    case SYS_mmap: {
      const bool anonymous = (trap.arguments[3] & MAP_ANONYMOUS) != 0;
      Answer answered = anonymous ? kNatively : answer_descriptor(trap);
      if (!answered && (trap.arguments[3] & MAP_FIXED) != 0) take_pages(trap);
      return answered;
    }
    default:
      return answer_descriptor(trap);
  }
}

Answer Supervisor::answer_open(const Trap& trap) {
  const auto opening = opening_of(trap);
  if (!opening) return kNatively;
  if (is_own_pagemap(trap, *opening)) {
    return answer_pagemap(trap, static_cast<int>(opening->flags));
  }
  const auto about = target_of(trap, *opening);
  if (!about) return answer_absent(trap, *opening);
  if (about->st_dev != parts_.filesystem) return kNatively;
  const auto node = parts_.nodes.find(about->st_ino);
  constexpr uint64_t kMustBeNew = O_CREAT | O_EXCL;
  if (!node || (opening->flags & kMustBeNew) == kMustBeNew) return kNatively;
  if ((opening->flags & (O_PATH | O_DIRECTORY)) != 0) return kNatively;

  parts_.descriptors.release_closed();
  advance_clock();
  const auto client = client_of(trap.thread);
  const auto flags = static_cast<int>(opening->flags);
  const Client::Call call(trap, (flags & O_CLOEXEC) != 0);
  if (!node->answered && (flags & O_ACCMODE) == O_RDONLY) {
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
    parts_.observer->after({*client, trap, file, node->path, result, opening->path, flags});
  }
  return result;
}

// sysfs makes no files.
Answer Supervisor::answer_absent(const Trap& trap, const Opening& opening) const {
  return would_be_new_in_sysfs(trap, opening) ? Answer(Err(EACCES)) : kNatively;
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
  int fd = descriptor_of(trap);
  FileRef file = modelled_file(world_, trap.thread, fd);
  if (const auto other = other_descriptor_of(trap); !file && other) {
    fd = *other;
    file = modelled_file(world_, trap.thread, fd);
  }
  if (!file) return kNatively;
  advance_clock();
  const auto client = client_of(trap.thread);
  const Client::Call call(trap, closes_on_exec(trap), fd, file);
  Observer* const observer = is_duplicate(trap) ? nullptr : parts_.observer;
  if (observer != nullptr) observer->before(*client, trap, file);
  const Answer answered = call_on_file(*client, trap);
  if (observer != nullptr) {
    observer->after({*client, trap, file, {}, answered.value_or(0)});
  }
  parts_.nodes.update();
  const uint64_t one = 1;
  const bool mapping = trap.call == SYS_mmap;
  if (mapping || world_.kernel.clock().next()) static_cast<void>(write(wake_, &one, sizeof(one)));
  return answered;
}

// Pinned pages outlive what the program does with its memory. A call that will fail does nothing.
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
    case SYS_execve:
    case SYS_execveat:
      if (!can_execute(trap)) return;
      [[fallthrough]];
    case SYS_exit_group: {
      const bool unseen = trap.call == SYS_exit_group && is_first_process(client->pid());
      if (!unseen) memory.exit();
      const std::lock_guard lock(mutex_);
      clients_[client->pid()].leaving = true;
      return;
    }
    case SYS_mremap:
      memory.remap({arguments[0]}, arguments[1], arguments[2], static_cast<int>(arguments[3]),
                   {arguments[4]});
      return;
    case SYS_madvise:
      memory.discard({arguments[0]}, arguments[1], static_cast<int>(arguments[2]));
      return;
    case SYS_mmap:
      if (!can_map(trap)) return;
      [[fallthrough]];
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
  std::optional<noiommu::Clock::Time> mirrors;
  while (true) {
    std::vector<pollfd> wait = {{over, POLLIN, 0},
                                {signals, POLLIN, 0},
                                {parts_.descriptors.events_fd(), POLLIN, 0},
                                {wake_, POLLIN, 0}};
    {
      const std::lock_guard lock(mutex_);
      for (const auto& [process, known] : clients_) wait.push_back({known.alive.get(), POLLIN, 0});
    }
    std::optional<noiommu::Clock::Time> left = mirrors;
    if (const auto next = world_.kernel.clock().next()) {
      const auto timer = std::max(*next - (Clock::now() - start_), noiommu::Clock::Time(0));
      left = left ? std::min(*left, timer) : timer;
    }
    constexpr int64_t kSecond = 1'000'000'000;
    const timespec limit =
        left ? timespec{left->count() / kSecond, left->count() % kSecond} : timespec{};
    ppoll(wait.data(), wait.size(), left ? &limit : nullptr, nullptr);
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
