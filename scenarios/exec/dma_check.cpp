#include "scenarios/exec/dma_check.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/syscall.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "model/iommufd/context.h"
#include "model/iommufd/ioas.h"
#include "scenarios/inspect/snapshot.h"
#include "uapi/iommufd.h"

namespace noiommu::scenarios::exec {

namespace {

// Calls `see` with each run of adjacent frames of the range, as GET_PA answers it.
template <class See>
void each_run(const iommufd::Ioas& ioas, const iommufd::IovaRange& range, const See& see) {
  for (const auto& view : ioas.iopt.areas(range)) {
    const iommufd::IovaRange& area = view.extent.iova;
    uint64_t at = std::max(area.start, range.start);
    const uint64_t last = std::min(area.last, range.last);
    while (at <= last) {
      const auto run = ioas.iopt.get_pa(Iova{at}, last - at + 1);
      if (!run) break;
      see(run->start, run->bytes, at, ioas.id());
      if (last - at < run->bytes) break;
      at += run->bytes;
    }
  }
}

}  // namespace

DmaCheck::DmaCheck(DmaChecking how, const DescriptorFiles& descriptors, const ProgramPages& pages,
                   Say say)
    : how_(how), descriptors_(descriptors), pages_(pages), say_(std::move(say)) {}

void DmaCheck::before(Client& /*client*/, const Trap& /*trap*/, const FileRef& /*file*/) {}

void DmaCheck::after(const Answered& answered) {
  if (answered.path.starts_with("/dev/vfio/") && answered.result) {
    const std::lock_guard lock(mutex_);
    owners_.insert(answered.client.pid());
  }
  if (answered.trap.call == SYS_ioctl && answered.result) {
    remember(answered.client, answered.trap, answered.file);
  }
}

// What is mapped now may be what a device is told of when it is mapped no longer.
void DmaCheck::remember(const Client& client, const Trap& trap, const FileRef& file) {
  if (trap.arguments[1] != IOMMU_IOAS_MAP) return;
  const auto context = std::dynamic_pointer_cast<iommufd::Context>(file);
  iommu_ioas_map map{};
  if (!context || !read_user(client.memory(), UserPtr{trap.arguments[2]}, map)) return;
  const auto ioas = context->objects().get<iommufd::Ioas>(map.ioas_id);
  if (!ioas || map.length == 0) return;
  constexpr size_t kRemembered = 4096;
  each_run(**ioas, {map.iova, map.iova + map.length - 1},
           [this](PhysAddr start, uint64_t length, uint64_t iova, uint32_t id) {
             const std::lock_guard lock(mutex_);
             earlier_.push_back({start, length, iova, id});
             if (earlier_.size() > kRemembered) earlier_.pop_front();
           });
}

DmaCheck::Pinned DmaCheck::pinned() const {
  Pinned found;
  for (const OpenContext& open : open_contexts(descriptors_.files())) {
    for (const auto& ioas : open.context->objects().all<iommufd::Ioas>()) {
      each_run(*ioas, {}, [&](PhysAddr start, uint64_t length, uint64_t iova, uint32_t id) {
        found.runs.push_back({start, length, iova, id});
      });
    }
    found.for_devices |= !open.devices.empty();
  }
  return found;
}

std::string DmaCheck::explain(const std::vector<Run>& runs, PhysAddr start, PhysAddr bad) const {
  for (const Run& run : runs) {
    if (bad.value < run.iova || bad.value - run.iova >= run.length) continue;
    return fmt::format(
        "{:#x} is an IOVA of IOAS {}: the memory lies at {:#x}, as IOMMU_IOAS_NOIOMMU_GET_PA tells",
        bad.value, run.ioas, (run.start + (bad.value - run.iova)).value);
  }
  const auto before = std::ranges::find_if(
      runs, [&](const Run& run) { return bad == run.start + run.length && run.contains(bad - 1); });
  if (before != runs.end() && start < bad) {
    std::string text =
        fmt::format("the frames of IOVA {:#x} of IOAS {} are adjacent only up to there",
                    before->iova, before->ioas);
    const uint64_t next = before->iova + before->length;
    for (const Run& run : runs) {
      if (run.ioas != before->ioas || run.iova != next) continue;
      text += fmt::format("; IOVA {:#x} goes on at {:#x}", next, run.start.value);
    }
    return text;
  }
  const std::lock_guard lock(mutex_);
  const auto was = std::find_if(earlier_.rbegin(), earlier_.rend(),
                                [&](const Run& run) { return run.contains(bad); });
  if (was != earlier_.rend()) {
    return fmt::format("it was mapped at IOVA {:#x} of IOAS {}, and is no longer",
                       was->iova + (bad - was->start), was->ioas);
  }
  return runs.empty() ? "nothing is mapped" : "nothing that is mapped lies there";
}

void DmaCheck::transfer(const std::string& bdf, PhysAddr start, uint64_t length, bool to_memory) {
  if (how_ == DmaChecking::kOff || length == 0) return;
  const auto [runs, for_devices] = pinned();
  PhysAddr at = start;
  const PhysAddr end = start + length;
  while (at < end) {
    const auto run = std::ranges::find_if(runs, [&](const Run& one) { return one.contains(at); });
    if (run != runs.end()) {
      at = run->start + run->length;
    } else if (!for_devices && pages_.contains(to_pfn(at))) {
      at = to_phys(to_pfn(at) + 1);
    } else {
      break;
    }
  }
  if (at >= end) return;
  say_(fmt::format("noiommu exec: {} {} {} bytes at {:#x}; {:#x} is not in a pinned page\n  {}\n",
                   bdf, to_memory ? "writes" : "reads", length, start.value, at.value,
                   explain(runs, start, at)));
  if (how_ != DmaChecking::kAbort) return;
  say_("noiommu exec: the program is stopped (--dma-check=abort)\n");
  const std::lock_guard lock(mutex_);
  for (const pid_t owner : owners_) kill(owner, SIGABRT);
}

}  // namespace noiommu::scenarios::exec
