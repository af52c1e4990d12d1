#include "model/kernel/eventfd.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>
#include <vector>

#include "tests/kernel/flat_memory.h"
#include "tests/support/result.h"

namespace noiommu {
namespace {

using tests::errno_of;

constexpr UserPtr kBuffer = tests::OneProcess::kBuffer;
constexpr uint64_t kMost = UINT64_MAX - 1;  // the highest value of a counter

class EventFdTest : public testing::Test {
 protected:
  std::shared_ptr<EventFd> eventfd(uint64_t initial = 0) {
    fd_ = *bench_.process->eventfd(initial);
    return std::dynamic_pointer_cast<EventFd>(*bench_.process->file(fd_));
  }
  // The count that a read takes, or -errno.
  int64_t take() {
    auto read = bench_.process->read(fd_, kBuffer, 8);
    if (!read) return -errno_of(read);
    uint64_t count = 0;
    static_cast<void>(read_user(*bench_.memory, kBuffer, count));
    return static_cast<int64_t>(count);
  }
  int write(uint64_t value) {
    static_cast<void>(write_user(*bench_.memory, kBuffer, value));
    return errno_of(bench_.process->write(fd_, kBuffer, 8));
  }

  tests::OneProcess bench_;
  int fd_ = -1;
};

TEST_F(EventFdTest, CountsSignalsUntilTheyAreRead) {
  auto event = eventfd();
  EXPECT_EQ(take(), -EAGAIN);
  event->signal();
  event->signal();
  EXPECT_EQ(take(), 2);
  EXPECT_EQ(take(), -EAGAIN);
}

TEST_F(EventFdTest, StartsAtItsInitialValueAndAddsWhatIsWritten) {
  eventfd(40);
  EXPECT_EQ(write(2), 0);
  EXPECT_EQ(take(), 42);
}

TEST_F(EventFdTest, ReadWantsAtLeastEightBytes) {
  eventfd(1);
  EXPECT_EQ(errno_of(bench_.process->read(fd_, kBuffer, 7)), EINVAL);
  EXPECT_EQ(errno_of(bench_.process->read(fd_, kBuffer, 0)), EINVAL);
  EXPECT_EQ(bench_.process->read(fd_, kBuffer, 4096), 8U);
}

TEST_F(EventFdTest, WriteWantsExactlyEightBytes) {
  eventfd();
  EXPECT_EQ(errno_of(bench_.process->write(fd_, kBuffer, 7)), EINVAL);
  EXPECT_EQ(errno_of(bench_.process->write(fd_, kBuffer, 9)), EINVAL);
  EXPECT_EQ(errno_of(bench_.process->write(fd_, kBuffer, 16)), EINVAL);
  EXPECT_EQ(write(0), 0);
  EXPECT_EQ(take(), -EAGAIN);
}

TEST_F(EventFdTest, AllOnesCannotBeWritten) {
  eventfd();
  EXPECT_EQ(write(UINT64_MAX), EINVAL);
  EXPECT_EQ(write(kMost), 0);
}

TEST_F(EventFdTest, AWriteThatWouldOverflowIsEAGAINAndChangesNothing) {
  eventfd(kMost - 1);
  EXPECT_EQ(write(2), EAGAIN);
  EXPECT_EQ(write(1), 0);
  EXPECT_EQ(write(1), EAGAIN);
  EXPECT_EQ(write(0), 0);
  EXPECT_EQ(static_cast<uint64_t>(take()), kMost);
}

TEST_F(EventFdTest, SignalsSaturate) {
  auto event = eventfd(kMost - 1);
  event->signal();
  event->signal();
  event->signal();
  EXPECT_EQ(static_cast<uint64_t>(take()), kMost);
}

TEST_F(EventFdTest, ABadPointerIsEFAULT) {
  eventfd(5);
  EXPECT_EQ(errno_of(bench_.process->write(fd_, UserPtr{8}, 8)), EFAULT);
  EXPECT_EQ(errno_of(bench_.process->read(fd_, UserPtr{8}, 8)), EFAULT);
  EXPECT_EQ(take(), -EAGAIN) << "the failed read took the count, as the kernel's does";
}

TEST_F(EventFdTest, AnEmptyCounterIsEAGAINBeforeTheBufferIsLookedAt) {
  eventfd();
  EXPECT_EQ(errno_of(bench_.process->read(fd_, UserPtr{8}, 8)), EAGAIN);
}

TEST_F(EventFdTest, HasNoOffsets) {
  eventfd(1);
  EXPECT_EQ(errno_of(bench_.process->pread(fd_, kBuffer, 8, 0)), ESPIPE);
  EXPECT_EQ(errno_of(bench_.process->pwrite(fd_, kBuffer, 8, 0)), ESPIPE);
  EXPECT_EQ(errno_of(bench_.process->pread(fd_, kBuffer, 8, UINT64_MAX)), EINVAL);
}

TEST_F(EventFdTest, AListenerHearsSignalsAndWritesInsteadOfTheCounter) {
  auto event = eventfd();
  int heard = 0;
  event->listen([&heard] { ++heard; });
  event->signal();
  EXPECT_EQ(write(7), 0);
  EXPECT_EQ(heard, 2);
  EXPECT_EQ(take(), -EAGAIN);
}

TEST_F(EventFdTest, AnEmptyFunctionEndsListening) {
  auto event = eventfd();
  int heard = 0;
  event->listen([&heard] { ++heard; });
  event->listen({});
  event->signal();
  EXPECT_EQ(heard, 0);
  EXPECT_EQ(take(), 1);
}

TEST_F(EventFdTest, AListenerMayEndItself) {
  auto event = eventfd();
  int heard = 0;
  event->listen([&] {
    ++heard;
    event->listen({});
  });
  event->signal();
  event->signal();
  EXPECT_EQ(heard, 1);
  EXPECT_EQ(take(), 1);
}

TEST_F(EventFdTest, ASignalBackToItsOwnEventfdIsDropped) {
  auto event = eventfd();
  int heard = 0;
  event->listen([&] {
    ++heard;
    event->signal();
  });
  event->signal();
  EXPECT_EQ(heard, 1);
  event->signal();
  EXPECT_EQ(heard, 2);
}

TEST_F(EventFdTest, ACircleOverTwoEventfdsEnds) {
  auto one = eventfd();
  auto two = eventfd();
  int heard = 0;
  one->listen([&] {
    ++heard;
    two->signal();
  });
  two->listen([&] {
    ++heard;
    one->signal();
  });
  one->signal();
  EXPECT_EQ(heard, 2);
  one->listen({});
  two->listen({});
}

// Two threads are in the listener at once, and the one that came first leaves first.
TEST_F(EventFdTest, NoSignalIsLostAfterTwoThreadsWereInTheListener) {
  auto event = eventfd();
  std::atomic<int> heard = 0;
  std::promise<void> second_may_leave;
  std::thread second;
  std::promise<void> second_is_in;
  event->listen([&] {
    if (++heard == 1) {
      second = std::thread([&] { event->signal(); });
      second_is_in.get_future().wait();
    } else {
      second_is_in.set_value();
      second_may_leave.get_future().wait();
    }
  });
  event->signal();
  second_may_leave.set_value();
  second.join();
  event->listen([&] { ++heard; });
  event->signal();
  EXPECT_EQ(heard, 3);
}

TEST_F(EventFdTest, ThreadsLoseNoSignal) {
  constexpr int kThreads = 4;
  constexpr int kSignals = 1000;
  auto event = eventfd();
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&event] {
      for (int n = 0; n < kSignals; ++n) event->signal();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(take(), kThreads * kSignals);
}

}  // namespace
}  // namespace noiommu
