// IOAS_MAP_FILE of files that are memory, and of those that are not. dma-bufs are in
// dma_buf_test.cpp. Spec: iommufd.md section 7.
#include <cstring>

#include "tests/iommufd/iommufd_test.h"

namespace noiommu::tests {
namespace {

constexpr uint64_t kLabel = 0xf11e0000;

class MapFile : public AttachedTest {
 protected:
  void SetUp() override {
    start();
    memfd_ = program_->labelled_memfd(8 * kPageSize, kLabel);
  }
  int64_t map_at(uint64_t iova, uint64_t start, uint64_t length) {
    return program_->map_file_at(ioas_, memfd_, start, length, iova);
  }
  int64_t call(iommu_ioas_map_file request) {
    return program_->ioctl(program_->iommufd, IOMMU_IOAS_MAP_FILE, request);
  }
  // The offset in the file of what a device would find, or the failure.
  int64_t offset_at(uint64_t iova) {
    const Extent at = program_->get_pa(ioas_, iova, 1);
    return at.answer != 0 ? at.answer : static_cast<int64_t>(program_->dma_read(at.phys) - kLabel);
  }
  void detach() { ASSERT_EQ(program_->detach(device_), 0); }
  int64_t attach() { return program_->attach(device_, ioas_); }

  int memfd_ = -1;
};

TEST_F(MapFile, IsCheckedInOrder) {
  auto request = Client::map_file_request(99, -1, UINT64_MAX, UINT64_MAX, UINT64_MAX, 8);
  EXPECT_EQ(call(request), -EOPNOTSUPP) << "an unknown flag";
  request.flags = kFixed;
  EXPECT_EQ(call(request), -EOVERFLOW);
  request.iova = 0x10000;
  EXPECT_EQ(call(request), -EOVERFLOW);
  request.length = 0;
  EXPECT_EQ(call(request), -EINVAL) << "neither readable nor writeable";
  request.flags = kReadWrite | kFixed;
  EXPECT_EQ(call(request), -ENOENT);
  request.ioas_id = static_cast<uint32_t>(ioas_);
  EXPECT_EQ(call(request), -EINVAL) << "no length";
  request.length = 2;
  EXPECT_EQ(call(request), -EOVERFLOW) << "the range wraps";
  request.start = 0x100;
  EXPECT_EQ(call(request), -EBADF);
  request.fd = memfd_;
  EXPECT_EQ(call(request), -EINVAL) << "the length is not that of pages";
  request.length = kPageSize;
  request.iova = 0x10001;
  EXPECT_EQ(call(request), -EINVAL) << "the address";
  request.iova = 0x10000;
  EXPECT_EQ(call(request), -EINVAL) << "the offset in the page";
  request.start = 0;
  EXPECT_EQ(call(request), 0);
  EXPECT_EQ(call(request), -EEXIST);
}

TEST_F(MapFile, NeedsAnAddressThatExistsEvenWhereItIsNotUsed) {
  EXPECT_EQ(call(Client::map_file_request(ioas_, memfd_, 0, kPageSize, UINT64_MAX)), -EOVERFLOW);
}

TEST_F(MapFile, LooksForTheFileBeforeTheAddress) {
  EXPECT_EQ(program_->map_file_at(ioas_, 99, 0, kPageSize, 0x10001), -EBADF);
  EXPECT_EQ(program_->map_file_at(ioas_, -1, 0, kPageSize, 0x10000), -EBADF);
}

TEST_F(MapFile, ShowsTheFile) {
  ASSERT_EQ(map_at(0x10000, 2 * kPageSize, 4 * kPageSize), 0);
  for (int64_t page = 0; page < 4; ++page) {
    EXPECT_EQ(offset_at(0x10000 + page * kPageSize), (page + 2) * 4096);
  }
  EXPECT_EQ(offset_at(0x14000), -ENOENT);
  EXPECT_EQ(pins(), 4U);
}

TEST_F(MapFile, ShowsThePagesThatProgramsMap) {
  ASSERT_EQ(map_at(0x10000, 0, kPageSize), 0);
  const UserPtr mapped = program_->memory_of(memfd_);
  ASSERT_EQ(program_->map_at(ioas_, mapped, kPageSize, 0x20000), 0);
  EXPECT_EQ(program_->get_pa(ioas_, 0x10000).phys, program_->get_pa(ioas_, 0x20000).phys);
  program_->poke(mapped, 77);
  EXPECT_EQ(program_->dma_read(program_->get_pa(ioas_, 0x10000).phys), 77U);
}

TEST_F(MapFile, FillsAFileThatNobodyTouched) {
  memfd_ = program_->memfd(2 * kPageSize);
  ASSERT_EQ(map_at(0x10000, 0, 2 * kPageSize), 0);
  const PhysAddr page = program_->get_pa(ioas_, 0x11000).phys;
  EXPECT_EQ(program_->dma_read(page), 0U);
  EXPECT_NE(page, program_->get_pa(ioas_, 0x10000).phys);
}

TEST_F(MapFile, ReachesTheEndOfTheFileAndNoFurther) {
  EXPECT_EQ(map_at(0x10000, 0, 8 * kPageSize), 0);
  EXPECT_EQ(map_at(0x20000, 7 * kPageSize, kPageSize), 0);
  EXPECT_EQ(map_at(0x30000, 7 * kPageSize, 2 * kPageSize), -EINVAL);
  EXPECT_EQ(map_at(0x30000, 8 * kPageSize, kPageSize), -EINVAL);
  EXPECT_EQ(map_at(0x30000, UINT64_MAX - 0xfff, kPageSize), -EINVAL);
  EXPECT_EQ(offset_at(0x30000), -ENOENT) << "no area is left";
  EXPECT_EQ(pins(), 9U);
}

TEST_F(MapFile, DoesNotTakeAPageThatIsPartlyBeyondTheEnd) {
  memfd_ = program_->memfd(5000);
  EXPECT_EQ(map_at(0x10000, 0, kPageSize), 0);
  EXPECT_EQ(map_at(0x20000, kPageSize, kPageSize), -EINVAL);
}

TEST_F(MapFile, LooksAtTheFileWhenItsPagesAreNeeded) {
  detach();
  ASSERT_EQ(map_at(0x10000, 7 * kPageSize, 2 * kPageSize), 0);
  EXPECT_EQ(attach(), -EINVAL) << "it is too short";
  EXPECT_EQ(program_->unmap_all(ioas_), 0x2000);

  const int null = program_->open("/dev/null");
  const int eventfd = program_->process->eventfd().value();
  for (const int no_memory : {null, eventfd, program_->iommufd, device_}) {
    ASSERT_EQ(program_->map_file_at(ioas_, no_memory, 0, kPageSize, 0x10000), 0);
    EXPECT_EQ(attach(), -EINVAL);
    EXPECT_EQ(program_->unmap_all(ioas_), 0x1000);
  }
  ASSERT_EQ(attach(), hwpt_);
  for (const int no_memory : {null, eventfd, program_->iommufd, device_}) {
    EXPECT_EQ(program_->map_file_at(ioas_, no_memory, 0, kPageSize, 0x10000), -EINVAL);
  }
}

TEST_F(MapFile, TakesBytesWhereNoDeviceIs) {
  detach();
  ASSERT_EQ(map_at(0x10007, 0x123, 0x456), 0);
  EXPECT_EQ(attach(), -EADDRINUSE);
  EXPECT_EQ(program_->unmap(ioas_, 0x10007, 0x456), 0x456);
}

TEST_F(MapFile, HasALongestLength) {
  detach();
  EXPECT_EQ(map_at(0, 0, UINT64_MAX - 4095), -EINVAL);
  EXPECT_EQ(map_at(0, 0, UINT64_MAX - 4096), 0) << "as long as nobody looks at the file";
}

TEST_F(MapFile, ChoosesAnAddressByTheOffsetInTheFile) {
  detach();
  const auto map = [&](uint64_t start, uint64_t length) {
    return program_->map_file(ioas_, memfd_, start, length);
  };
  EXPECT_EQ(map(0x3000, 0x4000), 0x1000);
  EXPECT_EQ(map(0x2000, 0x4000), 0x6000);
  EXPECT_EQ(map(0, 0x3000), 0xc000) << "offset 0 is aligned to everything";
  EXPECT_EQ(map(0x1801, 10), 0x5801);
}

TEST_F(MapFile, ChoosesAnAddressThatIsAllowed) {
  ASSERT_EQ(program_->allow_iovas(ioas_, {{0x50000, 0x50fff}}), 0);
  EXPECT_EQ(program_->map_file(ioas_, memfd_, 0, kPageSize), 0x50000);
  EXPECT_EQ(program_->map_file(ioas_, memfd_, 0, kPageSize), -ENOSPC);
}

TEST_F(MapFile, PinsAndChargesForEachCall) {
  program_->process->set_capability(CAP_IPC_LOCK, false);
  program_->process->set_memlock(5 * kPageSize);
  ASSERT_EQ(map_at(0x10000, 0, 2 * kPageSize), 0);
  ASSERT_EQ(map_at(0x20000, 0, 2 * kPageSize), 0);
  EXPECT_EQ(pins(), 4U);
  EXPECT_EQ(program_->process->task()->user->locked_vm, 4U);
  EXPECT_EQ(map_at(0x30000, 0, 2 * kPageSize), -ENOMEM);
  EXPECT_EQ(pins(), 4U);
  EXPECT_EQ(map_at(0x30000, 0, kPageSize), 0);
}

TEST_F(MapFile, OutlivesTheDescriptor) {
  ASSERT_EQ(map_at(0x10000, 0, 2 * kPageSize), 0);
  const PhysAddr before = program_->get_pa(ioas_, 0x11000).phys;
  program_->close(memfd_);
  EXPECT_EQ(program_->get_pa(ioas_, 0x11000).phys, before);
  detach();
  EXPECT_EQ(pins(), 0U);
  ASSERT_EQ(attach(), hwpt_);
  EXPECT_EQ(program_->get_pa(ioas_, 0x11000).phys, before) << "the file keeps its pages";
  EXPECT_EQ(offset_at(0x11000), 4096);
}

TEST_F(MapFile, OutlivesTheProcessThatMapped) {
  detach();
  Client& mapper = spawn();
  mapper.close(mapper.iommufd);
  mapper.iommufd = mapper.receive(*program_, program_->iommufd);
  const int memfd = mapper.labelled_memfd(2 * kPageSize, kLabel);
  ASSERT_EQ(mapper.map_file_at(ioas_, memfd, kPageSize, kPageSize, 0x10000), 0);
  exit(mapper);
  EXPECT_EQ(attach(), hwpt_) << "a file needs nobody to be pinned, unlike memory of a process";
  EXPECT_EQ(offset_at(0x10000), 4096);
}

TEST_F(MapFile, OfHugePagesIsOneRun) {
  memfd_ = program_->huge_memfd(4 * kMiB);
  ASSERT_EQ(map_at(0x200000, 0, 2 * kMiB), 0);
  EXPECT_EQ(pins(), 512U) << "counted in small ones";
  const Extent at = program_->get_pa(ioas_, 0x201000);
  EXPECT_EQ(at.length, 2 * kMiB - kPageSize);
  EXPECT_EQ(at.phys.value % (2 * kMiB), kPageSize);
  EXPECT_EQ(map_at(0x600000, 2 * kMiB - kPageSize, 2 * kPageSize), 0) << "from one into the next";
  EXPECT_EQ(map_at(0x800000, 4 * kMiB, kPageSize), -EINVAL);
}

TEST_F(MapFile, WhoseAnswerCannotBeWrittenStays) {
  const UserPtr argument =
      program_->read_only(Client::map_file_request(ioas_, memfd_, 0, kPageSize));
  EXPECT_EQ(program_->ioctl_value(program_->iommufd, IOMMU_IOAS_MAP_FILE, argument.value), -EFAULT);
  EXPECT_EQ(offset_at(0x1000), 0);
  EXPECT_EQ(program_->unmap(ioas_, 0x1000, kPageSize), 4096);
}

TEST_F(MapFile, LeavesItsArgumentAloneOnFailure) {
  auto request = Client::map_file_request(ioas_, memfd_, 8 * kPageSize, kPageSize, 0x77);
  const auto before = request;
  EXPECT_EQ(program_->ioctl(program_->iommufd, IOMMU_IOAS_MAP_FILE, request), -EINVAL);
  EXPECT_EQ(std::memcmp(&request, &before, sizeof(request)), 0);
}

}  // namespace
}  // namespace noiommu::tests
