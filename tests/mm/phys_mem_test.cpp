#include "model/mm/phys_mem.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <latch>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "tests/support/result.h"

namespace noiommu::mm {
namespace {

using tests::errno_of;

constexpr uint64_t kGiB = 1ULL << 30;
constexpr unsigned k4K = PhysMem::kOrder4K;
constexpr unsigned k2M = PhysMem::kOrder2M;
constexpr unsigned k1G = PhysMem::kOrder1G;

MemoryConfig gibibytes(uint64_t count) {
  return {.base = {4 * kGiB}, .size = count * kGiB};
}

class PhysMemTest : public testing::Test {
 protected:
  Status write(PhysAddr to, std::string_view text) {
    return memory_.write(to, std::as_bytes(std::span(text)));
  }
  std::string read(PhysAddr from, uint64_t length) {
    std::string text(length, '?');
    const auto bytes = std::as_writable_bytes(std::span(text));
    return memory_.read(from, bytes) ? text : "fault";
  }
  static std::string zeros(size_t count) { return std::string(count, '\0'); }

  PhysMem memory_{gibibytes(4)};
};

TEST_F(PhysMemTest, FoliosAreNaturallyAlignedAndInside) {
  for (const unsigned order : {k4K, k2M, k4K, k1G, k2M, k4K, k1G}) {
    const Pfn pfn = *memory_.alloc(order);
    EXPECT_EQ(pfn.value % (1ULL << order), 0U) << order;
    EXPECT_GE(to_phys(pfn), PhysAddr{4 * kGiB});
    EXPECT_LE(to_phys(pfn + (1ULL << order)), PhysAddr{8 * kGiB});
  }
}

TEST_F(PhysMemTest, FoliosDoNotOverlap) {
  std::vector<PfnRun> folios;
  for (int round = 0; round < 600; ++round) {
    for (const unsigned order : {k4K, k2M}) {
      folios.push_back({*memory_.alloc(order), uint64_t{1} << order});
    }
  }
  folios.push_back({*memory_.alloc(k1G), uint64_t{1} << k1G});
  std::sort(folios.begin(), folios.end(),
            [](const PfnRun& a, const PfnRun& b) { return a.first < b.first; });
  for (size_t i = 1; i < folios.size(); ++i) {
    EXPECT_LE(folios[i - 1].first + folios[i - 1].count, folios[i].first);
  }
}

TEST(PhysMem, ScatteredFramesAreNeverNeighboursOfTheOneBefore) {
  PhysMem memory({.placement = MemoryConfig::Placement::kScattered});
  std::vector<Pfn> taken;
  taken.reserve(2000);
  for (int i = 0; i < 2000; ++i) taken.push_back(*memory.alloc(k4K));
  for (size_t i = 1; i < taken.size(); ++i) EXPECT_NE(taken[i], taken[i - 1] + 1) << i;
  // Also when they come back in ascending order.
  std::sort(taken.begin(), taken.end());
  for (const Pfn pfn : taken) memory.put(pfn);
  Pfn last = *memory.alloc(k4K);
  for (int i = 1; i < 2000; ++i) {
    const Pfn next = *memory.alloc(k4K);
    EXPECT_NE(next, last + 1) << i;
    last = next;
  }
}

TEST(PhysMem, ContiguousFramesAreNeighbours) {
  PhysMem memory({.placement = MemoryConfig::Placement::kContiguous});
  Pfn last = *memory.alloc(k4K);
  for (int i = 1; i < 2000; ++i) {
    const Pfn next = *memory.alloc(k4K);
    EXPECT_EQ(next, last + 1) << i;
    last = next;
  }
}

TEST_F(PhysMemTest, AFolioIsHeldUntilItsReferenceGoes) {
  const Pfn huge = *memory_.alloc(k2M);
  const Pfn small = *memory_.alloc(k4K);
  EXPECT_EQ(memory_.held_frames(), 513U);
  memory_.put(huge + 77);  // any of its frames will do
  EXPECT_EQ(memory_.held_frames(), 1U);
  memory_.put(small);
  EXPECT_EQ(memory_.held_frames(), 0U);
}

TEST_F(PhysMemTest, PinsOutliveTheReference) {
  const Pfn pfn = *memory_.alloc(k4K);
  memory_.pin({pfn, 1});
  memory_.pin({pfn, 1});
  memory_.put(pfn);
  EXPECT_EQ(memory_.held_frames(), 1U);
  EXPECT_EQ(memory_.pins(), 2U);
  memory_.unpin({pfn, 1});
  EXPECT_EQ(memory_.held_frames(), 1U);
  memory_.unpin({pfn, 1});
  EXPECT_EQ(memory_.held_frames(), 0U);
  EXPECT_EQ(memory_.pins(), 0U);
}

TEST_F(PhysMemTest, TheReferenceOutlivesPins) {
  const Pfn pfn = *memory_.alloc(k4K);
  memory_.pin({pfn, 1});
  memory_.unpin({pfn, 1});
  EXPECT_EQ(memory_.held_frames(), 1U);
  EXPECT_EQ(memory_.pins(), 0U);
  memory_.put(pfn);
  EXPECT_EQ(memory_.held_frames(), 0U);
}

TEST_F(PhysMemTest, PinsOfALargeFolioCountPerFrame) {
  const Pfn pfn = *memory_.alloc(k1G);
  memory_.pin({pfn + 100, 1000});
  memory_.pin({pfn, 1ULL << k1G});
  EXPECT_EQ(memory_.pins(), 1000 + (1ULL << k1G));
  memory_.put(pfn);
  memory_.unpin({pfn, 1ULL << k1G});
  memory_.unpin({pfn + 100, 999});
  EXPECT_EQ(memory_.held_frames(), 1ULL << k1G);
  memory_.unpin({pfn + 1099, 1});
  EXPECT_EQ(memory_.held_frames(), 0U);
  EXPECT_EQ(memory_.pins(), 0U);
}

TEST(PhysMem, ARunMayCoverFoliosOfDifferentSize) {
  PhysMem memory({.placement = MemoryConfig::Placement::kContiguous});
  const Pfn huge = *memory.alloc(k2M);
  const Pfn first = *memory.alloc(k4K);
  const Pfn second = *memory.alloc(k4K);
  ASSERT_EQ(first, huge + 512);
  ASSERT_EQ(second, first + 1);
  memory.pin({huge + 500, 14});
  for (const Pfn pfn : {huge, first, second}) memory.put(pfn);
  EXPECT_EQ(memory.held_frames(), 514U);
  memory.unpin({huge + 500, 13});
  EXPECT_EQ(memory.held_frames(), 1U);
  memory.unpin({second, 1});
  EXPECT_EQ(memory.held_frames(), 0U);
}

TEST(PhysMem, FullMemoryIsENOMEMUntilSomethingIsFreed) {
  PhysMem memory(gibibytes(2));
  const Pfn one = *memory.alloc(k1G);
  const Pfn two = *memory.alloc(k1G);
  for (const unsigned order : {k4K, k2M, k1G}) EXPECT_EQ(errno_of(memory.alloc(order)), ENOMEM);
  EXPECT_EQ(memory.held_frames(), 2ULL << k1G);
  memory.put(one);
  EXPECT_EQ(memory.alloc(k1G), one);
  EXPECT_NE(one, two);
}

TEST(PhysMem, EveryFrameCanBeUsed) {
  PhysMem memory(gibibytes(1));
  std::vector<Pfn> taken;
  for (uint64_t i = 0; i < 1ULL << k1G; ++i) taken.push_back(*memory.alloc(k4K));
  EXPECT_EQ(errno_of(memory.alloc(k4K)), ENOMEM);
  memory.put(taken.back());
  EXPECT_EQ(memory.alloc(k4K), taken.back());
}

TEST(PhysMem, AllocatingAGibibyteLosesNothingOfWhatItSkips) {
  PhysMem memory(gibibytes(2));
  const Pfn small = *memory.alloc(k2M);
  const Pfn large = *memory.alloc(k1G);
  EXPECT_EQ(large, small + (1ULL << k1G));
  for (int i = 0; i < 511; ++i) EXPECT_TRUE(memory.alloc(k2M));
  EXPECT_EQ(errno_of(memory.alloc(k2M)), ENOMEM);
}

TEST(PhysMem, FreedLargeFoliosServeSmallerOnes) {
  PhysMem memory(gibibytes(1));
  memory.put(*memory.alloc(k1G));
  const Pfn huge = *memory.alloc(k2M);
  const Pfn small = *memory.alloc(k4K);
  EXPECT_EQ(memory.held_frames(), 513U);
  EXPECT_EQ(errno_of(memory.alloc(k1G)), ENOMEM);
  memory.pin({huge + 511, 1});
  memory.put(huge);
  memory.put(small);
  EXPECT_EQ(memory.held_frames(), 512U);
  memory.unpin({huge + 511, 1});
  EXPECT_EQ(memory.held_frames(), 0U);
}

TEST_F(PhysMemTest, BytesCrossPages) {
  const Pfn pfn = *memory_.alloc(k2M);
  const PhysAddr at = to_phys(pfn + 3) - 4;
  const std::string text(2 * kPageSize + 8, 'x');
  EXPECT_TRUE(write(at, text));
  EXPECT_EQ(read(at, text.size()), text);
  EXPECT_EQ(read(at - 1, 3), std::string("\0xx", 3));
  EXPECT_EQ(read(at + text.size() - 1, 2), std::string("x\0", 2));
}

TEST_F(PhysMemTest, AFreshFolioIsZeroEvenIfItWasUsedBefore) {
  const Pfn pfn = *memory_.alloc(k2M);
  EXPECT_EQ(read(to_phys(pfn), 8), zeros(8));
  EXPECT_TRUE(write(to_phys(pfn), "old text"));
  memory_.put(pfn);
  ASSERT_EQ(memory_.alloc(k2M), pfn);
  EXPECT_EQ(read(to_phys(pfn), 8), zeros(8));
}

TEST_F(PhysMemTest, WhatNobodyHoldsReadsZeroAndLosesStores) {
  const PhysAddr untouched{5 * kGiB};
  EXPECT_TRUE(write(untouched, "stray"));
  EXPECT_EQ(read(untouched, 5), zeros(5));

  const Pfn freed = *memory_.alloc(k2M);
  memory_.put(freed);
  EXPECT_TRUE(write(to_phys(freed), "stray"));
  EXPECT_EQ(read(to_phys(freed), 5), zeros(5));
  ASSERT_EQ(memory_.alloc(k2M), freed);
  EXPECT_EQ(read(to_phys(freed), 5), zeros(5));
}

TEST_F(PhysMemTest, PinnedFramesKeepTheirBytes) {
  const Pfn pfn = *memory_.alloc(k4K);
  EXPECT_TRUE(write(to_phys(pfn), "kept"));
  memory_.pin({pfn, 1});
  memory_.put(pfn);
  EXPECT_EQ(read(to_phys(pfn), 4), "kept");
  EXPECT_TRUE(write(to_phys(pfn), "DMA!"));
  EXPECT_EQ(read(to_phys(pfn), 4), "DMA!");
}

TEST_F(PhysMemTest, OutsideMemoryIsEFAULT) {
  const PhysAddr begin{4 * kGiB};
  const PhysAddr end{8 * kGiB};
  for (const auto& [at, length] : std::vector<std::pair<PhysAddr, uint64_t>>{{{0}, 1},
                                                                             {begin - 1, 1},
                                                                             {begin - 1, 2},
                                                                             {end, 1},
                                                                             {end - 1, 2},
                                                                             {{UINT64_MAX}, 1},
                                                                             {{UINT64_MAX}, 100}}) {
    EXPECT_EQ(read(at, length), "fault") << at.value;
    EXPECT_EQ(errno_of(write(at, std::string(length, 'x'))), EFAULT) << at.value;
  }
  EXPECT_EQ(read(begin, 1), zeros(1));
  EXPECT_EQ(read(end - 1, 1), zeros(1));
}

TEST_F(PhysMemTest, AStoreThatLeavesMemoryMovesNothing) {
  PhysMem memory(gibibytes(1));
  const Pfn pfn = *memory.alloc(k1G);
  const std::string text = "12345678";
  const auto bytes = std::as_bytes(std::span(text));
  EXPECT_EQ(errno_of(memory.write(to_phys(pfn) + kGiB - 4, bytes)), EFAULT);
  std::string got(4, '?');
  EXPECT_TRUE(memory.read(to_phys(pfn) + kGiB - 4, std::as_writable_bytes(std::span(got))));
  EXPECT_EQ(got, zeros(4));
}

// A device that was left running goes on with an address whose memory is long given to others.
TEST(PhysMemThreads, AStrayDeviceRacesWithAllocation) {
  PhysMem memory(gibibytes(1));
  const PhysAddr stray = to_phys(*memory.alloc(k4K));
  memory.put(to_pfn(stray));
  std::atomic<bool> stop = false;
  std::latch running(3);
  std::vector<std::thread> devices;
  for (uint64_t i = 0; i < 2; ++i) {
    devices.emplace_back([&memory, &stop, &running, at = stray + kPageSize * i] {
      // Different pages for each device, so that only lifetimes race.
      std::array<std::byte, kPageSize> bytes{std::byte{0xff}};
      running.arrive_and_wait();
      while (!stop) {
        static_cast<void>(memory.write(at, bytes));
        static_cast<void>(memory.read(at, bytes));
      }
    });
  }
  running.arrive_and_wait();
  for (int round = 0; round < 500; ++round) {
    std::vector<Pfn> taken;
    for (uint64_t i = 0; i < 512; ++i) taken.push_back(*memory.alloc(k4K));
    std::this_thread::yield();
    for (const Pfn pfn : taken) memory.put(pfn);
  }
  stop = true;
  for (std::thread& device : devices) device.join();
  EXPECT_EQ(memory.held_frames(), 0U);
}

// A frame that a device is just using becomes free only when it is done.
Pfn alloc_when_free(PhysMem& memory, unsigned order) {
  while (true) {
    if (auto folio = memory.alloc(order)) return *folio;
    std::this_thread::yield();
  }
}

// The stray address is cut anew again and again: as part of 1 GiB, of 2 MiB, of 4 KiB.
TEST(PhysMemThreads, AStrayDeviceRacesWithCutting) {
  for (int round = 0; round < 8; ++round) {
    PhysMem memory(gibibytes(1));
    std::atomic<bool> stop = false;
    std::latch running(2);
    std::thread device([&] {
      std::array<std::byte, 8> bytes{};
      running.arrive_and_wait();
      for (uint64_t i = 0; !stop; ++i) {
        const PhysAddr at{4 * kGiB + i % 1024 * kPageSize};
        static_cast<void>(memory.write(at, bytes));
        static_cast<void>(memory.read(at, bytes));
      }
    });
    running.arrive_and_wait();
    memory.put(alloc_when_free(memory, k1G));
    std::vector<Pfn> taken;
    taken.reserve(4096);
    for (int i = 0; i < 511; ++i) taken.push_back(alloc_when_free(memory, k2M));
    for (const Pfn pfn : taken) memory.put(pfn);
    taken.clear();
    for (int i = 0; i < 4096; ++i) taken.push_back(alloc_when_free(memory, k4K));
    for (const Pfn pfn : taken) memory.put(pfn);
    stop = true;
    device.join();
    EXPECT_EQ(memory.held_frames(), 0U);
  }
}

TEST(PhysMemThreads, AllocatingPinningAndFreeingLeavesNothingHeld) {
  constexpr int kThreads = 4;
  PhysMem memory(gibibytes(2));
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&memory, t] {
      for (int round = 0; round < 1000; ++round) {
        const unsigned order = (round + t) % 8 == 0 ? k2M : k4K;
        auto folio = memory.alloc(order);
        ASSERT_TRUE(folio);
        uint64_t mark = static_cast<uint64_t>(t) << 32 | static_cast<uint64_t>(round);
        const uint64_t written = mark;
        ASSERT_TRUE(memory.write(to_phys(*folio), std::as_bytes(std::span(&mark, 1))));
        memory.pin({*folio, uint64_t{1} << order});
        memory.put(*folio);
        ASSERT_TRUE(memory.read(to_phys(*folio), std::as_writable_bytes(std::span(&mark, 1))));
        ASSERT_EQ(mark, written);
        memory.unpin({*folio, uint64_t{1} << order});
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(memory.held_frames(), 0U);
  EXPECT_EQ(memory.pins(), 0U);
}

}  // namespace
}  // namespace noiommu::mm
