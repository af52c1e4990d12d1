#include "scenarios/exec/foreign_files.h"

#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <thread>
#include <utility>
#include <vector>

#include "model/kernel/eventfd.h"
#include "model/mm/memfd.h"
#include "scenarios/exec/owned_fd.h"

namespace noiommu::scenarios::exec {

namespace {

OwnedFd take(pid_t process, int fd) {
  const OwnedFd target(static_cast<int>(syscall(SYS_pidfd_open, process, 0)));
  return OwnedFd(static_cast<int>(syscall(SYS_pidfd_getfd, target.get(), fd, 0)));
}

class RealEventFd : public EventFd {
 public:
  explicit RealEventFd(OwnedFd fd) : fd_(std::move(fd)) {}
  ~RealEventFd() override { stop(); }

  void signal() override {
    const uint64_t one = 1;
    static_cast<void>(::write(fd_.get(), &one, sizeof(one)));
  }

  // As a wait of the kernel's own: what is written runs the listener and is gone.
  void listen(std::function<void()> listener) override {
    stop();
    if (!listener) return;
    listening_ = std::jthread([this, listener = std::move(listener)](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        pollfd wait{.fd = fd_.get(), .events = POLLIN, .revents = 0};
        constexpr int kMilliseconds = 10;
        uint64_t count = 0;
        if (poll(&wait, 1, kMilliseconds) == 1 &&
            ::read(fd_.get(), &count, sizeof(count)) == sizeof(count)) {
          listener();
        }
      }
    });
  }

 private:
  void stop() {
    if (listening_.joinable() && listening_.get_id() == std::this_thread::get_id()) {
      listening_.request_stop();
      listening_.detach();
    }
    listening_ = {};
  }

  const OwnedFd fd_;
  std::jthread listening_;
};

class RealMemfd : public mm::MemoryFile {
 public:
  RealMemfd(OwnedFd fd, ProgramPages& pages)
      : pages_(pages), source_(std::make_shared<Source>(std::move(fd))) {
    fstat(source_->fd.get(), &about_);
  }

  [[nodiscard]] uint64_t size() const override { return static_cast<uint64_t>(about_.st_size); }
  Status pin(uint64_t first, uint64_t count, std::vector<PfnRun>& runs) override {
    std::vector<PfnRun> pinned;
    for (uint64_t page = first; page < first + count; ++page) {
      const PageKey key{about_.st_dev, about_.st_ino, page};
      const auto pfn = pages_.pin(key, 0, source_, page * kPageSize);
      if (!pfn) {
        pages_.unpin(pinned);
        return Err(pfn.error());
      }
      append_run(pinned, {*pfn, 1});
    }
    for (const PfnRun& run : pinned) append_run(runs, run);
    return {};
  }

 private:
  struct Source : PageSource {
    explicit Source(OwnedFd file) : fd(std::move(file)) {}
    bool load(uint64_t offset, std::span<std::byte> to) override {
      return pread(fd.get(), to.data(), to.size(), static_cast<off_t>(offset)) ==
             static_cast<ssize_t>(to.size());
    }
    bool store(uint64_t offset, std::span<const std::byte> from) override {
      return pwrite(fd.get(), from.data(), from.size(), static_cast<off_t>(offset)) ==
             static_cast<ssize_t>(from.size());
    }
    const OwnedFd fd;
  };

  ProgramPages& pages_;
  const std::shared_ptr<Source> source_;
  struct stat about_ {};
};

}  // namespace

Result<FileRef> foreign_file(pid_t process, int fd, std::string_view target, ProgramPages& pages) {
  const bool eventfd = target == "anon_inode:[eventfd]";
  const bool memfd = target.starts_with("/memfd:");
  if (!eventfd && !memfd) return std::make_shared<File>();
  OwnedFd taken = take(process, fd);
  if (!taken) return Err(EBADF);
  if (eventfd) return std::make_shared<RealEventFd>(std::move(taken));
  return std::make_shared<RealMemfd>(std::move(taken), pages);
}

}  // namespace noiommu::scenarios::exec
