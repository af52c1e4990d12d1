// Maps, lookups, attaches and objects on several threads. Spec: iommufd.md section 17.
#include "tests/iommufd/concurrency.h"

#include <atomic>
#include <random>
#include <utility>

namespace noiommu::tests {
namespace {

TEST_F(Concurrency, MapsOfDifferentPagesDoNotDisturbEachOther) {
  start();
  constexpr int kThreads = 4;
  std::vector<Pages> pages;
  for (int i = 0; i < kThreads; ++i) pages.push_back(interleaved(i, kThreads, 24));
  run(times(kThreads, [&](Thread& calls, int number) {
    for (int round = 0; round < 150; ++round) map_look_unmap(calls, pages[number], false);
  }));
  EXPECT_EQ(pins(), 0U);
}

TEST_F(Concurrency, MapsStayRightWhileDevicesComeAndGo) {
  start();
  const int64_t other = program_->ioas_alloc();
  const int second = program_->bind(1);
  std::vector<Pages> pages;
  for (int i = 0; i < 2; ++i) pages.push_back(interleaved(i, 2, 8));
  const auto mapper = [&](int number) {
    return [&, number](Thread& calls) {
      for (int round = 0; round < 400; ++round) map_look_unmap(calls, pages[number], true);
    };
  };
  const auto attacher = [&](int device) {
    return [&, device](Thread& calls) {
      for (int round = 0; round < 400; ++round) {
        EXPECT_GT(calls.attach(device, ioas_), 0);
        EXPECT_GT(calls.attach(device, other), 0);
        EXPECT_GT(calls.attach(device, ioas_), 0);
        EXPECT_EQ(calls.detach(device), 0);
      }
    };
  };
  run({mapper(0), mapper(1), attacher(device_), attacher(second)});
  EXPECT_EQ(pins(), 0U);
  EXPECT_EQ(program_->alignment(ioas_), 1U);
  EXPECT_EQ(program_->destroy(ioas_), 0) << "no page table is left over";
  EXPECT_EQ(program_->destroy(other), 0);
}

TEST_F(Concurrency, OneThreadGetsAnAddressAndTheOthersEexist) {
  start();
  const UserPtr va = program_->memory(2 * kMiB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_HUGETLB);
  std::atomic<int> owners = 0;
  std::atomic<int> won = 0;
  run(times(4, [&](Thread& calls, int number) {
    for (int round = 0; round < 2000; ++round) {
      const uint64_t length = 2 * kPageSize + static_cast<uint64_t>(number) * kPageSize;
      const int64_t done = calls.map_at(ioas_, va, length, 0x10000);
      if (done == -EEXIST) continue;
      ASSERT_EQ(done, 0);
      EXPECT_EQ(owners.fetch_add(1), 0);
      ++won;
      EXPECT_EQ(calls.get_pa(ioas_, 0x10000).length, length);
      owners.fetch_sub(1);
      ASSERT_EQ(calls.unmap(ioas_, 0x10000, length), static_cast<int64_t>(length));
    }
  }));
  EXPECT_GT(won, 0);
}

TEST_F(Concurrency, ChosenAddressesAreDifferent) {
  start();
  constexpr int kThreads = 4;
  std::vector<UserPtr> memory;
  for (int i = 0; i < kThreads; ++i) memory.push_back(program_->labelled_memory(8 * kPageSize));
  run(times(kThreads, [&](Thread& calls, int number) {
    std::mt19937 random(static_cast<unsigned>(number));
    std::vector<std::pair<uint64_t, uint64_t>> areas;
    for (int round = 0; round < 400; ++round) {
      const uint64_t length = (1 + random() % 8) * kPageSize;
      const int64_t iova = calls.map(ioas_, memory[number], length);
      ASSERT_GT(iova, 0);
      areas.emplace_back(iova, length);
      for (const auto& [start, bytes] : areas) {
        const Extent last = calls.get_pa(ioas_, start + bytes - kPageSize);
        ASSERT_EQ(program_->dma_read(last.phys), memory[number].value + bytes - kPageSize);
      }
      if (areas.size() < 6) continue;
      ASSERT_EQ(calls.unmap(ioas_, areas[2].first, areas[2].second),
                static_cast<int64_t>(areas[2].second));
      areas.erase(areas.begin() + 2);
    }
  }));
}

TEST_F(Concurrency, UnmapOfEverythingMeetsMapsHalfWay) {
  start();
  const UserPtr va = program_->memory(4 * kPageSize);
  const auto mapper = [&](uint64_t iova) {
    return [&, iova](Thread& calls) {
      for (int round = 0; round < 2000; ++round) {
        EXPECT_TRUE(one_of(calls.map_at(ioas_, va, 4 * kPageSize, iova), {0, -EEXIST}));
      }
    };
  };
  const auto unmapper = [&](Thread& calls) {
    for (int round = 0; round < 2000; ++round) {
      const int64_t done = calls.unmap_all(ioas_);
      EXPECT_TRUE(one_of(done, {0, 0x4000, 0x8000, 0xc000, 0x10000, -EBUSY})) << done;
    }
  };
  run({mapper(0x10000), mapper(0x20000), unmapper, unmapper});
  program_->unmap_all(ioas_);
  EXPECT_EQ(pins(), 0U);
}

TEST_F(Concurrency, AttachAndByteGranularMapsExcludeEachOther) {
  start();
  program_->detach(device_);
  const UserPtr va = program_->memory(kPageSize);
  const auto attacher = [&](Thread& calls) {
    for (int round = 0; round < 2000; ++round) {
      const int64_t hwpt = calls.attach(device_, ioas_);
      EXPECT_TRUE(one_of(hwpt, {3, -EADDRINUSE})) << hwpt;
      calls.detach(device_);
    }
  };
  const auto mapper = [&](Thread& calls) {
    for (int round = 0; round < 4000; ++round) {
      const int64_t done = calls.map_at(ioas_, va, 100, 0x10000);
      if (done == 0) {
        ASSERT_EQ(calls.unmap(ioas_, 0x10000, 100), 100);
      } else {
        ASSERT_EQ(done, -EINVAL);
      }
    }
  };
  run({attacher, mapper});
}

// Every thread does anything to any id. Single answers tell little here; nothing may crash, hang
// or be left over.
TEST_F(Concurrency, StormOnAllObjects) {
  Client& program = boot();
  program_ = &program;
  const std::vector<int> devices{program.bind(0), program.bind(1)};
  const UserPtr va = program.memory(64 * kPageSize);
  run(times(4, [&](Thread& calls, int number) {
    std::mt19937 random(static_cast<unsigned>(number) + 40);
    for (int step = 0; step < 8000; ++step) {
      const auto id = static_cast<int64_t>(1 + random() % 10);
      const int device = devices[random() % 2];
      const uint64_t iova = (1 + random() % 32) * kPageSize;
      const uint64_t length = (1 + random() % 16) * kPageSize;
      switch (random() % 10) {
        case 0:
          EXPECT_GT(calls.ioas_alloc(), 2);
          break;
        case 1:
        case 2:
          EXPECT_TRUE(one_of(calls.destroy(id), {0, -ENOENT, -EBUSY}));
          break;
        case 3:
        case 4: {
          const int64_t hwpt = calls.attach(device, id);
          EXPECT_TRUE(hwpt > 2 || one_of(hwpt, {-ENOENT, -EINVAL})) << hwpt;
          break;
        }
        case 5:
          EXPECT_EQ(calls.detach(device), 0);
          break;
        case 6:
        case 7:
          EXPECT_TRUE(one_of(calls.map_at(id, va, length, iova), {0, -ENOENT, -EEXIST}));
          break;
        case 8:
          EXPECT_TRUE(one_of(calls.get_pa(id, iova, length).answer, {0, -ENOENT, -EOPNOTSUPP}));
          break;
        default: {
          const int64_t bytes = calls.unmap(id, iova, length);
          EXPECT_TRUE(bytes > 0 || one_of(bytes, {-ENOENT, -EBUSY})) << bytes;
          break;
        }
      }
    }
  }));
}

TEST_F(Concurrency, DevicesAreBoundAndClosedWhileOthersUseTheContext) {
  start();
  const UserPtr va = program_->memory(8 * kPageSize);
  const auto come_and_go = [&](Thread&) {
    for (int round = 0; round < 300; ++round) {
      const int device = program_->bind(1);
      ASSERT_GE(device, 0);
      ASSERT_GT(program_->attach(device, ioas_), 0);
      ASSERT_EQ(program_->close(device), 0);
    }
  };
  const auto stay = [&](Thread& calls) {
    for (int round = 0; round < 1000; ++round) {
      ASSERT_EQ(calls.map_at(ioas_, va, 8 * kPageSize, 0x10000), 0);
      ASSERT_EQ(calls.get_pa(ioas_, 0x17000).length, 0x1000U);
      ASSERT_EQ(calls.unmap(ioas_, 0x10000, 8 * kPageSize), 0x8000);
      ASSERT_TRUE(one_of(calls.destroy(4), {-ENOENT, -EBUSY})) << "the device that comes and goes";
    }
  };
  const auto look = [&](Thread& calls) {
    for (int64_t round = 0; round < 3000; ++round) {
      ASSERT_TRUE(one_of(calls.destroy(1 + round % 6), {-ENOENT, -EBUSY})) << "all is in use";
    }
  };
  run({come_and_go, stay, look});
}

TEST_F(Concurrency, TheLimitIsNeverExceeded) {
  start();
  program_->process->set_capability(CAP_IPC_LOCK, false);
  program_->process->set_memlock(8 * kPageSize);
  const UserPtr va = program_->memory(8 * kPageSize);
  std::atomic<uint64_t> mapped = 0;
  run(times(4, [&](Thread& calls, int number) {
    const uint64_t iova = 0x100000 * static_cast<uint64_t>(number + 1);
    for (int round = 0; round < 2000; ++round) {
      const int64_t done = calls.map_at(ioas_, va, 3 * kPageSize, iova);
      if (done == -ENOMEM) continue;
      ASSERT_EQ(done, 0);
      EXPECT_LE(mapped += 3, 8U);
      mapped -= 3;
      ASSERT_EQ(calls.unmap(ioas_, iova, 3 * kPageSize), 0x3000);
    }
  }));
  EXPECT_EQ(program_->process->task()->user->locked_vm, 0U);
}

TEST_F(Concurrency, ProcessesExitWhileTheirMemoryIsAttached) {
  start();
  std::vector<Client*> mappers;
  for (int i = 0; i < 8; ++i) {
    Client& mapper = spawn();
    mapper.close(mapper.iommufd);
    mapper.iommufd = mapper.receive(*program_, program_->iommufd);
    mappers.push_back(&mapper);
  }
  const auto attacher = [&](Thread& calls) {
    for (int round = 0; round < 150; ++round) {
      const int64_t hwpt = calls.attach(device_, ioas_);
      EXPECT_TRUE(one_of(hwpt, {3, -EFAULT})) << hwpt;
      calls.detach(device_);
    }
  };
  const auto parent = [&](Thread& calls) {
    uint64_t iova = 0x10000;
    for (Client* mapper : mappers) {
      const UserPtr va = mapper->memory(4 * kPageSize);
      EXPECT_TRUE(one_of(mapper->map_at(ioas_, va, 4 * kPageSize, iova), {0}));
      exit(*mapper);
      std::this_thread::yield();
      EXPECT_EQ(calls.unmap(ioas_, iova, 4 * kPageSize), 0x4000);
      iova += 0x10000;
    }
  };
  run({attacher, parent});
  EXPECT_EQ(pins(), 0U);
}

TEST_F(Concurrency, MemoryIsUnmappedWhileItIsPinned) {
  start();
  constexpr uint64_t kBytes = 16 * kPageSize;
  std::atomic<uint64_t> va = program_->memory(kBytes).value;
  const auto remapper = [&](Thread&) {
    for (int round = 0; round < 1000; ++round) {
      const UserPtr fresh = program_->memory(kBytes);
      program_->free_memory({va.exchange(fresh.value)}, kBytes);
      std::this_thread::yield();
    }
  };
  const auto mapper = [&](Thread& calls) {
    for (int round = 0; round < 1000; ++round) {
      const int64_t mapped = calls.map_at(ioas_, {va}, kBytes, 0x100000);
      ASSERT_TRUE(one_of(mapped, {0, -EFAULT})) << mapped;
      if (mapped == 0) {
        ASSERT_EQ(calls.unmap(ioas_, 0x100000, kBytes), 0x10000);
      }
    }
  };
  run({remapper, mapper});
  EXPECT_EQ(pins(), 0U);
}

// A file that is mapped may be a device, and an unmap the last to hold it: then the device leaves
// its page table. That takes locks which another call takes before those of the unmap.
TEST_F(Concurrency, AnUnmapReleasesADeviceWhilePagesChangeHands) {
  start();
  const int64_t other = program_->ioas_alloc();
  std::atomic<bool> over = false;
  const auto changer = [&](Thread& calls) {
    while (!over) EXPECT_TRUE(one_of(calls.change_process(), {0, -EBUSY}));
  };
  const auto releaser = [&](Thread&) {
    for (int round = 0; round < 3000; ++round) {
      const int device = program_->bind(1);
      ASSERT_GT(program_->attach(device, ioas_), 0);
      const int64_t iova = program_->map_file(other, device, 0, kPageSize);
      ASSERT_GT(iova, 0);
      program_->close(device);
      ASSERT_EQ(program_->unmap(other, iova, kPageSize), 0x1000);
    }
    over = true;
  };
  run({changer, releaser});
  EXPECT_EQ(program_->destroy(other), 0);
}

}  // namespace
}  // namespace noiommu::tests
