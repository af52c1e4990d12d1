// A modelled call of the program, with all that its arguments point to.
#pragma once

#include <array>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "scenarios/engine/ioctl_table.h"
#include "scenarios/exec/supervisor.h"

namespace noiommu::scenarios::exec {

enum class FileKind { kIommufd, kContainer, kGroup, kDevice, kFault, kDmaBuf, kAttribute };

// Whether commands of this name are for files of this kind.
[[nodiscard]] bool suits(FileKind kind, std::string_view name);

struct SeenCall {
  pid_t process = 0;
  int call = 0;  // SYS_ioctl, ...
  std::array<uint64_t, 6> arguments{};
  bool opens = false;
  int open_flags = 0;   // of a call that opens
  int descriptor = -1;  // of any other

  FileRef file;  // empty where an open failed
  FileKind kind = FileKind::kAttribute;
  std::string path;      // what the file was opened as; empty for one that an ioctl made
  bool unbound = false;  // a file of a device's own node that was not bound before the call

  const IoctlCommand* command = nullptr;  // of an ioctl; nullptr where no command has the number
  bool readable = true;                   // the structure that an argument points to
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
  // A field of the structure as the program filled it in; 0 where there is none.
  [[nodiscard]] uint64_t field(std::string_view name) const;
  // What the call was, for counting: "IOMMU_IOAS_MAP", "open", "pread".
  [[nodiscard]] std::string name() const;
};

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

  [[nodiscard]] std::string path_of(const FileRef& file) const;  // mutex_ held
  void tell(const SeenCall& call, const Client& client);         // mutex_ held

  std::vector<CallWatcher*> watchers_;
  std::mutex mutex_;                      // guards all below; held while watchers are told
  std::map<const File*, Opened> opened_;  // by a call that names a path
  std::map<uint64_t, Begun> under_way_;   // by the trap's number
};

}  // namespace noiommu::scenarios::exec
