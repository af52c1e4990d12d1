#include "model/kernel/process.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <mutex>
#include <shared_mutex>
#include <utility>

#include "model/kernel/eventfd.h"
#include "model/kernel/kernel.h"

namespace noiommu {

namespace {

constexpr uint64_t kMaxTransfer = 0x7ffff000;  // what one read or write moves at most

// Access mode 3 opens a file for neither.
bool readable(const File& file) {
  const int access = file.open_flags & O_ACCMODE;
  return access == O_RDONLY || access == O_RDWR;
}
bool writable(const File& file) {
  const int access = file.open_flags & O_ACCMODE;
  return access == O_WRONLY || access == O_RDWR;
}

}  // namespace

Process::Process(Kernel& kernel, std::shared_ptr<UserMemory> memory, Credentials credentials)
    : kernel_(kernel),
      task_(make_kref<Task>()),
      uid_(credentials.uid),
      effective_(credentials.effective.to_ullong()) {
  task_->memory = std::move(memory);
  task_->user = kernel.user(credentials.uid);
  task_->pid = kernel.next_pid();
  for (int standard = 0; standard < 3; ++standard) {
    if (auto null = kernel.nodes().open(*this, "/dev/null", O_RDWR)) files_.push_back(*null);
  }
}

Process::~Process() {
  task_->memory->exit();
  for (FileRef& file : files_) file.reset();
}

Result<int> Process::open(std::string_view path, int flags) {
  // The descriptor comes before the path is looked at.
  if (auto room = room_for_descriptor(); !room) return Err(room.error());
  auto file = kernel_.nodes().open(*this, path, flags);
  if (!file) return Err(file.error());
  (*file)->open_flags = flags;
  return install(std::move(*file));
}

Status Process::close(int fd) {
  FileRef last;  // released after the lock
  const std::unique_lock lock(mutex_);
  if (!is_open(fd)) return Err(EBADF);
  last = std::move(files_[fd]);
  files_[fd] = nullptr;
  return {};
}

Result<int> Process::dup(int fd) {
  auto source = file(fd);
  if (!source) return Err(source.error());
  return install(std::move(*source));
}

Result<int> Process::eventfd(uint64_t initial) {
  return install(std::make_shared<EventFd>(initial));
}

Result<int64_t> Process::ioctl(int fd, uint32_t command, uint64_t argument) {
  auto target = file(fd);
  if (!target) return Err(target.error());
  return (*target)->ioctl(*this, command, argument);
}

Result<uint64_t> Process::read(int fd, UserPtr to, uint64_t length) {
  auto source = file(fd);
  if (!source || !readable(**source)) return Err(EBADF);
  const uint64_t position = (*source)->position;
  auto done = (*source)->read(*this, to, std::min(length, kMaxTransfer), position);
  if (done) (*source)->position = position + *done;
  return done;
}

Result<uint64_t> Process::write(int fd, UserPtr from, uint64_t length) {
  auto target = file(fd);
  if (!target || !writable(**target)) return Err(EBADF);
  const uint64_t position = (*target)->position;
  auto done = (*target)->write(*this, from, std::min(length, kMaxTransfer), position);
  if (done) (*target)->position = position + *done;
  return done;
}

Result<uint64_t> Process::pread(int fd, UserPtr to, uint64_t length, uint64_t offset) {
  if (static_cast<int64_t>(offset) < 0) return Err(EINVAL);
  auto source = file(fd);
  if (!source) return Err(EBADF);
  if (!(*source)->seekable()) return Err(ESPIPE);
  if (!readable(**source)) return Err(EBADF);
  return (*source)->read(*this, to, std::min(length, kMaxTransfer), offset);
}

Result<uint64_t> Process::pwrite(int fd, UserPtr from, uint64_t length, uint64_t offset) {
  if (static_cast<int64_t>(offset) < 0) return Err(EINVAL);
  auto target = file(fd);
  if (!target) return Err(EBADF);
  if (!(*target)->seekable()) return Err(ESPIPE);
  if (!writable(**target)) return Err(EBADF);
  return (*target)->write(*this, from, std::min(length, kMaxTransfer), offset);
}

Result<uint64_t> Process::lseek(int fd, int64_t offset, int whence) {
  auto target = file(fd);
  return target ? (*target)->lseek(offset, whence) : Result<uint64_t>(Err(EBADF));
}

Result<UserPtr> Process::mmap(const MapRequest& request, int fd) {
  if (request.offset % kPageSize != 0) return Err(EINVAL);
  if ((request.flags & MAP_ANONYMOUS) != 0) return memory().map_anonymous(request);
  auto source = file(fd);
  if (!source) return Err(source.error());
  if (request.length == 0) return Err(EINVAL);
  const uint64_t length = (request.length + kPageSize - 1) & kPageMask;
  if (length == 0 || length > kTaskSize) return Err(ENOMEM);
  if (request.offset > UINT64_MAX - length) return Err(EOVERFLOW);
  const int type = request.flags & MAP_TYPE;
  if (type != MAP_SHARED && type != MAP_PRIVATE && type != MAP_SHARED_VALIDATE) return Err(EINVAL);
  const bool shared_write = (request.flags & MAP_SHARED) != 0 && (request.prot & PROT_WRITE) != 0;
  if (!readable(**source) || (shared_write && !writable(**source))) return Err(EACCES);
  auto object = (*source)->mmap(request);
  if (!object) return Err(object.error());
  return memory().map_object(request, std::move(*object), std::move(*source));
}

Status Process::munmap(UserPtr start, uint64_t length) {
  return memory().unmap(start, length);
}

Result<NodeStat> Process::stat(std::string_view path) const {
  return kernel_.nodes().stat(path);
}

Result<std::vector<std::string>> Process::list(std::string_view path) const {
  return kernel_.nodes().list(path);
}

Result<std::string> Process::readlink(std::string_view path) const {
  return kernel_.nodes().readlink(path);
}

Result<std::unique_ptr<Process>> Process::fork() {
  auto memory = task_->memory->fork();
  if (!memory) return Err(memory.error());
  auto child = std::make_unique<Process>(kernel_, std::move(*memory), credentials());
  child->task_->comm = task_->comm;
  child->task_->memlock = task_->memlock.load();
  const std::shared_lock lock(mutex_);  // nobody else has the child yet
  child->files_ = files_;
  std::replace(child->files_.begin(), child->files_.end(), reserved_, FileRef());
  child->nofile_ = nofile_;
  return child;
}

void Process::set_nofile(uint32_t descriptors) {
  const std::unique_lock lock(mutex_);
  nofile_ = descriptors;
}

void Process::set_capability(int capability, bool effective) {
  const uint64_t bit = uint64_t{1} << capability;
  if (effective) {
    effective_ |= bit;
  } else {
    effective_ &= ~bit;
  }
}

Credentials Process::credentials() const {
  return {.uid = uid_, .effective = effective_.load()};
}

bool Process::capable(int capability) const {
  return (effective_ >> capability & 1) != 0;
}

Result<FileRef> Process::file(int fd) const {
  const std::shared_lock lock(mutex_);
  if (!is_open(fd)) return Err(EBADF);
  return files_[fd];
}

std::vector<FileRef> Process::files() const {
  const std::shared_lock lock(mutex_);
  return files_;
}

bool Process::is_open(int fd) const {
  return fd >= 0 && static_cast<size_t>(fd) < files_.size() && files_[fd] &&
         files_[fd] != reserved_;
}

size_t Process::lowest_free() const {
  return static_cast<size_t>(std::find(files_.begin(), files_.end(), nullptr) - files_.begin());
}

Status Process::room_for_descriptor() const {
  const std::shared_lock lock(mutex_);
  return lowest_free() < nofile_ ? Status() : Status(Err(EMFILE));
}

Result<int> Process::reserve() {
  return install(reserved_);
}

void Process::fill(int fd, FileRef file) {
  const std::unique_lock lock(mutex_);
  files_[fd] = std::move(file);
}

Result<int> Process::install(FileRef file) {
  const std::unique_lock lock(mutex_);
  const size_t fd = lowest_free();
  if (fd >= nofile_) return Err(EMFILE);
  if (fd == files_.size()) files_.emplace_back();
  files_[fd] = std::move(file);
  return static_cast<int>(fd);
}

}  // namespace noiommu
