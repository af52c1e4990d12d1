// Copies and page tables share pages: each is pinned and charged once, from the first that shows it
// to the last. Spec: iommufd.md sections 8 and 10.
#include <algorithm>
#include <array>
#include <set>

#include "tests/iommufd/iommufd_test.h"

namespace noiommu::tests {
namespace {

// Two IOASes with a device each, on memory of 8 pages, mapped without CAP_IPC_LOCK at 0x10000 of
// the first.
class SharedPages : public IommufdTest {
 protected:
  static constexpr uint64_t kPages = 8;

  void SetUp() override {
    program_ = &boot();
    program_->process->set_capability(CAP_IPC_LOCK, false);
    for (int i = 0; i < 2; ++i) {
      device_[i] = program_->bind(i);
      device_id_[i] = program_->device_id;
      ioas_[i] = program_->ioas_alloc();
    }
    va_ = program_->labelled_memory(kPages * kPageSize);
    ASSERT_EQ(program_->map_at(ioas_[0], va_, kPages * kPageSize, 0x10000), 0);
  }
  void attach(int which) { ASSERT_GT(program_->attach(device_[which], ioas_[which]), 0); }
  void detach(int which) { ASSERT_EQ(program_->detach(device_[which]), 0); }
  // Pages [first, first + count) at `iova` of an IOAS.
  void copy(int to, uint64_t iova, uint64_t first, uint64_t count) {
    ASSERT_EQ(program_->copy_to(ioas_[to], iova, ioas_[0], 0x10000 + first * kPageSize,
                                count * kPageSize),
              0);
  }
  void unmap(int from, uint64_t iova, uint64_t pages) {
    ASSERT_EQ(program_->unmap(ioas_[from], iova, pages * kPageSize),
              static_cast<int64_t>(pages * kPageSize));
  }
  // Which page a device would find, or the failure.
  int64_t page_at(int which, uint64_t iova) {
    const Extent at = program_->get_pa(ioas_[which], iova, 1);
    if (at.answer != 0) return at.answer;
    return static_cast<int64_t>((program_->dma_read(at.phys) - va_.value) / kPageSize);
  }
  void expect_held(uint64_t pages) {
    EXPECT_EQ(pins(), pages);
    EXPECT_EQ(program_->process->task()->user->locked_vm, pages);
    EXPECT_EQ(program_->process->task()->memory->pinned_vm, pages);
  }

  Client* program_ = nullptr;
  std::array<int, 2> device_{};
  std::array<int64_t, 2> device_id_{};
  std::array<int64_t, 2> ioas_{};
  UserPtr va_;
};

TEST_F(SharedPages, AreHeldOnceForAllCopies) {
  attach(0);
  attach(1);
  expect_held(8);
  copy(0, 0x50000, 0, 8);
  copy(1, 0x50000, 0, 8);
  copy(1, 0x90000, 2, 3);
  expect_held(8);
  EXPECT_EQ(program_->get_pa(ioas_[1], 0x53000).phys, program_->get_pa(ioas_[0], 0x13000).phys);
  EXPECT_EQ(page_at(1, 0x91000), 3);
}

TEST_F(SharedPages, AreHeldByEveryPartThatIsLeft) {
  attach(0);
  copy(0, 0x50000, 1, 4);
  copy(0, 0x60000, 3, 4);
  unmap(0, 0x10000, 8);
  expect_held(6);
  EXPECT_EQ(page_at(0, 0x53000), 4);
  EXPECT_EQ(page_at(0, 0x60000), 3);
  unmap(0, 0x50000, 4);
  expect_held(4);
  EXPECT_EQ(page_at(0, 0x61000), 4);
  unmap(0, 0x60000, 4);
  expect_held(0);
}

// Three that overlap, in every order of going.
TEST_F(SharedPages, GoInAnyOrder) {
  struct Part {
    uint64_t iova;
    uint64_t first;
    uint64_t count;
  };
  std::array<Part, 3> parts{{{0x50000, 0, 4}, {0x60000, 2, 4}, {0x70000, 3, 5}}};
  const auto by_iova = [](const Part& a, const Part& b) { return a.iova < b.iova; };
  attach(0);
  attach(1);
  for (bool more = true; more; more = std::next_permutation(parts.begin(), parts.end(), by_iova)) {
    for (const Part& part : parts) copy(1, part.iova, part.first, part.count);
    unmap(0, 0x10000, kPages);
    for (size_t gone = 0; gone <= parts.size(); ++gone) {
      std::set<uint64_t> held;
      for (size_t left = gone; left < parts.size(); ++left) {
        const Part& part = parts.at(left);
        for (uint64_t page = 0; page < part.count; ++page) {
          held.insert(part.first + page);
          EXPECT_EQ(page_at(1, part.iova + page * kPageSize),
                    static_cast<int64_t>(part.first + page));
        }
      }
      expect_held(held.size());
      if (gone < parts.size()) unmap(1, parts.at(gone).iova, parts.at(gone).count);
    }
    ASSERT_EQ(program_->map_at(ioas_[0], va_, kPages * kPageSize, 0x10000), 0);
  }
}

TEST_F(SharedPages, ArePinnedWhereTheyAreShown) {
  copy(1, 0x50000, 2, 4);
  expect_held(0);
  attach(1);
  expect_held(4);
  EXPECT_EQ(page_at(0, 0x12000), -EOPNOTSUPP) << "their source is in no page table";
  attach(0);
  expect_held(8);
  EXPECT_EQ(program_->get_pa(ioas_[1], 0x51000).phys, program_->get_pa(ioas_[0], 0x13000).phys);
  detach(1);
  expect_held(8);
  detach(0);
  expect_held(0);
}

TEST_F(SharedPages, StayPinnedWhenTheFirstWhoShowedThemLeaves) {
  attach(0);
  attach(1);
  copy(1, 0x50000, 2, 4);
  const PhysAddr before = program_->get_pa(ioas_[1], 0x52000).phys;
  program_->free_memory(va_, kPages * kPageSize);  // so they could not be pinned again
  detach(0);
  expect_held(4);
  EXPECT_EQ(program_->get_pa(ioas_[1], 0x52000).phys, before);
  EXPECT_EQ(program_->attach(device_[0], ioas_[0]), -EFAULT) << "four of them are gone";
  expect_held(4);
  EXPECT_EQ(program_->get_pa(ioas_[1], 0x52000).phys, before);
  unmap(0, 0x10000, kPages);
  EXPECT_EQ(program_->copy_to(ioas_[0], 0x10000, ioas_[1], 0x50000, 4 * kPageSize), 0);
  EXPECT_GT(program_->attach(device_[0], ioas_[0]), 0) << "the others need no memory";
  expect_held(4);
  EXPECT_EQ(page_at(0, 0x11000), 3);
}

TEST_F(SharedPages, ArePinnedInTheGapsBetweenThoseThatAre) {
  attach(1);
  copy(1, 0x50000, 1, 2);
  copy(1, 0x60000, 5, 2);
  expect_held(4);
  attach(0);
  expect_held(8);
  for (int64_t page = 0; page < 8; ++page) EXPECT_EQ(page_at(0, 0x10000 + page * 0x1000), page);
  unmap(0, 0x10000, 8);
  expect_held(4);
}

TEST_F(SharedPages, AreUndoneOnlyAsFarAsTheyWereNew) {
  attach(1);
  copy(1, 0x50000, 2, 2);
  program_->process->set_memlock(5 * kPageSize);
  EXPECT_EQ(program_->attach(device_[0], ioas_[0]), -ENOMEM) << "six more";
  expect_held(2);
  EXPECT_EQ(page_at(1, 0x51000), 3);
  program_->process->set_memlock(8 * kPageSize);
  attach(0);
  expect_held(8);
}

TEST_F(SharedPages, AreUndoneAroundAFault) {
  attach(1);
  copy(1, 0x50000, 2, 2);
  program_->free_memory(va_ + 6 * kPageSize, 2 * kPageSize);
  EXPECT_EQ(program_->attach(device_[0], ioas_[0]), -EFAULT);
  expect_held(2);
  EXPECT_EQ(page_at(1, 0x50000), 2);
}

TEST_F(SharedPages, NeedNoRoomBelowTheLimit) {
  attach(0);
  program_->process->set_memlock(0);
  copy(0, 0x50000, 0, 8);
  attach(1);
  copy(1, 0x50000, 4, 4);
  expect_held(8);
}

TEST_F(SharedPages, AreHeldOnceForSeveralPageTables) {
  const int64_t manual = program_->hwpt_alloc(device_id_[0], ioas_[0]);
  attach(0);
  copy(0, 0x50000, 4, 4);
  expect_held(8);
  ASSERT_EQ(program_->destroy(manual), 0);
  expect_held(8);
  unmap(0, 0x10000, 8);
  expect_held(4);
  EXPECT_EQ(page_at(0, 0x50000), 4);
  detach(0);
  expect_held(0);
}

TEST_F(SharedPages, OfAFileAreSharedLikewise) {
  attach(0);
  attach(1);
  unmap(0, 0x10000, 8);
  const int memfd = program_->labelled_memfd(kPages * kPageSize, va_.value);
  ASSERT_EQ(program_->map_file_at(ioas_[0], memfd, 0, kPages * kPageSize, 0x10000), 0);
  copy(1, 0x50000, 3, 5);
  expect_held(8);
  unmap(0, 0x10000, 8);
  expect_held(5);
  EXPECT_EQ(page_at(1, 0x51000), 4);
  unmap(1, 0x50000, 5);
  expect_held(0);
}

TEST_F(SharedPages, OfHugePagesAreSharedLikewise) {
  attach(0);
  attach(1);
  unmap(0, 0x10000, 8);
  const UserPtr huge =
      program_->memory(2 * kMiB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_HUGETLB);
  ASSERT_EQ(program_->map_at(ioas_[0], huge, 2 * kMiB, 0x200000), 0);
  ASSERT_EQ(program_->copy_to(ioas_[1], 0x600000, ioas_[0], 0x200000, 2 * kMiB), 0);
  ASSERT_EQ(program_->copy_to(ioas_[1], 0x11000, ioas_[0], 0x203000, 100 * kPageSize), 0);
  expect_held(512);
  EXPECT_EQ(program_->get_pa(ioas_[1], 0x11000).length, 100 * kPageSize);
  EXPECT_EQ(program_->get_pa(ioas_[1], 0x11000).phys, program_->get_pa(ioas_[0], 0x203000).phys);
  unmap(0, 0x200000, 512);
  unmap(1, 0x600000, 512);
  expect_held(100);
  EXPECT_EQ(program_->get_pa(ioas_[1], 0x12000).length, 99 * kPageSize);
}

// The leaves of the source do not matter, nor those of the copy.
TEST_F(SharedPages, MayBeShownInLeavesOfAnySize) {
  ASSERT_EQ(program_->set_huge_pages(ioas_[1], false), 0);
  attach(0);
  attach(1);
  const UserPtr huge =
      program_->memory(2 * kMiB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_HUGETLB);
  ASSERT_EQ(program_->map_at(ioas_[0], huge, 2 * kMiB, 0x200000), 0);
  ASSERT_EQ(program_->copy_to(ioas_[1], 0x200000, ioas_[0], 0x200000, 2 * kMiB), 0);
  unmap(0, 0x200000, 512);
  ASSERT_EQ(program_->copy_to(ioas_[0], 0x400000, ioas_[1], 0x200000, 2 * kMiB), 0);
  EXPECT_EQ(program_->get_pa(ioas_[0], 0x400000).length, 2 * kMiB);
  EXPECT_EQ(program_->get_pa(ioas_[0], 0x400000).phys, program_->get_pa(ioas_[1], 0x200000).phys);
}

TEST_F(SharedPages, KeepTheAccountingOfTheirMap) {
  attach(0);
  attach(1);
  unmap(0, 0x10000, 8);
  program_->process->set_capability(CAP_IPC_LOCK, true);
  ASSERT_EQ(program_->map_at(ioas_[0], va_, kPages * kPageSize, 0x10000), 0);
  program_->process->set_capability(CAP_IPC_LOCK, false);
  program_->process->set_memlock(0);
  copy(1, 0x50000, 0, 8);
  EXPECT_EQ(program_->process->task()->user->locked_vm, 0U);
  unmap(0, 0x10000, 8);
  EXPECT_EQ(program_->process->task()->memory->pinned_vm, 8U);
}

TEST_F(SharedPages, ThatWereMappedTwiceAreNotTheSame) {
  attach(0);
  ASSERT_EQ(program_->map_at(ioas_[0], va_, kPages * kPageSize, 0x50000), 0);
  expect_held(16);
  copy(0, 0x60000, 0, 8);
  expect_held(16);
}

}  // namespace
}  // namespace noiommu::tests
