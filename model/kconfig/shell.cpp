#include "model/kconfig/shell.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <vector>

namespace noiommu::kconfig {

namespace {

constexpr size_t kMostOutput = 4095;

std::string read_all(int fd) {
  std::string out;
  std::array<char, 4096> buffer{};
  for (;;) {
    const ssize_t got = read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return out;
    if (out.size() < kMostOutput) out.append(buffer.data(), static_cast<size_t>(got));
  }
}

pid_t start(const std::string& command, const std::map<std::string, std::string>& environment,
            const std::string& folder, int output) {
  std::vector<std::string> assignments;
  assignments.reserve(environment.size());
  for (const auto& [name, value] : environment)
    assignments.push_back(fmt::format("{}={}", name, value));
  std::vector<char*> envp;
  envp.reserve(assignments.size() + 1);
  for (std::string& assignment : assignments) envp.push_back(assignment.data());
  envp.push_back(nullptr);
  std::string shell = "sh";
  std::string flag = "-c";
  std::string text = command;
  char* const argv[] = {shell.data(), flag.data(), text.data(), nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  posix_spawn_file_actions_addchdir_np(&actions, folder.c_str());
  pid_t child = -1;
  if (posix_spawn(&child, "/bin/sh", &actions, nullptr, argv, envp.data()) != 0) child = -1;
  posix_spawn_file_actions_destroy(&actions);
  return child;
}

}  // namespace

std::string run_shell(const std::string& command,
                      const std::map<std::string, std::string>& environment,
                      const std::string& folder) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return {};
  const pid_t child = start(command, environment, folder, ends[1]);
  close(ends[1]);
  std::string out = child < 0 ? std::string() : read_all(ends[0]);
  close(ends[0]);
  while (child >= 0 && waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  out.resize(std::min(out.size(), kMostOutput));
  while (!out.empty() && out.back() == '\n') out.pop_back();
  std::replace(out.begin(), out.end(), '\n', ' ');
  return out;
}

}  // namespace noiommu::kconfig
