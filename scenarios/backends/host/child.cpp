#include "scenarios/backends/host/child.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <exception>
#include <optional>
#include <stdexcept>

namespace noiommu::scenarios::host {
namespace {

using Clock = std::chrono::steady_clock;

constexpr unsigned kHighest = 1'000'000;
constexpr unsigned kFirstFree = 3;

// Moves the pipe out of the way of the numbers that a scenario sees, and closes all the others.
int tidy_descriptors(int pipe) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  const auto top = static_cast<unsigned>(std::min<rlim_t>(limit.rlim_cur, kHighest)) - 1;
  const int high = fcntl(pipe, F_DUPFD_CLOEXEC, static_cast<int>(top));
  if (high < 0) _exit(1);
  close_range(kFirstFree, static_cast<unsigned>(high) - 1, 0);
  close_range(static_cast<unsigned>(high) + 1, UINT32_MAX, 0);
  const int null = open("/dev/null", O_RDWR);
  if (null >= 0) {
    for (int fd = 0; fd < static_cast<int>(kFirstFree); ++fd) dup2(null, fd);
    if (null >= static_cast<int>(kFirstFree)) close(null);
  }
  return high;
}

void write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno != EINTR) _exit(1);
    if (written > 0) bytes.remove_prefix(static_cast<size_t>(written));
  }
}

[[noreturn]] void be_child(const std::function<void(const Send&)>& work, int pipe, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);  // it was faster
  sigset_t no_signal;
  sigemptyset(&no_signal);
  sigprocmask(SIG_SETMASK, &no_signal, nullptr);
  const rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
  const int high = tidy_descriptors(pipe);
  const Send send = [high](std::string_view message) {
    const uint64_t size = message.size();
    write_all(high, {reinterpret_cast<const char*>(&size), sizeof(size)});
    write_all(high, message);
  };
  try {
    work(send);
  } catch (...) {
    _exit(1);
  }
  _exit(0);
}

int until(Clock::time_point deadline) {
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
  return static_cast<int>(std::clamp<int64_t>(left + 1, 0, INT32_MAX));
}

// Reads until the other side is closed. Whether that came in time.
bool read_until_closed(int pipe, Clock::time_point deadline, std::string& bytes) {
  std::array<char, 65536> chunk{};
  while (true) {
    pollfd wanted{.fd = pipe, .events = POLLIN, .revents = 0};
    const int ready = poll(&wanted, 1, until(deadline));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return false;
    const ssize_t got = read(pipe, chunk.data(), chunk.size());
    if (got == 0) return true;
    if (got > 0) bytes.append(chunk.data(), static_cast<size_t>(got));
  }
}

// The wait status, if it comes in time.
std::optional<int> wait_until(pid_t child, Clock::time_point deadline) {
  int status = 0;
  const auto tell = [&] { return waitpid(child, &status, WNOHANG) == child; };
  if (tell()) return status;
  const int handle = static_cast<int>(syscall(SYS_pidfd_open, child, 0));
  while (!tell()) {
    if (Clock::now() >= deadline) {
      if (handle >= 0) close(handle);
      return std::nullopt;
    }
    pollfd ended{.fd = handle, .events = POLLIN, .revents = 0};
    poll(&ended, handle >= 0 ? 1 : 0, handle >= 0 ? until(deadline) : 1);
  }
  if (handle >= 0) close(handle);
  return status;
}

std::vector<std::string> split_messages(std::string_view bytes) {
  std::vector<std::string> messages;
  uint64_t size = 0;
  while (bytes.size() >= sizeof(size)) {
    std::memcpy(&size, bytes.data(), sizeof(size));
    bytes.remove_prefix(sizeof(size));
    if (bytes.size() < size) break;  // it died while it wrote
    messages.emplace_back(bytes.substr(0, size));
    bytes.remove_prefix(size);
  }
  return messages;
}

}  // namespace

ChildEnd run_in_child(const std::function<void(const Send&)>& work, std::chrono::milliseconds limit,
                      std::chrono::milliseconds grace) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("no descriptor left for a pipe");
  const pid_t self = getpid();
  const auto deadline = Clock::now() + limit;
  const pid_t child = fork();
  if (child == 0) be_child(work, ends[1], self);
  close(ends[1]);
  if (child < 0) {
    close(ends[0]);
    throw std::runtime_error("no process left for a scenario");
  }
  std::string bytes;
  ChildEnd end;
  std::optional<int> status;
  if (read_until_closed(ends[0], deadline, bytes)) status = wait_until(child, deadline);
  if (!status) {
    kill(child, SIGKILL);
    end.how =
        wait_until(child, Clock::now() + grace) ? ChildEnd::How::kTimeLimit : ChildEnd::How::kStuck;
  } else if (WIFSIGNALED(*status)) {
    end.how = ChildEnd::How::kSignal;
    end.code = WTERMSIG(*status);
  } else if (WEXITSTATUS(*status) != 0) {
    end.how = ChildEnd::How::kExit;
    end.code = WEXITSTATUS(*status);
  }
  close(ends[0]);
  end.messages = split_messages(bytes);
  return end;
}

std::string describe(const ChildEnd& end, std::chrono::milliseconds limit) {
  const double seconds = std::chrono::duration<double>(limit).count();
  switch (end.how) {
    case ChildEnd::How::kDone:
      return {};
    case ChildEnd::How::kSignal:
      return fmt::format("killed by SIG{} ({})", sigabbrev_np(end.code), sigdescr_np(end.code));
    case ChildEnd::How::kExit:
      return fmt::format("the process ended early with status {}", end.code);
    case ChildEnd::How::kTimeLimit:
      return fmt::format("no end within {:g} s", seconds);
    case ChildEnd::How::kStuck:
      return fmt::format("no end within {:g} s, and it cannot be killed: it waits in the kernel",
                         seconds);
  }
  return {};
}

}  // namespace noiommu::scenarios::host
