#include "scenarios/exec/client.h"

#include <fmt/format.h>
#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <array>
#include <climits>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string_view>
#include <utility>

#include "scenarios/exec/foreign_files.h"

namespace noiommu::scenarios::exec {

namespace {

// The kernel's `current`.
thread_local const Client::Call* current = nullptr;

pid_t caller(pid_t otherwise) {
  return current == nullptr ? otherwise : current->trap.thread;
}

std::string name_of(pid_t process) {
  std::string name;
  std::ifstream file(fmt::format("/proc/{}/comm", process));
  std::getline(file, name);
  return name;
}

uint64_t limit(pid_t process, __rlimit_resource resource) {
  rlimit now{};
  if (prlimit(process, resource, nullptr, &now) != 0) return kUnlimited;
  return now.rlim_cur == RLIM_INFINITY ? kUnlimited : now.rlim_cur;
}

// What /proc says after the key.
std::string status_of(pid_t thread, std::string_view key) {
  std::ifstream status(fmt::format("/proc/{}/status", thread));
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(key)) return line.substr(key.size());
  }
  return {};
}

// The kernel asks for capabilities over itself, which nobody has who made another user namespace.
bool is_in_our_user_namespace(pid_t thread) {
  struct stat ours {};
  struct stat its {};
  return stat("/proc/self/ns/user", &ours) == 0 &&
         stat(fmt::format("/proc/{}/ns/user", thread).c_str(), &its) == 0 &&
         ours.st_ino == its.st_ino;
}

// Who a process is when it is met; what changes later is asked for again.
Credentials credentials_of(pid_t thread) {
  Credentials found;
  std::istringstream uids(status_of(thread, "Uid:"));
  uids >> found.uid >> found.uid;  // the second one is the effective one
  found.effective = 0;
  if (!is_in_our_user_namespace(thread)) return found;
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, thread};
  std::array<__user_cap_data_struct, 2> data{};
  syscall(SYS_capget, &header, data.data());
  found.effective = data[0].effective | uint64_t{data[1].effective} << 32;
  return found;
}

}  // namespace

pid_t process_of(pid_t thread) {
  const std::string process = status_of(thread, "Tgid:");
  return process.empty() ? thread : std::stoi(process);
}

Client::Call::Call(const Trap& which, bool cloexec, int descriptor, FileRef behind)
    : trap(which), close_on_exec(cloexec), fd(descriptor), file(std::move(behind)) {
  current = this;
}

Client::Call::~Call() {
  current = nullptr;
}

Client::Client(const World& world, pid_t process)
    : Client(world, process,
             std::make_shared<RemoteMemory>(
                 process, world.pages, world.filesystem,
                 [&descriptors = world.descriptors](const MapRequest& request,
                                                    const std::shared_ptr<VmObject>& object,
                                                    const File& file) {
                   const std::string path =
                       fmt::format("/proc/{}/fd/{}", current->trap.thread, current->fd);
                   descriptors.mirror(file, path, request.offset, request.length, object);
                 })) {}

Client::Client(const World& world, pid_t process, std::shared_ptr<RemoteMemory> memory)
    : Process(world.kernel, memory, credentials_of(process)),
      world_(world),
      process_(process),
      remote_(std::move(memory)) {
  task()->comm = name_of(process);
  task()->pid = process;
}

bool Client::has(pid_t thread) const {
  return access(fmt::format("/proc/{}/task/{}", process_, thread).c_str(), F_OK) == 0;
}

Credentials Client::credentials() const {
  return credentials_of(caller(process_));
}

bool Client::capable(int capability) const {
  // Whoever asks this is about to look at limits, too.
  task()->memlock = limit(process_, RLIMIT_MEMLOCK);
  return credentials().effective[static_cast<size_t>(capability)];
}

FileRef modelled_file(const World& world, pid_t thread, int fd) {
  struct stat about {};
  const std::string path = fmt::format("/proc/{}/fd/{}", thread, fd);
  if (stat(path.c_str(), &about) != 0 || about.st_dev != world.filesystem) return nullptr;
  return world.descriptors.find(about.st_ino);
}

Result<FileRef> Client::file(int fd) const {
  if (current != nullptr && current->file && current->fd == fd) return current->file;
  if (FileRef found = modelled_file(world_, caller(process_), fd)) return found;
  const std::string path = fmt::format("/proc/{}/fd/{}", caller(process_), fd);
  std::array<char, PATH_MAX> target{};
  if (::readlink(path.c_str(), target.data(), target.size() - 1) < 0) return Err(EBADF);
  return foreign_file(caller(process_), fd, target.data(), world_.pages, world_.filesystem);
}

int Client::lowest_free() const {
  int fd = world_.first_descriptor;
  struct stat about {};
  while (lstat(fmt::format("/proc/{}/fd/{}", caller(process_), fd).c_str(), &about) == 0) ++fd;
  return fd;
}

uint64_t Client::most_descriptors() const {
  return limit(process_, RLIMIT_NOFILE);
}

Status Client::room_for_descriptor() const {
  if (static_cast<uint64_t>(lowest_free()) < most_descriptors()) return {};
  uint64_t open = 0;
  std::error_code error;
  const std::filesystem::directory_iterator all(fmt::format("/proc/{}/fd", caller(process_)),
                                                error);
  for ([[maybe_unused]] const auto& one : all) ++open;
  return open < most_descriptors() ? Status() : Status(Err(EMFILE));
}

Result<int> Client::hand_out(const FileRef& file) {
  auto ours = world_.descriptors.create(file);
  if (!ours) return Err(ours.error());
  return hand_over(*ours);
}

// Where the program may have no number of ours, it gets one that only ioctls are met at.
Result<int> Client::hand_over(const OwnedFd& ours) {
  const int number = lowest_free();
  std::optional<int> wanted;
  if (static_cast<uint64_t>(number) < most_descriptors()) wanted = number;
  return world_.listener.hand_out(current->trap, ours.get(), wanted, current->close_on_exec);
}

Result<int> Client::duplicate(int fd) {
  const OwnedFd ours = take_descriptor(caller(process_), fd);
  if (!ours) return Err(EBADF);
  return hand_over(ours);
}

Result<int> Client::install(FileRef file) {
  return hand_out(file);
}

Result<int> Client::reserve() {
  return hand_out(nullptr);
}

void Client::fill(int fd, FileRef file) {
  struct stat about {};
  const std::string path = fmt::format("/proc/{}/fd/{}", caller(process_), fd);
  if (::stat(path.c_str(), &about) == 0) world_.descriptors.fill(about.st_ino, file);
}

}  // namespace noiommu::scenarios::exec
