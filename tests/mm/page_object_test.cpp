#include "model/mm/page_object.h"

#include <gmock/gmock.h>

#include <string>
#include <string_view>
#include <vector>

#include "tests/mm/one_process.h"
#include "tests/support/result.h"

namespace noiommu::mm {
namespace {

using testing::IsEmpty;
using testing::SizeIs;
using tests::errno_of;
using Sharing = PageObject::Sharing;

constexpr unsigned k2M = PhysMem::kOrder2M;
constexpr unsigned k1G = PhysMem::kOrder1G;

class PageObjectTest : public testing::Test {
 protected:
  static Status store(VmObject& object, uint64_t offset, std::string_view text) {
    return object.store(offset, std::as_bytes(std::span(text)));
  }
  // The text there, or "fault".
  static std::string load(VmObject& object, uint64_t offset, uint64_t length) {
    std::string text(length, '?');
    return object.load(offset, std::as_writable_bytes(std::span(text))) ? text : "fault";
  }
  static std::string zeros(size_t count) { return std::string(count, '\0'); }

  PhysMem memory_{{}};
};

TEST_F(PageObjectTest, NothingIsAllocatedUntilItIsStoredOrPinned) {
  PageObject object(memory_, 4, Sharing::kPrivate);
  EXPECT_EQ(load(object, 0, 4 * kPageSize), zeros(4 * kPageSize));
  EXPECT_EQ(memory_.held_frames(), 0U);
  EXPECT_TRUE(store(object, kPageSize, "x"));
  EXPECT_EQ(memory_.held_frames(), 1U);
  std::vector<PfnRun> runs;
  EXPECT_TRUE(object.pin(1, 2, runs));
  EXPECT_EQ(memory_.held_frames(), 2U);
  for (const PfnRun& run : runs) memory_.unpin(run);
}

TEST_F(PageObjectTest, StoresCrossPages) {
  PageObject object(memory_, 3, Sharing::kPrivate);
  EXPECT_TRUE(store(object, kPageSize - 3, "across"));
  EXPECT_EQ(load(object, kPageSize - 4, 8), std::string("\0across\0", 8));
}

TEST_F(PageObjectTest, PastTheEndIsEFAULTWithoutAnything) {
  PageObject object(memory_, 2, Sharing::kShared);
  EXPECT_EQ(errno_of(store(object, 2 * kPageSize - 2, "xyz")), EFAULT);
  EXPECT_EQ(memory_.held_frames(), 0U);
  EXPECT_EQ(load(object, 2 * kPageSize, 1), "fault");
  EXPECT_EQ(load(object, 2 * kPageSize - 1, 1), zeros(1));
}

TEST_F(PageObjectTest, HostileOffsetsAreEFAULT) {
  PageObject object(memory_, 2, Sharing::kShared);
  std::vector<PfnRun> runs;
  for (const uint64_t offset : {UINT64_MAX, UINT64_MAX - 7, UINT64_MAX - kPageSize + 1}) {
    EXPECT_EQ(load(object, offset, 8), "fault") << offset;
    EXPECT_EQ(errno_of(store(object, offset, "12345678")), EFAULT) << offset;
  }
  EXPECT_EQ(errno_of(object.pin(UINT64_MAX, 2, runs)), EFAULT);
  EXPECT_EQ(errno_of(object.pin(1, UINT64_MAX, runs)), EFAULT);
  EXPECT_EQ(errno_of(object.pin(1, 2, runs)), EFAULT);
  EXPECT_EQ(errno_of(object.pin(3, 0, runs)), EFAULT);
  EXPECT_THAT(runs, IsEmpty());
  EXPECT_EQ(memory_.held_frames(), 0U);
}

TEST_F(PageObjectTest, AnObjectBeyondAllReasonCostsNothing) {
  constexpr uint64_t kPages = UINT64_MAX / kPageSize;
  PageObject object(memory_, kPages, Sharing::kPrivate);
  EXPECT_TRUE(store(object, (kPages - 1) * kPageSize, "end"));
  EXPECT_EQ(load(object, (kPages - 1) * kPageSize, 3), "end");
  EXPECT_TRUE(object.fork());
  object.discard(0, kPages);
  EXPECT_EQ(memory_.held_frames(), 0U);
}

TEST_F(PageObjectTest, ALargeFolioIsOneRun) {
  PageObject object(memory_, 3ULL * 512, Sharing::kPrivate, k2M);
  std::vector<PfnRun> runs;
  EXPECT_TRUE(object.pin(512 + 5, 100, runs));
  ASSERT_THAT(runs, SizeIs(1));
  EXPECT_EQ(runs[0].first.value % 512, 5U);
  EXPECT_EQ(runs[0].count, 100U);
  EXPECT_EQ(memory_.held_frames(), 512U);
  for (const PfnRun& run : runs) memory_.unpin(run);
}

TEST_F(PageObjectTest, WhatFillsNoFolioComesPageByPage) {
  PageObject object(memory_, 512 + 3, Sharing::kPrivate, k2M);
  std::vector<PfnRun> runs;
  EXPECT_TRUE(object.pin(0, 512 + 3, runs));
  const auto pfns = frames(runs);
  EXPECT_NE(pfns[512] + 1, pfns[513]);
  EXPECT_NE(pfns[513] + 1, pfns[514]);
  EXPECT_EQ(memory_.held_frames(), 512U + 3);
  for (const PfnRun& run : runs) memory_.unpin(run);
}

TEST_F(PageObjectTest, AGibibyteFolioIsOneRunAndFreedOnce) {
  {
    PageObject object(memory_, 2 << k1G, Sharing::kPrivate, k1G);
    EXPECT_TRUE(store(object, kGiB + 5 * kMiB, "x"));
    EXPECT_EQ(memory_.held_frames(), 1U << k1G);
    std::vector<PfnRun> runs;
    EXPECT_TRUE(object.pin((1 << k1G) + 1, (1 << k1G) - 1, runs));
    ASSERT_THAT(runs, SizeIs(1));
    EXPECT_EQ(runs[0].count, (1U << k1G) - 1);
    for (const PfnRun& run : runs) memory_.unpin(run);
  }
  EXPECT_EQ(memory_.held_frames(), 0U);
}

TEST_F(PageObjectTest, PinAppendsAndMergesWithTheRunBefore) {
  PhysMem contiguous({.placement = MemoryConfig::Placement::kContiguous});
  PageObject object(contiguous, 8, Sharing::kPrivate);
  std::vector<PfnRun> runs;
  EXPECT_TRUE(object.pin(0, 2, runs));
  EXPECT_TRUE(object.pin(2, 3, runs));
  ASSERT_THAT(runs, SizeIs(1));
  EXPECT_EQ(runs[0].count, 5U);
  EXPECT_TRUE(object.pin(0, 1, runs));
  EXPECT_THAT(runs, SizeIs(2));
  for (const PfnRun& run : runs) contiguous.unpin(run);
  EXPECT_EQ(contiguous.pins(), 0U);
}

TEST(PageObject, WithoutMemoryPinIsENOMEMAndPinsNothing) {
  PhysMem memory({.size = kGiB});
  PageObject hog(memory, (1 << k1G) - 512, Sharing::kPrivate);
  std::vector<PfnRun> hogged;
  ASSERT_TRUE(hog.pin(0, hog.pages(), hogged));
  PageObject object(memory, 513, Sharing::kPrivate);
  std::vector<PfnRun> runs;
  EXPECT_EQ(errno_of(object.pin(0, 513, runs)), ENOMEM);
  EXPECT_THAT(runs, IsEmpty());
  EXPECT_EQ(memory.pins(), hog.pages());
  const std::byte byte{1};
  EXPECT_EQ(errno_of(object.store(512 * kPageSize, std::span(&byte, 1))), ENOMEM);
  for (const PfnRun& run : hogged) memory.unpin(run);
}

TEST_F(PageObjectTest, DiscardFreesPagesAndTheyReadZeroAgain) {
  PageObject object(memory_, 4, Sharing::kPrivate);
  EXPECT_TRUE(store(object, 0, std::string(4 * kPageSize, 'x')));
  object.discard(1, 2);
  EXPECT_EQ(memory_.held_frames(), 2U);
  EXPECT_EQ(load(object, kPageSize - 1, 2), std::string("x\0", 2));
  EXPECT_EQ(load(object, 3 * kPageSize - 1, 2), std::string("\0x", 2));
}

TEST_F(PageObjectTest, DiscardFreesALargeFolioOnceAllOfItIsInTheRange) {
  PageObject object(memory_, 4ULL * 512, Sharing::kPrivate, k2M);
  EXPECT_TRUE(store(object, 0, std::string(8 * kMiB, 'x')));
  object.discard(100, 2ULL * 512);
  EXPECT_EQ(memory_.held_frames(), 3U * 512);
  EXPECT_EQ(load(object, 0, 1), "x");
  EXPECT_EQ(load(object, 2 * kMiB, 1), zeros(1));
  EXPECT_EQ(load(object, 4 * kMiB, 1), "x");
}

TEST_F(PageObjectTest, DiscardFreesAGibibyteFolio) {
  PageObject object(memory_, 2 << k1G, Sharing::kPrivate, k1G);
  EXPECT_TRUE(store(object, 0, "x"));
  EXPECT_TRUE(store(object, kGiB, "y"));
  object.discard(1 << k1G, 1 << k1G);
  EXPECT_EQ(memory_.held_frames(), 1U << k1G);
  EXPECT_EQ(load(object, 0, 1), "x");
  EXPECT_EQ(load(object, kGiB, 1), zeros(1));
}

TEST_F(PageObjectTest, DiscardLeavesPinnedAndSharedPages) {
  PageObject pinned(memory_, 1, Sharing::kPrivate);
  std::vector<PfnRun> runs;
  EXPECT_TRUE(pinned.pin(0, 1, runs));
  pinned.discard(0, 1);
  EXPECT_EQ(memory_.held_frames(), 1U);
  memory_.unpin(runs[0]);
  EXPECT_EQ(memory_.held_frames(), 0U);

  PageObject shared(memory_, 1, Sharing::kShared);
  EXPECT_TRUE(store(shared, 0, "x"));
  shared.discard(0, 1);
  EXPECT_EQ(load(shared, 0, 1), "x");
}

TEST_F(PageObjectTest, ForkCopiesBytes) {
  PageObject object(memory_, 1024, Sharing::kPrivate, k2M);
  EXPECT_TRUE(store(object, 3 * kPageSize, "before"));
  auto copy = *object.fork();
  EXPECT_TRUE(store(object, 3 * kPageSize, "parent"));
  EXPECT_TRUE(store(*copy, 5 * kPageSize, "child"));
  EXPECT_EQ(load(*copy, 3 * kPageSize, 6), "before");
  EXPECT_EQ(load(object, 5 * kPageSize, 5), zeros(5));
}

TEST_F(PageObjectTest, ForkOfZerosTakesNoMemory) {
  PageObject object(memory_, 1 << k1G, Sharing::kPrivate, k1G);
  EXPECT_TRUE(store(object, 0, zeros(1)));
  auto copy = *object.fork();
  EXPECT_EQ(memory_.held_frames(), 1U << k1G);
  EXPECT_EQ(load(*copy, 0, 1), zeros(1));
}

TEST(PageObject, ForkWithoutMemoryIsENOMEM) {
  PhysMem memory({.size = kGiB});
  PageObject object(memory, 1 << k1G, Sharing::kPrivate, k1G);
  const std::byte byte{1};
  EXPECT_TRUE(object.store(0, std::span(&byte, 1)));
  EXPECT_EQ(errno_of(object.fork()), ENOMEM);
  EXPECT_EQ(memory.held_frames(), 1U << k1G);
}

TEST_F(PageObjectTest, DestroyingFreesAllButWhatIsPinned) {
  std::vector<PfnRun> runs;
  {
    PageObject object(memory_, 600, Sharing::kPrivate, k2M);
    EXPECT_TRUE(store(object, 0, std::string(600 * kPageSize, 'x')));
    EXPECT_TRUE(object.pin(599, 1, runs));
  }
  EXPECT_EQ(memory_.held_frames(), 1U);
  memory_.unpin(runs[0]);
  EXPECT_EQ(memory_.held_frames(), 0U);
}

}  // namespace
}  // namespace noiommu::mm
