// Everything that iommufd keeps for a process at one moment: objects, mappings, page tables, pins.
//
// Plain values, good for as long as anybody likes. Taking one calls nothing of the process and
// changes nothing, not even a `users` count.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "model/iommufd/context.h"
#include "model/iommufd/iova_range.h"
#include "model/iommufd/pages.h"
#include "model/kernel/process.h"
#include "scenarios/inspect/page_table.h"

namespace noiommu::scenarios {

struct DeviceFacts {
  bool noiommu = false;
  std::optional<uint32_t> hwpt = {};  // id of what it is attached to
  std::string bdf = {};               // with the node empty when no file of the process tells
  std::string node = {};              // "noiommu-vfio0"
};

struct AreaFacts {
  iommufd::IovaRange iova;
  uint32_t prot = 0;     // generic_pt::kRead | kWrite
  bool settled = false;  // neither being set up nor torn down
  iommufd::Pages::Kind source = iommufd::Pages::Kind::kUser;
  uint64_t address = 0;                  // in the process or in the file, of the first byte
  unsigned sharers = 0;                  // areas over the same memory object, this one too
  bool revoked = false;                  // a dma-buf that was taken back
  uint64_t pages = 0;                    // that it touches, 4 KiB each
  bool pinned = false;                   // all of them
  std::optional<uint32_t> storage = {};  // id of the HWPT that GET_PA reads

  [[nodiscard]] uint64_t length() const { return iova.last - iova.start + 1; }
  [[nodiscard]] bool contains(uint64_t at) const { return iova.start <= at && at <= iova.last; }
};

struct IoasFacts {
  uint64_t alignment = 1;  // bytes
  bool huge_pages = true;
  bool vfio_compat = false;  // the one that the container ioctls of its iommufd map in
  std::vector<iommufd::IovaRange> allowed = {};
  std::vector<iommufd::IovaRange> reserved = {};
  std::vector<AreaFacts> areas = {};  // by IOVA
};

struct HwptFacts {
  uint32_t ioas = 0;
  bool automatic = false;
  bool noiommu = false;
  std::optional<uint32_t> fault = {};  // id of the fault queue
  PageTable table = {};
};

struct FaultFacts {};

struct ObjectFacts {
  uint32_t id = 0;
  uint32_t users = 0;
  std::variant<DeviceFacts, IoasFacts, HwptFacts, FaultFacts> is = {};
};

// One open /dev/iommu.
struct ContextFacts {
  std::vector<int> descriptors = {};      // empty: only a device or a fault queue keeps it open
  bool no_iommu_mode = false;             // of the container emulation
  std::vector<ObjectFacts> objects = {};  // by id
  // Pages that are pinned, by whom they are charged to. Spec: iommufd.md section 10.
  uint64_t charged_to_user = 0;
  uint64_t charged_to_process = 0;
  uint64_t charged_to_nobody = 0;

  [[nodiscard]] uint64_t pinned() const {
    return charged_to_user + charged_to_process + charged_to_nobody;
  }
};

// In pages of 4 KiB, but for the limit.
struct LockedMemory {
  uint64_t limit = kUnlimited;  // RLIMIT_MEMLOCK, bytes
  uint32_t uid = 0;
  uint64_t of_user = 0;     // locked_vm of the user, in all its processes
  uint64_t of_process = 0;  // locked_vm of the address space
  uint64_t pinned = 0;      // pinned_vm of the address space
};

struct Snapshot {
  std::vector<ContextFacts> contexts = {};
  LockedMemory locked = {};
};

// An iommufd that a process keeps open, by a descriptor or through a bound device or a fault queue.
struct OpenContext {
  struct BoundDevice {
    uint32_t id = 0;
    std::string bdf;
    std::string node;
  };
  std::shared_ptr<iommufd::Context> context;
  std::vector<int> descriptors = {};
  std::vector<BoundDevice> devices = {};
};

// In the order of the descriptors that lead there, then of the mappings.
[[nodiscard]] std::vector<OpenContext> open_contexts(const Process& process);
// Those that any of the files leads to, whoever has it open.
[[nodiscard]] std::vector<OpenContext> open_contexts(const std::vector<FileRef>& files);

// For these two no system call of the process may be under way, and nobody else may use what it has
// open.
[[nodiscard]] ContextFacts read_context(const OpenContext& open);
[[nodiscard]] Snapshot take_snapshot(const Process& process);

}  // namespace noiommu::scenarios
