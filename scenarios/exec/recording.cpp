#include "scenarios/exec/recording.h"

#include <fmt/format.h>

#include <filesystem>

#include "model/mm/memfd.h"
#include "scenarios/exec/remote_memory.h"

namespace noiommu::scenarios::exec {

namespace {

// A descriptor that nothing of a replay has, and one that is open on /dev/null.
constexpr int kNotOpen = 9999;
constexpr int kNoFileOfOurs = 0;

// Of any file, by number; empty where there is none.
std::string target_of(pid_t process, int fd) {
  std::error_code error;
  return std::filesystem::read_symlink(fmt::format("/proc/{}/fd/{}", living_thread(process), fd),
                                       error);
}

}  // namespace

void Recording::comment(const std::string& text) {
  const std::string line = recorded_comment(text);
  if (steps_.empty() || steps_.back() != line) steps_.push_back(line);
}

void Recording::close_released() {
  for (const RecordedFile& file : files.take_closed()) {
    for (const auto& [name, length] : file.mappings) {
      add(fmt::format("- munmap: {{at: ${}, length: {:#x}}}\n", name, length));
    }
    add(fmt::format("- close: ${}\n", file.name));
    addresses.closed(file.name);
  }
}

std::string Recording::new_name(const std::string& kind) {
  const int number = ++names_[kind];
  return number == 1 ? kind : fmt::format("{}{}", kind, number);
}

std::string Recording::name_file(const FileRef& file, FileKind kind) {
  std::string name = new_name(kind_name(kind));
  files.add(file, name);
  return name;
}

std::optional<std::string> Recording::descriptor(int fd, const Client& client) {
  if (fd < 0) return std::to_string(fd);
  const std::string target = target_of(process_, fd);
  if (target.empty()) return std::to_string(kNotOpen);
  if (target == "anon_inode:[eventfd]") {
    if (!eventfds_.contains(fd)) {
      eventfds_[fd] = new_name("event");
      add(fmt::format("- eventfd:\n  as: {}\n", eventfds_[fd]));
    }
    return "$" + eventfds_[fd];
  }
  const auto file = client.file(fd);
  const RecordedFile* named = file ? files.find(*file) : nullptr;
  if (named != nullptr) return "$" + named->name;
  const bool has_memory = file && dynamic_cast<const mm::MemoryFile*>(file->get()) != nullptr;
  return has_memory ? memory.memfd(fd, steps_) : std::to_string(kNoFileOfOurs);
}

}  // namespace noiommu::scenarios::exec
