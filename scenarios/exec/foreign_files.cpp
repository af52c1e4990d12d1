#include "scenarios/exec/foreign_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "model/kernel/eventfd.h"
#include "model/mm/memfd.h"
#include "scenarios/exec/client.h"
#include "scenarios/exec/file_pages.h"

namespace noiommu::scenarios::exec {

namespace {

#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL
#endif

class RealEventFd : public EventFd {
 public:
  explicit RealEventFd(OwnedFd fd) : fd_(std::move(fd)) {}
  ~RealEventFd() override { stop(); }

  // Never waits: a counter that is full stays so.
  void signal() override {
    const uint64_t one = 1;
    pollfd room{.fd = fd_.get(), .events = POLLOUT, .revents = 0};
    if (poll(&room, 1, 0) == 1 && (room.revents & POLLOUT) != 0) {
      static_cast<void>(::write(fd_.get(), &one, sizeof(one)));
    }
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
        const iovec into{&count, sizeof(count)};
        // Others may have read it meanwhile.
        if (poll(&wait, 1, kMilliseconds) == 1 &&
            preadv2(fd_.get(), &into, 1, -1, RWF_NOWAIT) == sizeof(count)) {
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

class MemoryOfFile : public mm::MemoryFile {
 public:
  MemoryOfFile(OwnedFd fd, const struct stat& about, std::shared_ptr<PageSource> source,
               ProgramPages& pages)
      : fd_(std::move(fd)), about_(about), source_(std::move(source)), pages_(pages) {}
  ~MemoryOfFile() override { pages_.give_up(this, 0, UINT64_MAX); }

  [[nodiscard]] uint64_t size() const override {
    struct stat now {};
    fstat(fd_.get(), &now);
    return static_cast<uint64_t>(now.st_size);
  }
  Status pin(uint64_t first, uint64_t count, std::vector<PfnRun>& runs) override {
    return pages_.pin({.first = {about_.st_dev, about_.st_ino, first},
                       .count = count,
                       .order = source_->order(),
                       .owner = this,
                       .at = first * kPageSize,
                       .source = source_,
                       .offset = first * kPageSize},
                      runs);
  }

 private:
  const OwnedFd fd_;
  const struct stat about_;
  const std::shared_ptr<PageSource> source_;
  ProgramPages& pages_;
};

}  // namespace

OwnedFd take_descriptor(pid_t thread, int fd) {
  OwnedFd target(static_cast<int>(syscall(SYS_pidfd_open, thread, PIDFD_THREAD)));
  // Linux 6.9; before, only the first thread has one.
  if (!target) target = OwnedFd(static_cast<int>(syscall(SYS_pidfd_open, process_of(thread), 0)));
  return OwnedFd(static_cast<int>(syscall(SYS_pidfd_getfd, target.get(), fd, 0)));
}

Result<FileRef> foreign_file(pid_t thread, int fd, std::string_view target, ProgramPages& pages,
                             dev_t device_of_ours) {
  if (target == "anon_inode:[eventfd]") {
    OwnedFd taken = take_descriptor(thread, fd);
    if (!taken) return Err(EBADF);
    return std::make_shared<RealEventFd>(std::move(taken));
  }
  const std::string path = fmt::format("/proc/{}/fd/{}", thread, fd);
  struct stat about {};
  if (!memory_file_order(path) || stat(path.c_str(), &about) != 0 ||
      about.st_dev == device_of_ours) {
    return std::make_shared<File>();
  }
  OwnedFd taken(open(path.c_str(), O_PATH | O_CLOEXEC));
  auto source = pages.file(about.st_dev, about.st_ino, [&path] {
    auto file = open_file_pages(path, O_RDWR);
    return file ? file : open_file_pages(path, O_RDONLY);
  });
  if (!taken || !source) return Err(EBADF);
  return std::make_shared<MemoryOfFile>(std::move(taken), about, std::move(source), pages);
}

}  // namespace noiommu::scenarios::exec
