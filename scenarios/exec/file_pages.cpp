#include "scenarios/exec/file_pages.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/vfs.h>

#include <bit>
#include <utility>

#include "scenarios/exec/owned_fd.h"

namespace noiommu::scenarios::exec {

namespace {

bool moved_all(ssize_t moved, size_t bytes) {
  return moved == static_cast<ssize_t>(bytes);
}

// To and from our own memory, but with an answer where others get SIGBUS.
bool load_safely(void* from, std::span<std::byte> to) {
  const iovec local{to.data(), to.size()};
  const iovec remote{from, to.size()};
  return moved_all(process_vm_readv(getpid(), &local, 1, &remote, 1, 0), to.size());
}
bool store_safely(void* to, std::span<const std::byte> from) {
  const iovec local{const_cast<std::byte*>(from.data()), from.size()};
  const iovec remote{to, from.size()};
  return moved_all(process_vm_writev(getpid(), &local, 1, &remote, 1, 0), from.size());
}

class FilePages : public PageSource {
 public:
  explicit FilePages(OwnedFd file) : file_(std::move(file)) {}
  [[nodiscard]] bool stays() const override { return true; }

  bool load(uint64_t offset, std::span<std::byte> to) override {
    return moved_all(pread(file_.get(), to.data(), to.size(), static_cast<off_t>(offset)),
                     to.size());
  }
  bool store(uint64_t offset, std::span<const std::byte> from) override {
    return moved_all(pwrite(file_.get(), from.data(), from.size(), static_cast<off_t>(offset)),
                     from.size());
  }

 protected:
  const OwnedFd file_;
};

// A hugetlbfs has no write(2).
class HugeFilePages : public FilePages {
 public:
  HugeFilePages(OwnedFd file, unsigned order) : FilePages(std::move(file)), order_(order) {}
  [[nodiscard]] unsigned order() const override { return order_; }

  bool load(uint64_t offset, std::span<std::byte> to) override {
    return mapped(offset, to.size(), [to](std::byte* at) { return load_safely(at, to); });
  }
  bool store(uint64_t offset, std::span<const std::byte> from) override {
    return mapped(offset, from.size(), [from](std::byte* at) { return store_safely(at, from); });
  }

 private:
  template <class Use>
  bool mapped(uint64_t offset, uint64_t length, const Use& use) {
    const uint64_t page = kPageSize << order_;
    const uint64_t start = offset & ~(page - 1);
    const uint64_t whole = (offset + length - start + page - 1) & ~(page - 1);
    void* at = mmap(nullptr, whole, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, file_.get(),
                    static_cast<off_t>(start));
    if (at == MAP_FAILED) return false;
    const bool done = use(static_cast<std::byte*>(at) + (offset - start));
    munmap(at, whole);
    return done;
  }

  const unsigned order_;
};

class Segment : public PageSource {
 public:
  explicit Segment(void* at) : at_(static_cast<std::byte*>(at)) {}
  ~Segment() override { shmdt(at_); }
  Segment(const Segment&) = delete;
  Segment& operator=(const Segment&) = delete;
  [[nodiscard]] bool stays() const override { return true; }

  bool load(uint64_t offset, std::span<std::byte> to) override {
    return load_safely(at_ + offset, to);
  }
  bool store(uint64_t offset, std::span<const std::byte> from) override {
    return store_safely(at_ + offset, from);
  }

 private:
  std::byte* const at_;
};

}  // namespace

std::optional<unsigned> memory_file_order(const std::string& path) {
  struct stat about {};
  struct statfs system {};
  if (stat(path.c_str(), &about) != 0 || !S_ISREG(about.st_mode)) return std::nullopt;
  if (statfs(path.c_str(), &system) != 0) return std::nullopt;
  if (system.f_type == TMPFS_MAGIC) return 0;
  if (system.f_type != HUGETLBFS_MAGIC) return std::nullopt;
  return static_cast<unsigned>(std::countr_zero(static_cast<uint64_t>(system.f_bsize) / kPageSize));
}

std::shared_ptr<PageSource> open_file_pages(const std::string& path, int access) {
  const auto order = memory_file_order(path);
  if (!order) return nullptr;
  OwnedFd file(open(path.c_str(), access | O_CLOEXEC));
  if (!file) return nullptr;
  if (*order == 0) return std::make_shared<FilePages>(std::move(file));
  return std::make_shared<HugeFilePages>(std::move(file), *order);
}

std::shared_ptr<PageSource> attach_segment(pid_t process, int id) {
  struct stat ours {};
  struct stat theirs {};
  if (stat("/proc/self/ns/ipc", &ours) != 0 ||
      stat(fmt::format("/proc/{}/ns/ipc", process).c_str(), &theirs) != 0 ||
      ours.st_ino != theirs.st_ino) {
    return nullptr;
  }
  void* at = shmat(id, nullptr, 0);
  if (reinterpret_cast<intptr_t>(at) == -1) return nullptr;
  return std::make_shared<Segment>(at);
}

}  // namespace noiommu::scenarios::exec
