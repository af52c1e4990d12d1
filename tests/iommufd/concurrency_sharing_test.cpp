// Copies, dma-bufs, page tables made by hand, CHANGE_PROCESS and options on several threads.
// Spec: iommufd.md section 17.
#include "tests/iommufd/concurrency.h"

namespace noiommu::tests {
namespace {

// What is copied is read back from the page table of the source, which comes and goes.
TEST_F(Concurrency, CopiesAreMadeWhileTheirSourceIsAttachedAndDetached) {
  start();
  program_->process->set_capability(CAP_IPC_LOCK, false);
  const int64_t other = program_->ioas_alloc();
  const int second = program_->bind(1);
  constexpr uint64_t kPages = 8;
  const UserPtr va = program_->labelled_memory(kPages * kPageSize);
  ASSERT_EQ(program_->map_at(ioas_, va, kPages * kPageSize, 0x10000), 0);
  const auto attacher = [&](int device, int64_t ioas) {
    return [&, device, ioas](Thread& calls) {
      for (int round = 0; round < 600; ++round) {
        EXPECT_GT(calls.attach(device, ioas), 0);
        EXPECT_EQ(calls.detach(device), 0);
      }
    };
  };
  const auto copier = [&](uint64_t first, uint64_t iova) {
    return [&, first, iova](Thread& calls) {
      const uint64_t length = (kPages - 2) * kPageSize;
      for (int round = 0; round < 1200; ++round) {
        ASSERT_EQ(calls.copy_to(other, iova, ioas_, 0x10000 + first * kPageSize, length), 0);
        const Extent at = calls.get_pa(other, iova + kPageSize, 1);
        if (at.answer == 0) {
          ASSERT_EQ(program_->dma_read(at.phys), va.value + (first + 1) * kPageSize);
        } else {
          ASSERT_EQ(at.answer, -EOPNOTSUPP);
        }
        ASSERT_EQ(calls.unmap(other, iova, length), static_cast<int64_t>(length));
      }
    };
  };
  run({attacher(device_, ioas_), attacher(second, other), copier(0, 0x50000), copier(2, 0x60000)});
  EXPECT_EQ(pins(), 0U);
  EXPECT_EQ(program_->process->task()->user->locked_vm, 0U);
}

TEST_F(Concurrency, CopiesGoInBothDirections) {
  start();
  const int64_t other = program_->ioas_alloc();
  ASSERT_GT(program_->attach(program_->bind(1), other), 0);
  const UserPtr va = program_->labelled_memory(4 * kPageSize);
  ASSERT_EQ(program_->map_at(ioas_, va, 4 * kPageSize, 0x10000), 0);
  ASSERT_EQ(program_->copy_to(other, 0x10000, ioas_, 0x10000, 4 * kPageSize), 0);
  run(times(4, [&](Thread& calls, int number) {
    const int64_t to = number % 2 == 0 ? ioas_ : other;
    const int64_t from = number % 2 == 0 ? other : ioas_;
    const uint64_t iova = 0x100000 + static_cast<uint64_t>(number) * 0x10000;
    for (int round = 0; round < 1500; ++round) {
      ASSERT_EQ(calls.copy_to(to, iova, from, 0x11000, 2 * kPageSize), 0);
      ASSERT_EQ(program_->dma_read(calls.get_pa(to, iova + kPageSize, 1).phys),
                va.value + 2 * kPageSize);
      ASSERT_EQ(calls.unmap(to, iova, 2 * kPageSize), 0x2000);
    }
  }));
  EXPECT_EQ(pins(), 4U);
}

TEST_F(Concurrency, DmaBufsAreRevokedWhileTheyAreUsed) {
  start();
  const int second = program_->bind(1);
  const int64_t other = program_->ioas_alloc();
  const auto buffer = static_cast<int>(program_->dma_buf(device_, {{0, 0x4000}}));
  const PhysAddr bar = program_->machine->bus().find("0000:00:04.0")->bar(0).base;
  const auto revoker = [&](Thread&) {
    for (int round = 0; round < 1500; ++round) {
      program_->set_command(device_, 0);
      program_->set_command(device_, 2);
    }
  };
  const auto look = [&](Thread& calls, int64_t ioas, uint64_t iova, uint64_t offset) {
    const Extent at = calls.get_pa(ioas, iova, kPageSize);
    if (at.answer == 0) {
      ASSERT_EQ(at.phys, bar + offset);
      ASSERT_EQ(at.length, kPageSize);
    } else {
      ASSERT_TRUE(one_of(at.answer, {-EINVAL, -EOPNOTSUPP})) << at.answer;
    }
  };
  const auto mapper = [&](Thread& calls) {
    for (int round = 0; round < 1500; ++round) {
      const int64_t mapped = calls.map_file_at(ioas_, buffer, 0, 0x4000, 0x10000);
      if (mapped == -ENODEV) continue;
      ASSERT_EQ(mapped, 0);
      look(calls, ioas_, 0x11000, 0x1000);
      ASSERT_EQ(calls.copy_to(other, 0x50000, ioas_, 0x11000, 0x2000), 0);
      look(calls, other, 0x51000, 0x2000);
      ASSERT_EQ(calls.unmap(ioas_, 0x10000, 0x4000), 0x4000);
      look(calls, other, 0x50000, 0x1000);
      ASSERT_EQ(calls.unmap(other, 0x50000, 0x2000), 0x2000);
    }
  };
  const auto attacher = [&](Thread& calls) {
    for (int round = 0; round < 600; ++round) {
      ASSERT_GT(calls.attach(second, other), 0);
      ASSERT_EQ(calls.detach(second), 0);
    }
  };
  run({revoker, mapper, attacher});
}

TEST_F(Concurrency, DmaBufsAreRevokedByACloseWhileTheyAreUsed) {
  start();
  const auto closer = [&](Thread&) {
    for (int round = 0; round < 300; ++round) {
      const int device = program_->bind(1);
      ASSERT_GE(device, 0);
      const auto buffer = static_cast<int>(program_->dma_buf(device, {{0, 0x2000}}));
      ASSERT_GE(buffer, 0);
      ASSERT_EQ(program_->map_file_at(ioas_, buffer, 0, 0x2000, 0x10000), 0);
      ASSERT_EQ(program_->close(device), 0);
      ASSERT_EQ(program_->map_file_at(ioas_, buffer, 0, 0x2000, 0x20000), -ENODEV);
      ASSERT_EQ(program_->close(buffer), 0);
      for (int64_t bytes = 0; bytes != -ENOENT;) {
        bytes = program_->unmap(ioas_, 0x10000, 0x2000);
        ASSERT_TRUE(one_of(bytes, {0x2000, -ENOENT, -EBUSY})) << bytes;
      }
    }
  };
  const auto user = [&](Thread& calls) {
    for (int round = 0; round < 3000; ++round) {
      const int64_t answer = calls.get_pa(ioas_, 0x11000, 1).answer;
      ASSERT_TRUE(one_of(answer, {0, -EINVAL, -ENOENT})) << answer;
      if (round % 8 == 0) {
        const int64_t bytes = calls.unmap(ioas_, 0x10000, 0x2000);
        ASSERT_TRUE(one_of(bytes, {0x2000, -ENOENT, -EBUSY})) << bytes;
      }
    }
  };
  run({closer, user});
}

TEST_F(Concurrency, PageTablesAreMadeAndDestroyedUnderMaps) {
  start();
  const auto device = static_cast<int64_t>(program_->device_id);
  std::vector<Pages> pages;
  for (int i = 0; i < 2; ++i) pages.push_back(interleaved(i, 2, 8));
  const auto mapper = [&](int number) {
    return [&, number](Thread& calls) {
      for (int round = 0; round < 400; ++round) map_look_unmap(calls, pages[number], false);
    };
  };
  const auto maker = [&](Thread& calls) {
    for (int round = 0; round < 400; ++round) {
      const int64_t hwpt = calls.hwpt_alloc(device, ioas_);
      ASSERT_GT(hwpt, hwpt_);
      ASSERT_TRUE(one_of(calls.destroy(hwpt), {0, -ENOENT, -EBUSY}));
    }
  };
  const auto destroyer = [&](Thread& calls) {
    for (int64_t round = 0; round < 3000; ++round) {
      ASSERT_TRUE(one_of(calls.destroy(hwpt_ + 1 + round % 4), {0, -ENOENT, -EBUSY}));
    }
  };
  run({mapper(0), mapper(1), maker, maker, destroyer});
  for (int64_t id = hwpt_ + 1; id < hwpt_ + 10; ++id) program_->destroy(id);
  EXPECT_EQ(pins(), 0U);
  program_->detach(device_);
  EXPECT_EQ(program_->destroy(ioas_), 0);
}

// The first page table may go while the next one is filled from it.
TEST_F(Concurrency, PageTablesAreFilledFromOnesThatGo) {
  start();
  const auto device = static_cast<int64_t>(program_->device_id);
  const UserPtr va = program_->labelled_memory(8 * kPageSize);
  ASSERT_EQ(program_->map_at(ioas_, va, 8 * kPageSize, 0x10000), 0);
  run(times(3, [&](Thread& calls, int) {
    for (int round = 0; round < 400; ++round) {
      const int64_t hwpt = calls.hwpt_alloc(device, ioas_);
      ASSERT_GT(hwpt, 0);
      const Extent at = calls.get_pa(ioas_, 0x13000, 1);
      ASSERT_EQ(at.answer, 0);
      ASSERT_EQ(program_->dma_read(at.phys), va.value + 3 * kPageSize);
      ASSERT_EQ(calls.destroy(hwpt), 0);
      if (round % 20 == 0) {
        calls.attach(device_, ioas_);
        calls.detach(device_);
      }
    }
  }));
  program_->detach(device_);
  EXPECT_EQ(pins(), 0U);
}

TEST_F(Concurrency, FaultQueuesComeAndGoWithTheirPageTables) {
  start();
  const auto device = static_cast<int64_t>(program_->device_id);
  run(times(3, [&](Thread& calls, int) {
    for (int round = 0; round < 300; ++round) {
      const auto queue = calls.fault_queue();
      ASSERT_GT(queue.id, 0);
      const int64_t hwpt = calls.hwpt_alloc(device, ioas_, IOMMU_HWPT_FAULT_ID_VALID, queue.id);
      ASSERT_GT(hwpt, 0);
      ASSERT_EQ(program_->close(queue.fd), 0);
      ASSERT_EQ(calls.destroy(queue.id), -EBUSY);
      ASSERT_EQ(calls.destroy(hwpt), 0);
      ASSERT_EQ(calls.destroy(queue.id), 0);
    }
  }));
}

// Two processes take the charge from each other while a third maps, unmaps, copies and detaches.
class ProcessChanges : public Concurrency {
 protected:
  void SetUp() override {
    start();
    for (const uint32_t uid : {1000U, 2000U}) {
      Credentials credentials{.uid = uid};
      credentials.effective.reset(CAP_IPC_LOCK);
      Client& partner = spawn(credentials);
      partner.close(partner.iommufd);
      partner.iommufd = partner.receive(*program_, program_->iommufd);
      partners_.push_back(&partner);
    }
    program_->process->set_capability(CAP_IPC_LOCK, false);
    memfd_ = program_->memfd(8 * kPageSize);
  }
  Body taker(size_t which) {
    return [this, which](Thread&) {
      for (int round = 0; round < 1500; ++round) {
        ASSERT_TRUE(one_of(partners_.at(which)->change_process(), {0, -EBUSY}));
      }
    };
  }
  uint64_t charged() {
    uint64_t sum = program_->process->task()->user->locked_vm;
    for (const Client* partner : partners_) sum += partner->process->task()->user->locked_vm;
    return sum;
  }

  std::vector<Client*> partners_;
  int memfd_ = -1;
};

TEST_F(ProcessChanges, MeetMapsAndUnmaps) {
  const auto mapper = [&](uint64_t iova) {
    return [&, iova](Thread& calls) {
      for (int round = 0; round < 1500; ++round) {
        ASSERT_EQ(calls.map_file_at(ioas_, memfd_, 0, 4 * kPageSize, iova), 0);
        ASSERT_EQ(calls.unmap(ioas_, iova, 4 * kPageSize), 0x4000);
      }
    };
  };
  run({taker(0), taker(1), mapper(0x10000), mapper(0x20000)});
  EXPECT_EQ(pins(), 0U);
  EXPECT_EQ(charged(), 0U);
}

TEST_F(ProcessChanges, MeetAttachesAndDetaches) {
  ASSERT_EQ(program_->map_file_at(ioas_, memfd_, 0, 8 * kPageSize, 0x10000), 0);
  const auto attacher = [&](Thread& calls) {
    for (int round = 0; round < 1000; ++round) {
      ASSERT_EQ(calls.detach(device_), 0);
      ASSERT_EQ(calls.attach(device_, ioas_), hwpt_);
    }
  };
  run({taker(0), taker(1), attacher});
  EXPECT_EQ(pins(), 8U);
  EXPECT_EQ(charged(), 8U);
}

// An IOAS that is made after the list of all of them was taken must not be filled meanwhile.
TEST_F(ProcessChanges, MeetCopiesToNewAddressSpaces) {
  ASSERT_EQ(program_->map_file_at(ioas_, memfd_, 0, 8 * kPageSize, 0x10000), 0);
  program_->detach(device_);
  const auto copier = [&](Thread& calls) {
    for (int round = 0; round < 1500; ++round) {
      const int64_t other = calls.ioas_alloc();
      ASSERT_GT(calls.attach(device_, other), 0);
      ASSERT_EQ(calls.copy_to(other, 0x10000, ioas_, 0x12000, 4 * kPageSize), 0);
      ASSERT_EQ(calls.detach(device_), 0);
      for (int64_t done = -EBUSY; done == -EBUSY;) done = calls.destroy(other);
    }
  };
  run({taker(0), taker(1), copier});
  EXPECT_EQ(pins(), 0U);
  EXPECT_EQ(charged(), 0U);
}

TEST_F(Concurrency, OptionsAreSetUnderMaps) {
  start();
  program_->detach(device_);
  const UserPtr va = program_->memory(4 * kPageSize);
  const auto setter = [&](Thread& calls) {
    for (int round = 0; round < 2000; ++round) {
      ASSERT_TRUE(one_of(calls.set_huge_pages(ioas_, false), {0, -EINVAL, -EADDRINUSE}));
      ASSERT_EQ(calls.set_huge_pages(ioas_, true), 0);
    }
  };
  const auto mapper = [&](Thread& calls) {
    for (int round = 0; round < 2000; ++round) {
      if (calls.map_at(ioas_, va, 4 * kPageSize, 0x10000) != 0) continue;
      ASSERT_EQ(calls.unmap(ioas_, 0x10000, 4 * kPageSize), 0x4000);
    }
  };
  const auto attacher = [&](Thread& calls) {
    for (int round = 0; round < 500; ++round) {
      ASSERT_GT(calls.attach(device_, ioas_), 0);
      ASSERT_EQ(calls.detach(device_), 0);
    }
  };
  run({setter, mapper, attacher});
}

}  // namespace
}  // namespace noiommu::tests
