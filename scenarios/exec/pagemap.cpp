#include "scenarios/exec/pagemap.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "model/kernel/process.h"

namespace noiommu::scenarios::exec {

namespace {

// Of an entry. Documentation/admin-guide/mm/pagemap.rst.
constexpr uint64_t kPresent = uint64_t{1} << 63;
constexpr uint64_t kFrame = (uint64_t{1} << 55) - 1;

}  // namespace

Pagemap::Pagemap(pid_t process, std::shared_ptr<RemoteMemory> memory)
    : real_(open(fmt::format("/proc/{}/pagemap", living_thread(process)).c_str(),
                 O_RDONLY | O_CLOEXEC)),
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
    std::vector<UserPtr> pages;
    std::vector<uint64_t*> present;
    for (size_t i = 0; i < part.size(); ++i) {
      part[i] &= ~kFrame;
      if (!frames || (part[i] & kPresent) == 0) continue;
      pages.push_back({((position + done) / kEntry + i) * kPageSize});
      present.push_back(&part[i]);
    }
    const std::vector<Pfn> found = memory_->frames_of(pages);
    for (size_t i = 0; i < found.size(); ++i) *present[i] |= found[i].value;
    if (auto told = process.memory().write(to + done, std::as_bytes(part)); !told) {
      return Err(told.error());
    }
    done += part.size_bytes();
  }
  return done;
}

}  // namespace noiommu::scenarios::exec
