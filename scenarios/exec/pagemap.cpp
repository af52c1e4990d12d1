#include "scenarios/exec/pagemap.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "model/kernel/process.h"

namespace noiommu::scenarios::exec {

namespace {

// Of an entry. Documentation/admin-guide/mm/pagemap.rst.
constexpr uint64_t kPresent = uint64_t{1} << 63;
constexpr uint64_t kFrame = (uint64_t{1} << 55) - 1;

}  // namespace

Pagemap::Pagemap(pid_t process, std::shared_ptr<RemoteMemory> memory)
    : real_(open(fmt::format("/proc/{}/pagemap", process).c_str(), O_RDONLY | O_CLOEXEC)),
      memory_(std::move(memory)) {}

Result<uint64_t> Pagemap::read(Process& process, UserPtr to, uint64_t length, uint64_t position) {
  constexpr uint64_t kEntry = sizeof(uint64_t);
  if (length % kEntry != 0 || position % kEntry != 0) return Err(EINVAL);
  const bool frames = process.capable(CAP_SYS_ADMIN);
  std::array<uint64_t, 512> entries{};
  uint64_t done = 0;
  while (done < length) {
    const ssize_t got = pread(real_.get(), entries.data(), std::min(length - done, sizeof(entries)),
                              static_cast<off_t>(position + done));
    if (got <= 0) break;
    const auto part = std::span(entries).first(static_cast<size_t>(got) / kEntry);
    for (size_t i = 0; i < part.size(); ++i) {
      part[i] &= ~kFrame;
      if (!frames || (part[i] & kPresent) == 0) continue;
      const uint64_t page = (position + done) / kEntry + i;
      if (const auto frame = memory_->frame_of({page * kPageSize})) part[i] |= frame->value;
    }
    if (auto told = process.memory().write(to + done, std::as_bytes(part)); !told) {
      return Err(told.error());
    }
    done += part.size_bytes();
  }
  return done;
}

}  // namespace noiommu::scenarios::exec
