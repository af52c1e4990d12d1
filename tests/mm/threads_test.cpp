// Threads of one process pin, unpin, map, unmap, store and fork at once. Whatever the order, at the
// end nothing may be held or pinned, and a pinned page is never anybody else's.
#include <gtest/gtest.h>

#include <map>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include "tests/mm/one_process.h"
#include "tests/support/result.h"

namespace noiommu::mm {
namespace {

using tests::errno_of;

template <class Work>
void in_threads(int count, Work work) {
  std::vector<std::thread> threads;
  threads.reserve(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) threads.emplace_back([&work, i] { work(i); });
  for (std::thread& thread : threads) thread.join();
}

TEST(MemoryThreads, PinsRaceWithMunmapOfTheSameMapping) {
  constexpr uint64_t kPages = 16;
  OneProcess bench;
  for (int round = 0; round < 100; ++round) {
    const UserPtr at = bench.map(kPages * kPageSize);
    in_threads(4, [&](int thread) {
      if (thread == 0) {
        for (uint64_t page = 0; page < kPages; page += 2) {
          EXPECT_TRUE(bench.process->munmap(at + page * kPageSize, kPageSize));
        }
        return;
      }
      for (uint64_t page = 0; page < kPages; ++page) {
        std::vector<PfnRun> runs;
        const int done = errno_of(bench.pin(at + page * kPageSize, 1, runs));
        EXPECT_TRUE(done == 0 || (done == EFAULT && page % 2 == 0)) << done;
        EXPECT_EQ(runs.empty(), done != 0);
        bench.unpin(runs);
      }
    });
    EXPECT_EQ(bench.memory.pins(), 0U);
    EXPECT_TRUE(bench.process->munmap(at, kPages * kPageSize));
    EXPECT_EQ(bench.memory.held_frames(), 0U);
  }
}

// Who has which frame pinned; no two may have the same one, as every thread has its own memory.
class Owners {
 public:
  void take(const std::vector<PfnRun>& runs, int owner) {
    const std::lock_guard lock(mutex_);
    for (const uint64_t pfn : frames(runs)) EXPECT_TRUE(owner_of_.emplace(pfn, owner).second);
  }
  void give_back(const std::vector<PfnRun>& runs, int owner) {
    const std::lock_guard lock(mutex_);
    for (const uint64_t pfn : frames(runs)) {
      const auto entry = owner_of_.find(pfn);
      ASSERT_NE(entry, owner_of_.end());
      EXPECT_EQ(entry->second, owner);
      owner_of_.erase(entry);
    }
  }

 private:
  std::mutex mutex_;
  std::map<uint64_t, int> owner_of_;
};

TEST(MemoryThreads, EveryThreadsPinsAreItsOwn) {
  OneProcess bench;
  Owners owners;
  in_threads(4, [&](int thread) {
    std::mt19937 random(static_cast<unsigned>(thread));
    struct Pinned {
      std::vector<PfnRun> runs;
      std::string mark;
    };
    std::vector<Pinned> kept;
    for (int step = 0; step < 400; ++step) {
      const bool huge = random() % 16 == 0;
      const uint64_t pages = huge ? 512 : 1 + random() % 8;
      const UserPtr at = huge ? bench.map_huge(2 * kMiB) : bench.map(pages * kPageSize);
      const std::string mark = std::to_string(thread) + "/" + std::to_string(step);
      ASSERT_TRUE(bench.write(at, mark));
      Pinned pinned{bench.pin(at, pages), mark};
      ASSERT_EQ(frames(pinned.runs).size(), pages);
      owners.take(pinned.runs, thread);
      kept.push_back(std::move(pinned));
      ASSERT_TRUE(bench.process->munmap(at, pages * kPageSize));
      while (kept.size() > random() % 8) {
        std::swap(kept[random() % kept.size()], kept.back());
        const Pinned& last = kept.back();
        EXPECT_EQ(bench.device_read(last.runs[0].first, last.mark.size()), last.mark);
        owners.give_back(last.runs, thread);
        bench.unpin(last.runs);
        kept.pop_back();
      }
    }
    for (const Pinned& pinned : kept) {
      owners.give_back(pinned.runs, thread);
      bench.unpin(pinned.runs);
    }
  });
  EXPECT_EQ(bench.memory.pins(), 0U);
  EXPECT_EQ(bench.memory.held_frames(), 0U);
}

TEST(MemoryThreads, StoresAndLoadsOfOnePageAreWhole) {
  OneProcess bench;
  const UserPtr at = bench.map(kPageSize);
  ASSERT_TRUE(bench.write(at, "0000000000000000"));
  in_threads(4, [&](int thread) {
    const std::string mine(16, static_cast<char>('0' + thread));
    for (int step = 0; step < 2000; ++step) {
      ASSERT_TRUE(bench.write(at, mine));
      const std::string got = bench.read(at, 16);
      EXPECT_EQ(got, std::string(16, got[0]));
    }
  });
}

TEST(MemoryThreads, ForkRacesWithEverything) {
  OneProcess bench;
  const UserPtr shared = bench.map(4 * kPageSize, kReadWrite, MAP_SHARED);
  in_threads(3, [&](int thread) {
    for (int step = 0; step < 150; ++step) {
      if (thread == 0) {
        auto child = bench.process->fork();
        ASSERT_TRUE(child);
        ASSERT_TRUE(OneProcess::write(**child, shared, "child"));
        continue;
      }
      const UserPtr at = bench.map(4 * kPageSize);
      ASSERT_TRUE(bench.write(at, std::string(4 * kPageSize, 'x')));
      const auto runs = bench.pin(at + kPageSize, 2);
      ASSERT_TRUE(bench.process->munmap(at, 3 * kPageSize));
      EXPECT_EQ(bench.device_read(runs[0].first, 1), "x");
      bench.unpin(runs);
      ASSERT_TRUE(bench.process->munmap(at + 3 * kPageSize, kPageSize));
    }
  });
  bench.process.reset();
  EXPECT_EQ(bench.memory.pins(), 0U);
  EXPECT_EQ(bench.memory.held_frames(), 0U);
}

TEST(MemoryThreads, ExitRacesWithPinsFromOutside) {
  for (int round = 0; round < 100; ++round) {
    OneProcess bench;
    const UserPtr at = bench.map(8 * kPageSize);
    const auto task = bench.process->task();
    in_threads(3, [&](int thread) {
      if (thread == 0) {
        bench.process.reset();
        return;
      }
      for (uint64_t page = 0; page < 8; ++page) {
        std::vector<PfnRun> runs;
        const int done = errno_of(task->memory->pin(at + page * kPageSize, 1, true, runs));
        EXPECT_TRUE(done == 0 || done == EFAULT) << done;
        bench.unpin(runs);
      }
    });
    EXPECT_EQ(bench.memory.pins(), 0U);
    EXPECT_EQ(bench.memory.held_frames(), 0U);
  }
}

}  // namespace
}  // namespace noiommu::mm
