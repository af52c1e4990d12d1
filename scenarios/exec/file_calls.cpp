#include "scenarios/exec/file_calls.h"

#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <climits>
#include <vector>

#include "scenarios/exec/remote_memory.h"

namespace noiommu::scenarios::exec {

namespace {

const Answer kNatively = std::nullopt;

Result<int64_t> widen(const Result<uint64_t>& done) {
  return done ? Result<int64_t>(static_cast<int64_t>(*done)) : Err(done.error());
}

// A call on several buffers does them one after the other, up to the first that is not filled.
template <class One>
Result<int64_t> each_buffer(pid_t thread, UserPtr list, uint64_t count, const One& one) {
  if (count > IOV_MAX) return Err(EINVAL);
  std::vector<iovec> buffers(count);
  const auto bytes = std::as_writable_bytes(std::span(buffers));
  if (!bytes.empty() && !read_remote(thread, list, bytes)) return Err(EFAULT);
  int64_t moved = 0;
  for (const iovec& buffer : buffers) {
    const Result<uint64_t> part =
        one(UserPtr{reinterpret_cast<uint64_t>(buffer.iov_base)}, buffer.iov_len, moved);
    if (!part) return moved > 0 ? Result<int64_t>(moved) : Err(part.error());
    moved += static_cast<int64_t>(*part);
    if (*part < buffer.iov_len) break;
  }
  return moved;
}

Result<int64_t> read_buffers(Client& client, int fd, const Trap& trap) {
  return each_buffer(
      trap.thread, {trap.arguments[1]}, trap.arguments[2],
      [&](UserPtr at, uint64_t bytes, int64_t) { return client.read(fd, at, bytes); });
}
Result<int64_t> write_buffers(Client& client, int fd, const Trap& trap) {
  return each_buffer(
      trap.thread, {trap.arguments[1]}, trap.arguments[2],
      [&](UserPtr at, uint64_t bytes, int64_t) { return client.write(fd, at, bytes); });
}

// A duplicate gets a number of ours, too, so that calls on it are met. One that is asked to be
// higher is.
Answer duplicate(Client& client, const Trap& trap) {
  const auto& [fd, command, least, fourth, fifth, sixth] = trap.arguments;
  if (trap.call == SYS_fcntl && least >= static_cast<uint64_t>(client.first_descriptor())) {
    return kNatively;
  }
  auto made = client.duplicate(static_cast<int>(fd));
  return made ? Result<int64_t>(*made) : Err(made.error());
}

// Commands that no file sees: the kernel answers them for every descriptor.
bool is_of_every_file(uint64_t command) {
  return command == FIOCLEX || command == FIONCLEX || command == FIONBIO || command == FIOASYNC;
}

// preadv2 and pwritev2 with flags, of which a device knows none, or at the file's own position.
bool has_flags(const Trap& trap) {
  const bool flagged = trap.call == SYS_preadv2 || trap.call == SYS_pwritev2;
  return flagged && trap.arguments[5] != 0;
}
bool at_own_position(const Trap& trap) {
  const bool may = trap.call == SYS_preadv2 || trap.call == SYS_pwritev2;
  return may && trap.arguments[3] == UINT64_MAX;
}

}  // namespace

Answer call_on_file(Client& client, const Trap& trap) {
  const auto& [first, second, third, fourth, fifth, sixth] = trap.arguments;
  const int fd = static_cast<int>(first);
  const uint64_t length = third;
  const uint64_t offset = fourth;
  switch (trap.call) {
    case SYS_ioctl:
      if (is_of_every_file(second)) return kNatively;
      return client.ioctl(fd, static_cast<uint32_t>(second), third);
    case SYS_read:
      return widen(client.read(fd, {second}, length));
    case SYS_write:
      return widen(client.write(fd, {second}, length));
    case SYS_pread64:
      return widen(client.pread(fd, {second}, length, offset));
    case SYS_pwrite64:
      return widen(client.pwrite(fd, {second}, length, offset));
    case SYS_readv:
      return read_buffers(client, fd, trap);
    case SYS_writev:
      return write_buffers(client, fd, trap);
    case SYS_preadv:
    case SYS_preadv2:
      if (has_flags(trap)) return Err(EOPNOTSUPP);
      if (at_own_position(trap)) return read_buffers(client, fd, trap);
      return each_buffer(trap.thread, {second}, third,
                         [&, from = offset](UserPtr at, uint64_t bytes, int64_t done) {
                           return client.pread(fd, at, bytes, from + static_cast<uint64_t>(done));
                         });
    case SYS_pwritev:
    case SYS_pwritev2:
      if (has_flags(trap)) return Err(EOPNOTSUPP);
      if (at_own_position(trap)) return write_buffers(client, fd, trap);
      return each_buffer(trap.thread, {second}, third,
                         [&, from = offset](UserPtr at, uint64_t bytes, int64_t done) {
                           return client.pwrite(fd, at, bytes, from + static_cast<uint64_t>(done));
                         });
    case SYS_lseek:
      return widen(client.lseek(fd, static_cast<int64_t>(second), static_cast<int>(third)));
    case SYS_ftruncate:
    case SYS_fsync:
    case SYS_fdatasync:
    case SYS_sendfile:
    case SYS_splice:
    case SYS_copy_file_range:
      return Err(EINVAL);
    case SYS_fallocate:
      return Err(static_cast<int64_t>(fourth) <= 0 || static_cast<int64_t>(third) < 0 ? EINVAL
                                                                                      : ENODEV);
    case SYS_dup:
    case SYS_fcntl:
      return duplicate(client, trap);
    case SYS_mmap: {
      const MapRequest request{.length = second,
                               .prot = static_cast<int>(third),
                               .flags = static_cast<int>(fourth),
                               .offset = sixth};
      auto mapped = client.mmap(request, static_cast<int>(fifth));
      return mapped ? kNatively : Answer(Err(mapped.error()));
    }
    default:
      return kNatively;
  }
}

}  // namespace noiommu::scenarios::exec
