#include "model/kernel/process.h"

#include <gmock/gmock.h>
#include <sys/mman.h>

#include <string>
#include <thread>
#include <vector>

#include "tests/kernel/flat_memory.h"
#include "tests/support/result.h"

namespace noiommu {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using tests::errno_of;

constexpr UserPtr kBuffer = tests::OneProcess::kBuffer;

// Notes its name when it is released.
class Probe : public File {
 public:
  Probe(std::string name, std::vector<std::string>& released)
      : name_(std::move(name)), released_(released) {}
  ~Probe() override { released_.push_back(name_); }

  Result<int64_t> ioctl(Process& /*process*/, uint32_t command, uint64_t argument) override {
    return command + static_cast<int64_t>(argument);
  }
  // As if the file were an endless row of bytes.
  Result<uint64_t> read(Process& /*process*/, UserPtr /*to*/, uint64_t length,
                        uint64_t at) override {
    last_position = at;
    return length;
  }
  Result<uint64_t> write(Process& /*process*/, UserPtr /*from*/, uint64_t length,
                         uint64_t at) override {
    last_position = at;
    return length;
  }
  Result<std::shared_ptr<VmObject>> mmap(const MapRequest& request) override {
    last_offset = request.offset;
    return std::shared_ptr<VmObject>();
  }

  uint64_t last_position = UINT64_MAX;
  uint64_t last_offset = UINT64_MAX;

 private:
  const std::string name_;
  std::vector<std::string>& released_;
};

class ProcessTest : public testing::Test {
 protected:
  std::shared_ptr<Probe> make(const std::string& name, int open_flags = O_RDWR) {
    auto probe = std::make_shared<Probe>(name, released_);
    probe->open_flags = open_flags;
    return probe;
  }
  int install(const std::string& name, int open_flags = O_RDWR) {
    return *process().install(make(name, open_flags));
  }
  Process& process() { return *bench_.process; }
  int mmap(int fd, MapRequest request) { return errno_of(process().mmap(request, fd)); }

  std::vector<std::string> released_;
  tests::OneProcess bench_;
};

TEST_F(ProcessTest, ZeroOneAndTwoAreTheNullDevice) {
  for (const int fd : {0, 1, 2}) {
    EXPECT_EQ(process().read(fd, kBuffer, 10), 0U);
    EXPECT_EQ(process().write(fd, kBuffer, 10), 10U);
    EXPECT_EQ(errno_of(process().ioctl(fd, 1, 0)), ENOTTY);
  }
  EXPECT_EQ(errno_of(process().file(3)), EBADF);
}

TEST_F(ProcessTest, DescriptorsAreTheLowestFreeOnes) {
  EXPECT_EQ(process().open("/dev/null", O_RDWR), 3);
  EXPECT_EQ(process().eventfd(), 4);
  EXPECT_EQ(process().dup(3), 5);
  EXPECT_TRUE(process().close(4));
  EXPECT_TRUE(process().close(0));
  EXPECT_EQ(process().eventfd(), 0);
  EXPECT_EQ(process().dup(3), 4);
  EXPECT_EQ(process().dup(3), 6);
}

TEST_F(ProcessTest, WhatIsNotOpenIsEBADF) {
  EXPECT_TRUE(process().close(2));
  for (const int fd : {2, 3, 1000000, -1, INT32_MIN, INT32_MAX}) {
    EXPECT_EQ(errno_of(process().close(fd)), EBADF) << fd;
    EXPECT_EQ(errno_of(process().dup(fd)), EBADF) << fd;
    EXPECT_EQ(errno_of(process().ioctl(fd, 0, 0)), EBADF) << fd;
    EXPECT_EQ(errno_of(process().read(fd, kBuffer, 1)), EBADF) << fd;
    EXPECT_EQ(errno_of(process().write(fd, kBuffer, 1)), EBADF) << fd;
    EXPECT_EQ(errno_of(process().pread(fd, kBuffer, 1, 0)), EBADF) << fd;
    EXPECT_EQ(errno_of(process().pwrite(fd, kBuffer, 1, 0)), EBADF) << fd;
    EXPECT_EQ(mmap(fd, {.length = kPageSize, .flags = MAP_SHARED}), EBADF) << fd;
  }
}

TEST_F(ProcessTest, NoDescriptorLeftIsEMFILE) {
  process().set_nofile(4);
  EXPECT_EQ(process().open("/dev/null", O_RDWR), 3);
  EXPECT_EQ(errno_of(process().open("/dev/null", O_RDWR)), EMFILE);
  EXPECT_EQ(errno_of(process().eventfd()), EMFILE);
  EXPECT_EQ(errno_of(process().dup(3)), EMFILE);
  EXPECT_EQ(errno_of(process().dup(99)), EBADF);
  EXPECT_TRUE(process().close(1));
  EXPECT_EQ(process().eventfd(), 1);
}

TEST_F(ProcessTest, TheDescriptorComesBeforeThePath) {
  int opened = 0;
  bench_.kernel.nodes().add_device("/dev/d", 0666, [&opened](Process&, int) -> Result<FileRef> {
    ++opened;
    return std::make_shared<File>();
  });
  process().set_nofile(3);
  EXPECT_EQ(errno_of(process().open("/nothing", O_RDWR)), EMFILE);
  EXPECT_EQ(errno_of(process().open("/dev/d", O_RDWR)), EMFILE);
  EXPECT_EQ(opened, 0);
}

TEST_F(ProcessTest, AFileThatFindsNoDescriptorIsReleased) {
  process().set_nofile(3);
  EXPECT_EQ(errno_of(process().install(make("lost"))), EMFILE);
  EXPECT_THAT(released_, ElementsAre("lost"));
}

TEST_F(ProcessTest, DescriptorsAboveALoweredLimitGoOnWorking) {
  EXPECT_EQ(install("file"), 3);
  process().set_nofile(2);
  EXPECT_EQ(process().ioctl(3, 40, 2), 42);
  EXPECT_TRUE(process().close(0));
  EXPECT_EQ(process().dup(3), 0);
}

TEST_F(ProcessTest, DupSharesFileAndPosition) {
  const int fd = install("file");
  const int copy = *process().dup(fd);
  EXPECT_EQ(*process().file(fd), *process().file(copy));
  EXPECT_EQ(process().read(fd, kBuffer, 10), 10U);
  EXPECT_EQ(process().write(copy, kBuffer, 5), 5U);
  auto probe = std::dynamic_pointer_cast<Probe>(*process().file(fd));
  EXPECT_EQ(probe->last_position, 10U);
  EXPECT_EQ(probe->position, 15U);
}

TEST_F(ProcessTest, PreadAndPwriteLeaveThePosition) {
  const int fd = install("file");
  auto probe = std::dynamic_pointer_cast<Probe>(*process().file(fd));
  EXPECT_EQ(process().pread(fd, kBuffer, 10, 77), 10U);
  EXPECT_EQ(probe->last_position, 77U);
  EXPECT_EQ(process().pwrite(fd, kBuffer, 10, INT64_MAX), 10U);
  EXPECT_EQ(probe->last_position, uint64_t{INT64_MAX});
  EXPECT_EQ(probe->position, 0U);
}

TEST_F(ProcessTest, ANegativeOffsetIsEINVALBeforeAnythingElse) {
  const int fd = install("file", O_WRONLY);
  EXPECT_EQ(errno_of(process().pread(fd, kBuffer, 1, uint64_t{1} << 63)), EINVAL);
  EXPECT_EQ(errno_of(process().pwrite(fd, kBuffer, 1, UINT64_MAX)), EINVAL);
  EXPECT_EQ(errno_of(process().pread(99, kBuffer, 1, UINT64_MAX)), EINVAL);
  EXPECT_EQ(errno_of(process().pwrite(99, kBuffer, 1, UINT64_MAX)), EINVAL);
}

TEST_F(ProcessTest, TheWrongModeIsEBADF) {
  const int reader = install("reader", O_RDONLY);
  const int writer = install("writer", O_WRONLY);
  const int neither = install("neither", O_ACCMODE);
  for (const int fd : {writer, neither}) {
    EXPECT_EQ(errno_of(process().read(fd, kBuffer, 1)), EBADF);
    EXPECT_EQ(errno_of(process().pread(fd, kBuffer, 1, 0)), EBADF);
  }
  for (const int fd : {reader, neither}) {
    EXPECT_EQ(errno_of(process().write(fd, kBuffer, 1)), EBADF);
    EXPECT_EQ(errno_of(process().pwrite(fd, kBuffer, 1, 0)), EBADF);
  }
  EXPECT_EQ(process().ioctl(neither, 40, 2), 42);
}

TEST_F(ProcessTest, OneCallMovesAtMostTwoGibibytesLessAPage) {
  const int fd = install("file");
  EXPECT_EQ(process().read(fd, kBuffer, uint64_t{1} << 32), 0x7ffff000U);
  EXPECT_EQ(process().pwrite(fd, kBuffer, 0x7ffff001, 0), 0x7ffff000U);
}

TEST_F(ProcessTest, CloseReleasesOnTheLastReferenceOnly) {
  const int fd = install("file");
  const int copy = *process().dup(fd);
  EXPECT_TRUE(process().close(fd));
  EXPECT_THAT(released_, IsEmpty());
  EXPECT_TRUE(process().close(copy));
  EXPECT_THAT(released_, ElementsAre("file"));
}

TEST_F(ProcessTest, AMappingKeepsItsFile) {
  const int fd = install("file");
  const UserPtr at = *process().mmap({.length = kPageSize, .flags = MAP_SHARED}, fd);
  EXPECT_TRUE(process().close(fd));
  EXPECT_THAT(released_, IsEmpty());
  EXPECT_TRUE(process().munmap(at, kPageSize));
  EXPECT_THAT(released_, ElementsAre("file"));
}

TEST_F(ProcessTest, AReleaseMayUseTheProcess) {
  struct Curious : File {
    explicit Curious(Process& process, int& got) : process(process), got(got) {}
    ~Curious() override { got = *process.eventfd(); }
    Process& process;
    int& got;
  };
  int got = -1;
  const int fd = *process().install(std::make_shared<Curious>(process(), got));
  EXPECT_TRUE(process().close(fd));
  EXPECT_EQ(got, fd);
}

TEST_F(ProcessTest, ForkSharesFilesAndTheirPosition) {
  const int fd = install("file");
  EXPECT_EQ(process().read(fd, kBuffer, 10), 10U);
  auto child = *process().fork();
  EXPECT_EQ(child->read(fd, kBuffer, 1), 1U);
  EXPECT_EQ((*process().file(fd))->position, 11U);
  EXPECT_TRUE(process().close(fd));
  EXPECT_THAT(released_, IsEmpty());
  EXPECT_TRUE(child->close(fd));
  EXPECT_THAT(released_, ElementsAre("file"));
}

TEST_F(ProcessTest, AForkedMappingKeepsItsFileToo) {
  const int fd = install("file");
  EXPECT_TRUE(process().mmap({.length = kPageSize, .flags = MAP_SHARED}, fd));
  auto child = *process().fork();
  EXPECT_TRUE(child->close(fd));
  bench_.process.reset();
  EXPECT_THAT(released_, IsEmpty());
  child.reset();
  EXPECT_THAT(released_, ElementsAre("file"));
}

TEST_F(ProcessTest, TheChildHasItsOwnDescriptorsAndTheParentsLimitsAndCredentials) {
  process().set_nofile(5);
  process().set_memlock(4096);
  process().set_capability(CAP_SYS_RAWIO, false);
  process().task()->comm = "parent";
  const int hole = 1;
  EXPECT_TRUE(process().close(hole));
  auto child = *process().fork();
  EXPECT_EQ(child->eventfd(), hole);
  EXPECT_EQ(errno_of(process().file(hole)), EBADF);
  EXPECT_EQ(child->eventfd(), 3);
  EXPECT_EQ(child->eventfd(), 4);
  EXPECT_EQ(errno_of(child->eventfd()), EMFILE);
  EXPECT_EQ(child->task()->memlock, 4096U);
  EXPECT_EQ(child->task()->comm, "parent");
  EXPECT_EQ(child->task()->user, process().task()->user);
  EXPECT_NE(child->task()->pid, process().task()->pid);
  EXPECT_FALSE(child->capable(CAP_SYS_RAWIO));
  child->set_capability(CAP_SYS_RAWIO, true);
  EXPECT_FALSE(process().capable(CAP_SYS_RAWIO));
}

TEST_F(ProcessTest, AForkWithoutMemoryIsENOMEMAndKeepsNothing) {
  install("file");
  bench_.memory->out_of_memory = true;
  EXPECT_EQ(errno_of(process().fork()), ENOMEM);
  bench_.process.reset();
  EXPECT_THAT(released_, ElementsAre("file"));
}

TEST_F(ProcessTest, ExitClosesMappingsThenDescriptorsInOrder) {
  const int mapped = install("mapped");
  install("first");
  install("second");
  EXPECT_TRUE(process().close(0));
  EXPECT_EQ(install("lowest"), 0);
  EXPECT_TRUE(process().mmap({.length = kPageSize, .flags = MAP_SHARED}, mapped));
  EXPECT_TRUE(process().close(mapped));
  bench_.process.reset();
  EXPECT_THAT(released_, ElementsAre("mapped", "lowest", "first", "second"));
}

TEST_F(ProcessTest, MmapChecksInTheKernelsOrder) {
  const int fd = install("file");
  const int reader = install("reader", O_RDONLY);
  const int writer = install("writer", O_WRONLY);
  constexpr int kReadWrite = PROT_READ | PROT_WRITE;

  EXPECT_EQ(mmap(99, {.length = 0, .flags = 0, .offset = 1}), EINVAL);
  EXPECT_EQ(mmap(-1, {.length = kPageSize, .flags = MAP_ANONYMOUS | MAP_PRIVATE, .offset = 5}),
            EINVAL);
  EXPECT_EQ(mmap(99, {.length = 0, .flags = MAP_SHARED}), EBADF);
  EXPECT_EQ(mmap(fd, {.length = 0, .flags = MAP_SHARED}), EINVAL);
  EXPECT_EQ(mmap(writer, {.length = UINT64_MAX, .flags = MAP_SHARED}), ENOMEM);
  EXPECT_EQ(mmap(writer, {.length = 1ULL << 60, .flags = MAP_SHARED}), ENOMEM);
  EXPECT_EQ(mmap(writer, {.length = 1, .flags = 0, .offset = kPageMask}), EOVERFLOW);
  EXPECT_EQ(mmap(writer, {.length = 1, .flags = 0}), EINVAL);
  EXPECT_EQ(mmap(writer, {.length = 1, .prot = PROT_WRITE, .flags = MAP_SHARED}), EACCES);
  EXPECT_EQ(mmap(reader, {.length = 1, .prot = kReadWrite, .flags = MAP_SHARED}), EACCES);
  EXPECT_EQ(mmap(reader, {.length = 1, .prot = kReadWrite, .flags = MAP_PRIVATE}), 0);
  EXPECT_EQ(mmap(reader, {.length = 1, .prot = PROT_READ, .flags = MAP_SHARED}), 0);
  EXPECT_EQ(mmap(0, {.length = 1, .prot = PROT_READ, .flags = MAP_SHARED}), ENODEV);
}

TEST_F(ProcessTest, MmapHandsTheOffsetToTheFile) {
  const int fd = install("file");
  constexpr uint64_t kOffset = 7ULL << 40;
  EXPECT_EQ(mmap(fd, {.length = kPageSize, .flags = MAP_SHARED, .offset = kOffset}), 0);
  EXPECT_EQ(std::dynamic_pointer_cast<Probe>(*process().file(fd))->last_offset, kOffset);
}

TEST_F(ProcessTest, AFileWithoutOperationsAnswersAsTheKernelDoes) {
  const int fd = *process().install(std::make_shared<File>());
  EXPECT_EQ(errno_of(process().ioctl(fd, 0, 0)), ENOTTY);
  EXPECT_EQ(errno_of(process().read(fd, kBuffer, 1)), EINVAL);
  EXPECT_EQ(errno_of(process().write(fd, kBuffer, 1)), EINVAL);
  EXPECT_EQ(mmap(fd, {.length = kPageSize, .flags = MAP_SHARED}), ENODEV);
}

TEST_F(ProcessTest, ProcessesOfOneUserShareTheLockedPages) {
  auto same = bench_.spawn({});
  auto other = bench_.spawn({.uid = 1000});
  EXPECT_EQ(same->task()->user, process().task()->user);
  EXPECT_NE(other->task()->user, process().task()->user);
}

TEST_F(ProcessTest, ThreadsGetDifferentDescriptors) {
  constexpr int kThreads = 4;
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([this] {
      for (int round = 0; round < 500; ++round) {
        const int fd = *process().eventfd();
        const FileRef mine = *process().file(fd);
        const int copy = *process().dup(fd);
        ASSERT_EQ(*process().file(copy), mine);
        ASSERT_TRUE(process().close(fd));
        ASSERT_TRUE(process().close(copy));
        ASSERT_EQ(mine.use_count(), 1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(process().eventfd(), 3);
}

TEST_F(ProcessTest, ThreadsMayForkAndOpenAtOnce) {
  std::thread opening([this] {
    for (int round = 0; round < 300; ++round) {
      static_cast<void>(process().close(*process().open("/dev/null", O_RDWR)));
    }
  });
  for (int round = 0; round < 100; ++round) {
    auto child = process().fork();
    ASSERT_TRUE(child);
    EXPECT_EQ((*child)->write(0, kBuffer, 1), 1U);
  }
  opening.join();
}

}  // namespace
}  // namespace noiommu
