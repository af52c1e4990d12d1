// The fixture of the tests with threads of one program on one context. What must hold at any moment
// is asserted as it happens; the fixture looks for what is left at the end, ThreadSanitizer at
// everything in between. Spec: iommufd.md section 17.
#pragma once

#include <algorithm>
#include <barrier>
#include <functional>
#include <initializer_list>
#include <thread>
#include <vector>

#include "tests/iommufd/iommufd_test.h"

namespace noiommu::tests {

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

}  // namespace noiommu::tests
