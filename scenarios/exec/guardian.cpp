#include "scenarios/exec/guardian.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>

#include "scenarios/exec/setup_error.h"

namespace noiommu::scenarios::exec {

namespace {

constexpr int kCannotExecute = 126;
constexpr int kNotFound = 127;

// The sender's process id with a descriptor beside it, or a text of what is wrong.
bool send_descriptor(int socket, int fd) {
  pid_t self = getpid();
  iovec part{&self, sizeof(self)};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(header), &fd, sizeof(fd));
  return sendmsg(socket, &message, 0) == sizeof(self);
}

// Negative, with `text`, where a text came instead.
int receive_descriptor(int socket, pid_t& sender, std::string& text) {
  std::array<char, 512> bytes{};
  iovec part{bytes.data(), bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  const cmsghdr* header = got > 0 ? CMSG_FIRSTHDR(&message) : nullptr;
  if (header == nullptr) {
    text = got > 0 ? std::string(bytes.data(), static_cast<size_t>(got)) : "it died at once";
    return -1;
  }
  int fd = -1;
  std::memcpy(&fd, CMSG_DATA(header), sizeof(fd));
  std::memcpy(&sender, bytes.data(), sizeof(sender));
  return fd;
}

// Orphans come to us, so this ends with nobody left.
void kill_all() {
  while (true) {
    std::ifstream children(fmt::format("/proc/self/task/{}/children", getpid()));
    for (pid_t child = 0; children >> child;) kill(child, SIGKILL);
    if (waitpid(-1, nullptr, 0) < 0 && errno == ECHILD) return;
  }
}

int exit_status(int status) {
  constexpr int kSignalled = 128;
  return WIFEXITED(status) ? WEXITSTATUS(status) : kSignalled + WTERMSIG(status);
}

[[noreturn]] void run_program(const Program& program, int link) {
  std::string wrong;
  const int listener = program.prepare(wrong);
  if (listener < 0 || !send_descriptor(link, listener)) {
    static_cast<void>(send(link, wrong.data(), wrong.size(), 0));
    _exit(kCannotExecute);
  }
  close(listener);
  std::vector<char*> arguments;
  for (const std::string& word : program.command) {
    arguments.push_back(const_cast<char*>(word.c_str()));
  }
  arguments.push_back(nullptr);
  execvp(arguments[0], arguments.data());
  const int error = errno;
  std::cerr << fmt::format("noiommu: cannot run '{}': {}\n", arguments[0], std::strerror(error));
  _exit(error == ENOENT ? kNotFound : kCannotExecute);
}

// Waits for the program and kills what it leaves. Answers its status.
int guard(pid_t program, const sigset_t& signals) {
  while (true) {
    int signal = 0;
    sigwait(&signals, &signal);
    int status = 0;
    if (signal != SIGCHLD) {
      kill_all();
      return exit_status(SIGKILL);
    }
    for (pid_t child = 0; (child = waitpid(-1, &status, WNOHANG)) > 0;) {
      if (child != program) continue;
      kill_all();
      return exit_status(status);
    }
  }
}

// We hold files for all processes of the program; its limits are not for us.
void raise_limits() {
  for (const auto resource : {RLIMIT_NOFILE, RLIMIT_FSIZE}) {
    rlimit now{};
    getrlimit(resource, &now);
    now.rlim_cur = now.rlim_max;
    setrlimit(resource, &now);
  }
  signal(SIGXFSZ, SIG_IGN);
}

}  // namespace

Guardian::Guardian(const Program& program) {
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    throw SetupError(fmt::format("cannot make a socket: {}", std::strerror(errno)));
  }
  link_ = OwnedFd(ends[0]);
  OwnedFd theirs(ends[1]);
  // Should the guardian be killed, its children come to us.
  prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  sigset_t signals;
  sigset_t before;
  sigemptyset(&signals);
  for (const int signal : {SIGCHLD, SIGTERM, SIGHUP}) sigaddset(&signals, signal);
  sigprocmask(SIG_BLOCK, &signals, &before);
  const pid_t parent = getpid();
  guardian_ = fork();
  if (guardian_ < 0) throw SetupError(fmt::format("cannot fork: {}", std::strerror(errno)));
  if (guardian_ == 0) {
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
    if (getppid() != parent) _exit(kCannotExecute);
    link_ = {};
    const pid_t child = fork();
    if (child < 0) {
      const std::string wrong = fmt::format("cannot fork: {}", std::strerror(errno));
      static_cast<void>(send(theirs.get(), wrong.data(), wrong.size(), 0));
      _exit(kCannotExecute);
    }
    if (child == 0) {
      sigprocmask(SIG_SETMASK, &before, nullptr);
      run_program(program, theirs.get());
    }
    // From the terminal, for the program alone.
    signal(SIGINT, SIG_IGN);
    signal(SIGQUIT, SIG_IGN);
    const auto status = static_cast<unsigned char>(guard(child, signals));
    static_cast<void>(send(theirs.get(), &status, 1, 0));
    _exit(0);
  }
  sigprocmask(SIG_SETMASK, &before, nullptr);
  raise_limits();
  theirs = {};  // so that a guardian that dies is noticed
  std::string wrong;
  listener_ = OwnedFd(receive_descriptor(link_.get(), program_, wrong));
  if (listener_) return;
  kill_all();
  throw SetupError(fmt::format("cannot start the program: {}", wrong));
}

Guardian::~Guardian() {
  if (!over_) kill_all();
}

OwnedFd Guardian::listener() const {
  return OwnedFd(fcntl(listener_.get(), F_DUPFD_CLOEXEC, 0));
}

void Guardian::pass_on(int signal) {
  kill(program_, signal);
}

int Guardian::status() {
  unsigned char status = 0;
  const bool told = recv(link_.get(), &status, 1, 0) == 1;
  over_ = true;
  kill_all();
  return told ? status : exit_status(SIGKILL);
}

}  // namespace noiommu::scenarios::exec
