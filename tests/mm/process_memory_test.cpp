// Memory as a process has it: fork, exit, memfd.
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "tests/mm/one_process.h"
#include "tests/support/result.h"

namespace noiommu::mm {
namespace {

using tests::errno_of;

class ProcessMemoryTest : public testing::Test {
 protected:
  std::unique_ptr<Process> fork() { return *bench_.process->fork(); }
  int memfd(uint64_t bytes) {
    return *bench_.process->install(std::make_shared<Memfd>(bench_.memory, bytes));
  }
  UserPtr map_shared(int fd, uint64_t length, uint64_t offset = 0) {
    return *bench_.process->mmap(
        {.length = length, .prot = kReadWrite, .flags = MAP_SHARED, .offset = offset}, fd);
  }

  OneProcess bench_;
};

TEST_F(ProcessMemoryTest, ForkCopiesPrivateMemory) {
  const UserPtr at = bench_.map(2 * kPageSize);
  EXPECT_TRUE(bench_.write(at, "before"));
  auto child = fork();
  EXPECT_TRUE(bench_.write(at, "parent"));
  EXPECT_EQ(OneProcess::read(*child, at, 6), "before");
  EXPECT_TRUE(OneProcess::write(*child, at, "child!"));
  EXPECT_EQ(bench_.read(at, 6), "parent");
}

// A thread stores to the first page before the last one: no child may see it the other way round.
TEST_F(ProcessMemoryTest, ForkCopiesAMoment) {
  constexpr uint64_t kPages = 64;
  const UserPtr first = bench_.map(kPages * kPageSize);
  const UserPtr last = first + (kPages - 1) * kPageSize;
  for (uint64_t page = 0; page < kPages; ++page) {
    EXPECT_TRUE(write_user(bench_.process->memory(), first + page * kPageSize, uint64_t{0}));
  }
  std::atomic<bool> over = false;
  const std::jthread writer([&] {
    for (uint64_t turn = 1; !over; ++turn) {
      EXPECT_TRUE(write_user(bench_.process->memory(), first, turn));
      EXPECT_TRUE(write_user(bench_.process->memory(), last, turn));
    }
  });
  for (int round = 0; round < 200; ++round) {
    const auto child = fork();
    uint64_t earlier = 0;
    uint64_t later = 0;
    EXPECT_TRUE(read_user(child->memory(), first, earlier));
    EXPECT_TRUE(read_user(child->memory(), last, later));
    EXPECT_GE(earlier, later);
  }
  over = true;
}

TEST_F(ProcessMemoryTest, ForkSharesSharedMemory) {
  const UserPtr at = bench_.map(2 * kPageSize, kReadWrite, MAP_SHARED);
  auto child = fork();
  EXPECT_TRUE(OneProcess::write(*child, at + kPageSize, "child"));
  EXPECT_EQ(bench_.read(at + kPageSize, 5), "child");
  EXPECT_TRUE(bench_.write(at, "parent"));
  EXPECT_EQ(OneProcess::read(*child, at, 6), "parent");
  EXPECT_EQ(bench_.memory.held_frames(), 2U);
}

TEST_F(ProcessMemoryTest, ForkKeepsProtection) {
  const UserPtr at = bench_.map(kPageSize, PROT_READ);
  auto child = fork();
  EXPECT_EQ(errno_of(OneProcess::write(*child, at, "x")), EFAULT);
  EXPECT_EQ(OneProcess::read(*child, at, 1), std::string(1, '\0'));
}

TEST_F(ProcessMemoryTest, TheChildsMappingsAreItsOwn) {
  const UserPtr at = bench_.map(kPageSize, kReadWrite, MAP_SHARED);
  EXPECT_TRUE(bench_.write(at, "x"));
  auto child = fork();
  EXPECT_TRUE(child->munmap(at, kPageSize));
  EXPECT_EQ(OneProcess::read(*child, at, 1), "fault");
  EXPECT_EQ(bench_.read(at, 1), "x");
}

TEST_F(ProcessMemoryTest, APinnedPageStaysWithTheParent) {
  const UserPtr at = bench_.map(kPageSize);
  EXPECT_TRUE(bench_.write(at, "before"));
  const auto runs = bench_.pin(at, 1);
  auto child = fork();
  EXPECT_TRUE(OneProcess::write(*child, at, "child!"));
  EXPECT_EQ(bench_.device_read(runs[0].first, 6), "before");
  EXPECT_TRUE(bench_.write(at, "parent"));
  EXPECT_EQ(bench_.device_read(runs[0].first, 6), "parent");
  bench_.unpin(runs);
}

TEST_F(ProcessMemoryTest, TheChildStartsWithNothingLockedOrPinned) {
  bench_.process->memory().locked_vm = 7;
  bench_.process->memory().pinned_vm = 8;
  auto child = fork();
  EXPECT_EQ(child->memory().locked_vm, 0U);
  EXPECT_EQ(child->memory().pinned_vm, 0U);
}

// The pieces that munmap leaves of one mapping still are one copy in the child.
TEST_F(ProcessMemoryTest, ForkOfAPerforatedMappingCopiesEachPageOnce) {
  constexpr uint64_t kPages = 64;
  const UserPtr at = bench_.map(kPages * kPageSize);
  EXPECT_TRUE(bench_.write(at, std::string(kPages * kPageSize, 'x')));
  for (uint64_t page = 0; page < kPages; page += 2) {
    EXPECT_TRUE(bench_.process->munmap(at + page * kPageSize, kPageSize));
  }
  EXPECT_EQ(bench_.memory.held_frames(), kPages / 2);
  auto child = fork();
  EXPECT_EQ(bench_.memory.held_frames(), kPages);
  EXPECT_EQ(OneProcess::read(*child, at + kPageSize, 1), "x");
  EXPECT_TRUE(child->munmap(at + kPageSize, kPageSize));
  EXPECT_EQ(bench_.memory.held_frames(), kPages - 1);
}

TEST_F(ProcessMemoryTest, ForkWithoutMemoryIsENOMEMAndKeepsNothing) {
  OneProcess small({.size = kGiB});
  const UserPtr huge = small.map_huge(600 * kMiB);
  for (uint64_t at = 0; at < 600 * kMiB; at += 2 * kMiB) EXPECT_TRUE(small.write(huge + at, "x"));
  const uint64_t held = small.memory.held_frames();
  EXPECT_EQ(errno_of(small.process->fork()), ENOMEM);
  EXPECT_EQ(small.memory.held_frames(), held);
}

TEST_F(ProcessMemoryTest, ExitFreesAllMemory) {
  EXPECT_TRUE(bench_.write(bench_.map(8 * kPageSize), std::string(8 * kPageSize, 'x')));
  EXPECT_TRUE(bench_.write(bench_.map(kPageSize, kReadWrite, MAP_SHARED), "x"));
  EXPECT_TRUE(bench_.write(bench_.map_huge(2 * kMiB), "x"));
  auto child = fork();
  bench_.process.reset();
  EXPECT_GT(bench_.memory.held_frames(), 0U);
  child.reset();
  EXPECT_EQ(bench_.memory.held_frames(), 0U);
}

TEST_F(ProcessMemoryTest, ExitLeavesPinnedPagesAndFailsLaterPins) {
  const UserPtr at = bench_.map(3 * kPageSize);
  EXPECT_TRUE(bench_.write(at, std::string(3 * kPageSize, 'x')));
  const auto runs = bench_.pin(at + kPageSize, 1);
  const auto task = bench_.process->task();
  bench_.process.reset();
  EXPECT_EQ(bench_.memory.held_frames(), 1U);
  EXPECT_EQ(bench_.device_read(runs[0].first, 1), "x");
  std::vector<PfnRun> none;
  EXPECT_EQ(errno_of(task->memory->pin(at, 1, false, none)), EFAULT);
  bench_.unpin(runs);
  EXPECT_EQ(bench_.memory.held_frames(), 0U);
  EXPECT_EQ(bench_.memory.pins(), 0U);
}

TEST_F(ProcessMemoryTest, MappingsOfAMemfdSeeEachOther) {
  const int fd = memfd(3 * kPageSize);
  const UserPtr all = map_shared(fd, 3 * kPageSize);
  const UserPtr last = map_shared(fd, kPageSize, 2 * kPageSize);
  EXPECT_TRUE(bench_.write(last, "here"));
  EXPECT_EQ(bench_.read(all + 2 * kPageSize, 4), "here");
  const auto one = bench_.pin(all + 2 * kPageSize, 1);
  const auto other = bench_.pin(last, 1);
  EXPECT_EQ(one[0].first, other[0].first);
  bench_.unpin(one);
  bench_.unpin(other);
}

TEST_F(ProcessMemoryTest, AMemfdKeepsItsPagesWithoutAMappingAndAMappingWithoutTheMemfd) {
  const int fd = memfd(kPageSize);
  const UserPtr first = map_shared(fd, kPageSize);
  EXPECT_TRUE(bench_.write(first, "kept"));
  EXPECT_TRUE(bench_.process->munmap(first, kPageSize));
  const UserPtr second = map_shared(fd, kPageSize);
  EXPECT_EQ(bench_.read(second, 4), "kept");
  EXPECT_TRUE(bench_.process->close(fd));
  EXPECT_EQ(bench_.read(second, 4), "kept");
  EXPECT_TRUE(bench_.process->munmap(second, kPageSize));
  EXPECT_EQ(bench_.memory.held_frames(), 0U);
}

TEST_F(ProcessMemoryTest, PastTheEndOfAMemfdFaults) {
  const int fd = memfd(kPageSize + 1);
  const UserPtr at = map_shared(fd, 4 * kPageSize);
  EXPECT_TRUE(bench_.write(at + 2 * kPageSize - 1, "x"));
  EXPECT_EQ(errno_of(bench_.write(at + 2 * kPageSize, "x")), EFAULT);
  std::vector<PfnRun> runs;
  EXPECT_EQ(errno_of(bench_.pin(at, 3, runs)), EFAULT);
  EXPECT_EQ(bench_.memory.pins(), 0U);
  EXPECT_TRUE(bench_.pin(at, 2, runs));
  bench_.unpin(runs);
}

TEST_F(ProcessMemoryTest, HostileOffsetsOfAMemfdFault) {
  const int fd = memfd(kPageSize);
  const UserPtr at = map_shared(fd, kPageSize, uint64_t{1} << 62);
  EXPECT_EQ(errno_of(bench_.write(at, "x")), EFAULT);
  EXPECT_EQ(errno_of(bench_.process->mmap(
                {.length = 2 * kPageSize, .flags = MAP_SHARED, .offset = kPageMask}, fd)),
            EOVERFLOW);
}

TEST_F(ProcessMemoryTest, AMemfdMayBeSparseAndLargerThanMemory) {
  const int fd = memfd(uint64_t{1} << 62);
  const UserPtr at = map_shared(fd, kPageSize, (uint64_t{1} << 62) - kPageSize);
  EXPECT_TRUE(bench_.write(at, "end"));
  EXPECT_EQ(bench_.memory.held_frames(), 1U);
}

TEST(Memfd, RoundsUpToWholePages) {
  PhysMem memory({});
  EXPECT_EQ(Memfd(memory, 0).pages()->pages(), 0U);
  EXPECT_EQ(Memfd(memory, 1).pages()->pages(), 1U);
  EXPECT_EQ(Memfd(memory, kPageSize).pages()->pages(), 1U);
  EXPECT_EQ(Memfd(memory, UINT64_MAX).pages()->pages(), uint64_t{1} << 52);
}

TEST_F(ProcessMemoryTest, AMemfdHasNoPrivateMapping) {
  EXPECT_EQ(
      errno_of(bench_.process->mmap({.length = kPageSize, .flags = MAP_PRIVATE}, memfd(kPageSize))),
      ENODEV);
}

TEST_F(ProcessMemoryTest, ForkSharesAMemfd) {
  const UserPtr at = map_shared(memfd(kPageSize), kPageSize);
  auto child = fork();
  EXPECT_TRUE(OneProcess::write(*child, at, "child"));
  EXPECT_EQ(bench_.read(at, 5), "child");
}

}  // namespace
}  // namespace noiommu::mm
