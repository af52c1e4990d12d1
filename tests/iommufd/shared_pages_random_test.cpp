// Random programs over three IOASes, and beside them a plain account of what must be the case:
// which page of which memory is mapped where. It knows nothing of how pages are shared; what is
// pinned follows from what is shown. Spec: iommufd.md sections 8 to 10.
#include <algorithm>
#include <array>
#include <map>
#include <random>
#include <set>
#include <utility>

#include "tests/iommufd/iommufd_test.h"

namespace noiommu::tests {
namespace {

class RandomSharing : public IommufdTest, public testing::WithParamInterface<uint32_t> {
 protected:
  static constexpr uint64_t kPages = 24;  // of each source and of the IOVA window of each IOAS
  static constexpr uint64_t kWindow = 0x100000;
  static constexpr uint64_t kLimit = 36;  // pages
  static constexpr size_t kIoases = 3;

  // One MAP or MAP_FILE: what copies of it share.
  struct Source {
    bool writable;
    uint64_t label;  // of its first page
  };
  struct Area {
    uint64_t pages;
    int source;
    uint64_t first;  // page of the source
  };
  struct Ioas {
    int64_t id = 0;
    std::map<uint64_t, Area> areas;  // by first page of the window
    std::vector<int64_t> manual;     // page tables
  };

  void SetUp() override {
    program_ = &boot();
    program_->process->set_capability(CAP_IPC_LOCK, false);
    program_->process->set_memlock(kLimit * kPageSize);
    for (int i = 0; i < 2; ++i) {
      device_[i] = program_->bind(i);
      device_id_[i] = program_->device_id;
    }
    for (Ioas& ioas : ioases_) ioas.id = program_->ioas_alloc();
    va_ = program_->labelled_memory(kPages * kPageSize);
    memfd_ = program_->labelled_memfd(kPages * kPageSize, kFileLabel);
  }

  // The account.
  [[nodiscard]] bool shown(size_t which) const {
    return !ioases_.at(which).manual.empty() || attached_[0] == which || attached_[1] == which;
  }
  [[nodiscard]] uint64_t pages_shown() const {
    std::set<std::pair<int, uint64_t>> pages;
    for (size_t which = 0; which < kIoases; ++which) {
      if (!shown(which)) continue;
      for (const auto& [start, area] : ioases_.at(which).areas) {
        for (uint64_t i = 0; i < area.pages; ++i) pages.emplace(area.source, area.first + i);
      }
    }
    return pages.size();
  }
  [[nodiscard]] static bool overlaps(const Ioas& ioas, uint64_t start, uint64_t pages) {
    return std::any_of(ioas.areas.begin(), ioas.areas.end(), [&](const auto& entry) {
      return entry.first < start + pages && start < entry.first + entry.second.pages;
    });
  }
  // The parts that a copy of the range is made of; nothing where there is a hole.
  [[nodiscard]] static std::vector<Area> parts(const Ioas& ioas, uint64_t start, uint64_t pages) {
    std::vector<Area> found;
    while (pages > 0) {
      auto next = ioas.areas.upper_bound(start);
      if (next == ioas.areas.begin()) return {};
      const auto& [at, area] = *--next;
      if (start >= at + area.pages) return {};
      const uint64_t count = std::min(pages, at + area.pages - start);
      found.push_back({count, area.source, area.first + (start - at)});
      start += count;
      pages -= count;
    }
    return found;
  }
  // Puts the parts in, unless their pages are too many; the answer that this must have.
  int64_t insert(size_t which, uint64_t start, const std::vector<Area>& parts) {
    const auto before = ioases_.at(which).areas;
    for (const Area& part : parts) {
      ioases_.at(which).areas[start] = part;
      start += part.pages;
    }
    if (pages_shown() <= kLimit) return 0;
    ioases_.at(which).areas = before;
    return -ENOMEM;
  }

  // The steps, each against the account.
  uint64_t below(uint64_t limit) { return random_() % limit; }
  static uint64_t iova(uint64_t page) { return kWindow + page * kPageSize; }

  void map() {
    const size_t which = below(kIoases);
    Ioas& ioas = ioases_.at(which);
    const uint64_t pages = 1 + below(8);
    const uint64_t first = below(kPages - pages + 1);
    const uint64_t start = below(kPages - pages + 1);
    const bool file = below(2) == 0;
    const bool writable = below(4) != 0;
    const uint32_t flags = writable ? kReadWrite : uint32_t{IOMMU_IOAS_MAP_READABLE};
    const uint64_t offset = first * kPageSize;
    int64_t expected = -EEXIST;
    if (!overlaps(ioas, start, pages)) {
      sources_.push_back({writable, (file ? kFileLabel : va_.value) + offset});
      expected = insert(which, start, {{pages, static_cast<int>(sources_.size()) - 1, 0}});
    }
    const int64_t answer =
        file ? program_->map_file_at(ioas.id, memfd_, offset, pages * kPageSize, iova(start), flags)
             : program_->map_at(ioas.id, va_ + offset, pages * kPageSize, iova(start), flags);
    EXPECT_EQ(answer, expected);
  }
  void copy() {
    const size_t to = below(kIoases);
    const size_t from = below(kIoases);
    const uint64_t pages = 1 + below(10);
    const uint64_t source = below(kPages - pages + 1);
    const uint64_t start = below(kPages - pages + 1);
    const bool write = below(2) == 0;
    const auto slices = parts(ioases_.at(from), source, pages);
    const bool allowed = !write || std::all_of(slices.begin(), slices.end(), [&](const Area& part) {
      return sources_.at(part.source).writable;
    });
    int64_t expected = -ENOENT;
    if (!slices.empty()) {
      expected = -EEXIST;
      if (!overlaps(ioases_.at(to), start, pages)) {
        expected = allowed ? insert(to, start, slices) : -EPERM;
      }
    }
    EXPECT_EQ(program_->copy_to(ioases_.at(to).id, iova(start), ioases_.at(from).id, iova(source),
                                pages * kPageSize,
                                write ? kReadWrite : uint32_t{IOMMU_IOAS_MAP_READABLE}),
              expected);
  }
  void unmap() {
    Ioas& ioas = ioases_.at(below(kIoases));
    const uint64_t pages = 1 + below(kPages);
    const uint64_t start = below(kPages - pages + 1);
    uint64_t removed = 0;
    bool stuck = false;
    for (auto next = ioas.areas.begin(); next != ioas.areas.end() && !stuck;) {
      const auto& [at, area] = *next;
      if (at + area.pages <= start || at >= start + pages) {
        ++next;
        continue;
      }
      stuck = at < start || at + area.pages > start + pages;
      if (stuck) continue;
      removed += area.pages;
      next = ioas.areas.erase(next);
    }
    const int64_t expected =
        stuck || removed == 0 ? -ENOENT : static_cast<int64_t>(removed * kPageSize);
    EXPECT_EQ(program_->unmap(ioas.id, iova(start), pages * kPageSize), expected);
  }
  // The new page table is filled before the old one goes.
  void attach() {
    const size_t device = below(2);
    const size_t to = below(kIoases);
    const size_t from = attached_.at(device);
    const auto manual = ioases_.at(to).manual;
    ioases_.at(to).manual.push_back(0);
    const bool room = pages_shown() <= kLimit;
    ioases_.at(to).manual = manual;
    const int64_t answer = program_->attach(device_.at(device), ioases_.at(to).id);
    if (room) {
      EXPECT_GT(answer, 0);
      attached_.at(device) = to;
    } else {
      EXPECT_EQ(answer, -ENOMEM);
      EXPECT_EQ(attached_.at(device), from);
    }
  }
  void detach() {
    const size_t device = below(2);
    EXPECT_EQ(program_->detach(device_.at(device)), 0);
    attached_.at(device) = kIoases;
  }
  void alloc() {
    const size_t which = below(kIoases);
    Ioas& ioas = ioases_.at(which);
    ioas.manual.push_back(0);
    const bool room = pages_shown() <= kLimit;
    ioas.manual.pop_back();
    const int64_t answer = program_->hwpt_alloc(device_id_[0], ioas.id);
    if (room) {
      EXPECT_GT(answer, 0);
      ioas.manual.push_back(answer);
    } else {
      EXPECT_EQ(answer, -ENOMEM);
    }
  }
  void destroy() {
    Ioas& ioas = ioases_.at(below(kIoases));
    if (ioas.manual.empty()) return;
    const size_t index = below(ioas.manual.size());
    EXPECT_EQ(program_->destroy(ioas.manual.at(index)), 0);
    ioas.manual.erase(ioas.manual.begin() + static_cast<std::ptrdiff_t>(index));
  }
  void step() {
    const uint64_t what = below(20);
    if (what < 5) return map();
    if (what < 11) return copy();
    if (what < 14) return unmap();
    if (what < 16) return attach();
    if (what < 17) return detach();
    if (what < 18) return alloc();
    return destroy();
  }

  // What can be seen against the account.
  void compare() {
    const uint64_t expected = pages_shown();
    EXPECT_EQ(pins(), expected);
    EXPECT_EQ(program_->process->task()->user->locked_vm, expected);
    EXPECT_EQ(program_->process->task()->memory->pinned_vm, expected);
    for (size_t which = 0; which < kIoases; ++which) {
      for (uint64_t page = 0; page < kPages; ++page) compare_page(which, page);
    }
  }
  void compare_page(size_t which, uint64_t page) {
    const Ioas& ioas = ioases_.at(which);
    const auto found = parts(ioas, page, 1);
    const Extent at = program_->get_pa(ioas.id, iova(page), 1);
    if (found.empty()) {
      EXPECT_EQ(at.answer, -ENOENT);
    } else if (!shown(which)) {
      EXPECT_EQ(at.answer, -EOPNOTSUPP);
    } else {
      EXPECT_EQ(at.answer, 0);
      EXPECT_EQ(program_->dma_read(at.phys),
                sources_.at(found[0].source).label + found[0].first * kPageSize);
    }
  }

  static constexpr uint64_t kFileLabel = 0xf11e00000000;
  Client* program_ = nullptr;
  std::array<int, 2> device_{};
  std::array<int64_t, 2> device_id_{};
  UserPtr va_;
  int memfd_ = -1;
  std::array<Ioas, kIoases> ioases_;
  std::array<size_t, 2> attached_{kIoases, kIoases};  // to which IOAS; kIoases: none
  std::vector<Source> sources_;
  std::mt19937 random_{GetParam()};
};

TEST_P(RandomSharing, AgreesWithAPlainAccount) {
  for (int number = 0; number < 300; ++number) {
    step();
    compare();
    ASSERT_FALSE(HasFailure()) << "step " << number;
  }
}

INSTANTIATE_TEST_SUITE_P(Iommufd, RandomSharing, testing::Range(1U, 13U));

}  // namespace
}  // namespace noiommu::tests
