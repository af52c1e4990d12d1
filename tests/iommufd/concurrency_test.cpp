// Threads of one program on one context. What must hold at any moment is asserted as it happens;
// the fixture looks for what is left at the end, ThreadSanitizer at everything in between.
// Spec: iommufd.md section 17.
#include <algorithm>
#include <atomic>
#include <barrier>
#include <functional>
#include <initializer_list>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "tests/iommufd/iommufd_test.h"

namespace noiommu::tests {
namespace {

// One thread's way into the kernel, with an argument page of its own: no lock of the test stands
// between two system calls.
class ThreadCalls {
 public:
  ThreadCalls(Client& client, UserPtr page) : process_(client.process.get()), page_(page) {}

  template <class T>
  int64_t ioctl(int fd, uint32_t command, T& argument) {
    write(argument);
    const int64_t done = Program::answer(process_->ioctl(fd, command, page_.value));
    if (!read_user(process_->memory(), page_, argument)) throw std::logic_error("lost the page");
    return done;
  }

 private:
  template <class T>
  void write(const T& argument) {
    if (!write_user(process_->memory(), page_, argument)) throw std::logic_error("lost the page");
  }

  Process* process_;
  UserPtr page_;
};
using Thread = Commands<ThreadCalls>;

class Concurrency : public AttachedTest {
 protected:
  using Body = std::function<void(Thread&)>;

  // Runs all bodies at once, each on a thread of `client`.
  void run(Client& client, const std::vector<Body>& bodies) {
    std::barrier start(static_cast<std::ptrdiff_t>(bodies.size()));
    std::vector<std::jthread> threads;
    for (const Body& body : bodies) {
      Thread calls(client, client.memory(kPageSize));
      calls.iommufd = client.iommufd;
      threads.emplace_back([&start, &body, calls]() mutable {
        start.arrive_and_wait();
        body(calls);
      });
    }
  }
  void run(const std::vector<Body>& bodies) { run(*program_, bodies); }

  static std::vector<Body> times(int count, const std::function<void(Thread&, int)>& body) {
    std::vector<Body> bodies;
    for (int number = 0; number < count; ++number) {
      bodies.emplace_back([&body, number](Thread& calls) { body(calls, number); });
    }
    return bodies;
  }
  static bool one_of(int64_t answer, std::initializer_list<int64_t> allowed) {
    return std::find(allowed.begin(), allowed.end(), answer) != allowed.end();
  }

  // Pages that a thread maps, looks up and unmaps, between those of its neighbours.
  struct Pages {
    UserPtr va;
    uint64_t first_iova;
    uint64_t stride;
    uint64_t count;
  };
  Pages interleaved(int number, int threads, uint64_t count) const {
    return {program_->labelled_memory(count * kPageSize), 0x100000 + number * kPageSize,
            threads * kPageSize, count};
  }
  // `detached` may happen when somebody else attaches and detaches meanwhile.
  void map_look_unmap(Thread& calls, const Pages& pages, bool detached) {
    for (uint64_t i = 0; i < pages.count; ++i) {
      ASSERT_EQ(calls.map_at(ioas_, pages.va + i * kPageSize, kPageSize,
                             pages.first_iova + i * pages.stride),
                0);
    }
    for (uint64_t i = 0; i < pages.count; ++i) {
      const Extent at = calls.get_pa(ioas_, pages.first_iova + i * pages.stride, 1);
      if (detached && at.answer == -EOPNOTSUPP) continue;
      ASSERT_EQ(at.answer, 0);
      ASSERT_EQ(program_->dma_read(at.phys), pages.va.value + i * kPageSize);
    }
    for (uint64_t i = 0; i < pages.count; ++i) {
      ASSERT_EQ(calls.unmap(ioas_, pages.first_iova + i * pages.stride, kPageSize), 4096);
    }
  }
};

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
      const int64_t id = 1 + random() % 10;
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

}  // namespace
}  // namespace noiommu::tests
