// Physical memory: frames, who holds them, and their bytes.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "model/kernel/result.h"
#include "model/kernel/seqlock.h"
#include "model/kernel/types.h"

namespace noiommu::mm {

// How much memory there is and how it lies. Nothing is allocated on the host until it is used.
struct MemoryConfig {
  // Whether consecutively allocated 4 KiB frames are neighbours, or never are.
  enum class Placement { kScattered, kContiguous };

  PhysAddr base{4ULL << 30};    // multiple of 1 GiB
  uint64_t size = 64ULL << 30;  // bytes, multiple of 1 GiB
  Placement placement = Placement::kScattered;
  bool transparent_huge_pages = false;  // anonymous memory of 2 MiB and more uses 2 MiB folios
};

// Where the bytes of lent frames are. Called from any thread.
class FrameStore {
 public:
  virtual ~FrameStore() = default;
  // Within one frame, from its byte `offset` on. False: the frame is not lent any more.
  virtual bool load(Pfn pfn, uint64_t offset, std::span<std::byte> to) = 0;
  virtual bool store(Pfn pfn, uint64_t offset, std::span<const std::byte> from) = 0;
  // Nobody holds the folio any more, whose frames were lent; they are used again only after this.
  virtual void freed(Pfn head) = 0;
};

// Frames come in folios of 4 KiB, 2 MiB or 1 GiB, which are held and freed as a whole, as in the
// kernel; a free folio may be cut into smaller ones, which are never merged again. A folio is held
// by references (the owner has one) and long-term pins; it is free when both are gone.
//
// Thread-safety: all methods may be called from any thread.
class PhysMem : Unmovable {
 public:
  static constexpr unsigned kOrder4K = 0;
  static constexpr unsigned kOrder2M = 9;
  static constexpr unsigned kOrder1G = 18;

  explicit PhysMem(const MemoryConfig& config);
  ~PhysMem();

  [[nodiscard]] const MemoryConfig& config() const { return config_; }

  // A zeroed folio of 2^order frames with one reference, naturally aligned. ENOMEM.
  Result<Pfn> alloc(unsigned order);
  // One more reference to the folio that `pfn` belongs to, unless nobody holds it.
  bool hold(Pfn pfn);
  // Drops a reference of the folio that `pfn` belongs to.
  void put(Pfn pfn);

  // Long-term pins, counted per frame. The folios of a run must be held by the caller.
  void pin(PfnRun run);
  void unpin(PfnRun run);

  // Loads and stores by physical address, as devices do. EFAULT, with nothing moved, where there
  // is no memory; a store to a frame that nobody holds is lost, a load from it gives zeros.
  Status read(PhysAddr from, std::span<std::byte> to);
  Status write(PhysAddr to, std::span<const std::byte> from);

  // The same within one frame that the caller holds, from its byte `offset` on. Loads and stores
  // within a frame are whole: none sees half of another, whoever they are of.
  void read_held(Pfn pfn, uint64_t offset, std::span<std::byte> to) const;
  void write_held(Pfn pfn, uint64_t offset, std::span<const std::byte> from);

  // Lent frames are read and written through their store, the same one for all of them, which
  // outlives this. Only frames that the caller holds and nobody has stored to are lent; one that
  // is freed meanwhile comes back by itself. No bytes stand for zeros.
  void lend(Pfn pfn, FrameStore& store);
  void take_back(Pfn pfn, std::span<const std::byte> bytes);

  // How many references and pins the folio of `pfn` has.
  [[nodiscard]] uint64_t holders(Pfn pfn) const { return frame(folio_head(pfn)).holders; }

  // For leak checks, in frames.
  [[nodiscard]] uint64_t held_frames() const { return held_; }
  [[nodiscard]] uint64_t pins() const { return pins_; }

 private:
  static constexpr uint64_t kFramesPerBlock = 512;
  struct Page {
    std::array<uint64_t, kPageSize / sizeof(uint64_t)> words{};
    Seqlock lock;
  };

  struct Frame {
    std::atomic<uint64_t> holders = 0;   // references and pins; counts for the folio's head only
    std::atomic<Page*> bytes = nullptr;  // nothing: all zeros
  };
  // 2 MiB, the unit that is cut into 4 KiB folios, used whole, or part of a 1 GiB folio.
  struct Block {
    std::array<Frame, kFramesPerBlock> frames;
    std::atomic<unsigned> order = kOrder4K;  // stays while a folio in the block is held
  };

  [[nodiscard]] bool contains(PhysAddr addr, uint64_t length) const;
  [[nodiscard]] Block* block(Pfn pfn) const;
  [[nodiscard]] Pfn folio_head(Pfn pfn) const;
  [[nodiscard]] Frame& frame(Pfn pfn) const;
  void drop(Pfn pfn, uint64_t holders);
  void free_folio(Pfn head, unsigned order);
  Result<Pfn> take(unsigned order);        // a free folio; mutex_ held
  Result<Pfn> take_fresh(unsigned order);  // memory never used before; mutex_ held
  Status cut_2m();                         // 512 more free 4 KiB folios; mutex_ held
  void cut_1g();                           // 512 more free 2 MiB folios; mutex_ held
  static Page& materialize(Frame& frame);
  static Page* lent();  // stands for the bytes of a lent frame
  static void release(Page* bytes);

  const MemoryConfig config_;
  std::vector<std::atomic<Block*>> blocks_;  // by 2 MiB from config_.base; made on first use
  std::atomic<FrameStore*> store_ = nullptr;
  std::atomic<uint64_t> held_ = 0;
  std::atomic<uint64_t> pins_ = 0;

  std::mutex mutex_;  // guards the free memory below
  Pfn fresh_;         // nothing from here on was ever used
  std::deque<Pfn> free_4k_;
  std::vector<Pfn> free_2m_;
  std::vector<Pfn> free_1g_;
  Pfn last_4k_;
};

}  // namespace noiommu::mm
