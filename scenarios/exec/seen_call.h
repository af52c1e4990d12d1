// A modelled call of the program, with all that its arguments point to.
#pragma once

#include <array>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "scenarios/engine/ioctl_table.h"
#include "scenarios/exec/supervisor.h"

namespace noiommu::scenarios::exec {

enum class FileKind { kIommufd, kContainer, kGroup, kDevice, kFault, kDmaBuf, kAttribute };

// Whether commands of this name are for files of this kind.
[[nodiscard]] bool suits(FileKind kind, std::string_view name);

// Part of the program's memory.
struct Buffer {
  uint64_t address = 0;
  uint64_t length = 0;
};

struct SeenCall {
  pid_t process = 0;
  int call = 0;  // SYS_ioctl, ...
  std::array<uint64_t, 6> arguments{};
  bool opens = false;
  std::string named;    // by a call that opens: the path as the program has it
  int open_flags = 0;   // of such a call
  int descriptor = -1;  // of any other

  FileRef file;  // empty where an open failed
  FileKind kind = FileKind::kAttribute;
  std::string path;      // what the file was opened as; empty for one that an ioctl made
  bool unbound = false;  // a file of a device's own node that was not bound before the call

  const IoctlCommand* command = nullptr;  // of an ioctl; nullptr where no command has the number
  bool readable = true;                   // the structure that an argument points to
  std::vector<Buffer> buffers;            // of a read or write
  // The structure and what its size says follows it, or what a read or write moved.
  std::vector<std::byte> before;
  std::vector<std::byte> after;
  // The array of u64 that a field points to.
  const Field* array = nullptr;
  std::vector<uint64_t> words_before;
  std::vector<uint64_t> words_after;
  std::string text;  // that the argument itself is

  // Nothing: it never returned.
  std::optional<Result<int64_t>> result;
  Credentials caller = {};  // of a call that failed
  // Device time when the call was over, and when the next timer is due.
  std::chrono::nanoseconds now{};
  std::optional<std::chrono::nanoseconds> next_timer;

  [[nodiscard]] bool failed() const { return result && !*result; }
  // Of one buffer or several.
  [[nodiscard]] bool reads() const;
  [[nodiscard]] bool writes() const;
  // Whether a read or write says where in the file.
  [[nodiscard]] bool positioned() const;
  // How many bytes a read or write asks for.
  [[nodiscard]] uint64_t length() const;
  // Whether an ioctl looks at its argument at all.
  [[nodiscard]] bool takes_argument() const;
  // A field of the structure as the program filled it in; 0 where there is none.
  [[nodiscard]] uint64_t field(std::string_view name) const;
  // What the call was, for counting: "IOMMU_IOAS_MAP", "open", "pread".
  [[nodiscard]] std::string name() const;
};

// What follows the structure of an ioctl where that is descriptors, then perhaps other words.
struct Following {
  std::vector<int32_t> words;
  size_t descriptors = 0;  // the first words
};
// `bytes` is the argument before or after the call, with its structure. Nothing for other bytes.
[[nodiscard]] std::optional<Following> following_descriptors(const SeenCall& call,
                                                             std::span<const std::byte> bytes);

// Looks on. Told of one call at a time.
class CallWatcher {
 public:
  virtual ~CallWatcher() = default;
  virtual void seen(const SeenCall& call, const Client& client) = 0;
  virtual void exiting(const Client& /*client*/) {}
};

// Reads what arguments point to, once for all who look on. Thread-safety: as Observer; add()
// before the program starts.
class CallReader : public Observer {
 public:
  // `watcher` outlives this.
  void add(CallWatcher& watcher) { watchers_.push_back(&watcher); }

  void before(Client& client, const Trap& trap, const FileRef& file) override;
  void after(const Answered& answered) override;
  void lost(Client& client, const Trap& trap) override;
  void exiting(Client& client) override;

 private:
  struct Opened {
    std::weak_ptr<File> file;
    std::string path;
  };
  struct Begun {
    SeenCall call;  // without its file
    std::weak_ptr<File> file;
  };

  void remember(const FileRef& file, const std::string& path);   // mutex_ held
  [[nodiscard]] std::string path_of(const FileRef& file) const;  // mutex_ held
  void tell(const SeenCall& call, const Client& client);         // mutex_ held

  std::vector<CallWatcher*> watchers_;
  std::mutex mutex_;                      // guards all below; held while watchers are told
  std::map<const File*, Opened> opened_;  // by a call that names a path; some of it is closed
  size_t open_ = 0;                       // of these when they were last looked through
  std::map<uint64_t, Begun> under_way_;   // by the trap's number
};

}  // namespace noiommu::scenarios::exec
