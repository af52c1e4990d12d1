// Devices that many threads open, bind and use at once.
#include "tests/vfio/threads.h"

#include <atomic>
#include <chrono>

#include "tests/vfio/driver.h"

namespace noiommu::vfio {
namespace {

constexpr uint32_t kIdentification = 0x010000ed;

using Threads = VfioTest;

TEST_F(Threads, OneOfManyFilesIsBound) {
  Driver& p = boot();
  const int iommufd = p.open("/dev/iommu");
  std::atomic<int> bound = 0;
  std::atomic<int> total = 0;
  const auto use = [&] {
    const int fd = p.open(kDevice0);
    const int64_t id = p.bind(fd, iommufd);
    if (id > 0) {
      EXPECT_EQ(++bound, 1);
      ++total;
      const int64_t ioas = p.alloc_ioas(iommufd);
      EXPECT_GT(p.attach(fd, ioas), 0);
      EXPECT_EQ(p.set_irq(fd, 0x24, VFIO_PCI_MSI_IRQ_INDEX, -1), 0);
      EXPECT_EQ(p.load<uint32_t>(fd, 0), kIdentification);
      EXPECT_EQ(p.detach(fd), 0);
      EXPECT_EQ(p.destroy(iommufd, ioas), 0);
      --bound;
    } else {
      EXPECT_EQ(id, -EINVAL);
    }
    EXPECT_EQ(p.close(fd), 0);
  };
  run({use, use, use});
  EXPECT_GT(total, 0);
}

TEST_F(Threads, GroupAndCdevExcludeEachOther) {
  Driver& p = boot();
  const int iommufd = p.open("/dev/iommu");
  std::atomic<int> bound = 0;
  const auto cdev = [&] {
    const int fd = p.open(kDevice0);
    const int64_t id = p.bind(fd, iommufd);
    EXPECT_THAT(id, testing::AnyOf(1, -EBUSY));
    if (id > 0) {
      ++bound;
      EXPECT_EQ(p.open("/dev/vfio/noiommu-0"), -EBUSY);
      --bound;
    }
    p.close(fd);
  };
  const auto group = [&] {
    const int fd = p.open("/dev/vfio/noiommu-0");
    if (fd < 0) {
      EXPECT_EQ(fd, -EBUSY);
      return;
    }
    EXPECT_EQ(bound, 0);
    p.close(fd);
  };
  run({cdev, group, group});
}

// The file that BIND gets for an iommufd is the device itself, and goes away meanwhile.
TEST_F(Threads, BindToAFileThatIsBeingReleased) {
  Driver& p = boot();
  const int iommufd = p.open("/dev/iommu");
  const int unbound = p.open(kDevice0);
  const int first_free = p.open("/dev/null");
  p.close(first_free);
  const auto release = [&] {
    const int fd = p.open(kDevice0);
    EXPECT_EQ(fd, first_free);
    // The file before it may still be in use by the others.
    EXPECT_THAT(p.bind(fd, iommufd), testing::AnyOf(1, -EINVAL));
    EXPECT_EQ(p.close(fd), 0);
  };
  const auto bind = [&] {
    EXPECT_THAT(p.bind(unbound, first_free), testing::AnyOf(-EBADF, -EBADFD));
  };
  run_while(release, {bind, bind}, kRoundsOfARace);
}

// The same for the eventfd of an interrupt: here it is the other device.
TEST_F(Threads, ArmWithAFileThatIsBeingReleased) {
  Driver& p = boot();
  const Driver::Bound bound = p.open_bound();
  const int first_free = p.open("/dev/null");
  p.close(first_free);
  const auto release = [&] {
    const int fd = p.open(kDevice1);
    EXPECT_EQ(fd, first_free);
    EXPECT_THAT(p.bind(fd, bound.iommufd), testing::AnyOf(2, -EINVAL));
    EXPECT_EQ(p.close(fd), 0);
  };
  const auto arm = [&] {
    EXPECT_THAT(p.set_irq(bound.fd, 0x24, VFIO_PCI_REQ_IRQ_INDEX, first_free),
                testing::AnyOf(-EBADF, -EINVAL));
  };
  run_while(release, {arm, arm}, kRoundsOfARace);
}

TEST_F(Threads, CloseUnderOthersFeet) {
  Driver& p = boot();
  const int iommufd = p.open("/dev/iommu");
  const int fd = p.open(kDevice0);
  p.close(fd);
  const auto reopen = [&] {
    EXPECT_EQ(p.open(kDevice0), fd);
    EXPECT_THAT(p.bind(fd, iommufd), testing::AnyOf(1, -EINVAL));
    EXPECT_EQ(p.close(fd), 0);
  };
  const auto look = [&] {
    vfio_irq_info info{.argsz = 16, .flags = 0, .index = 0, .count = 0};
    EXPECT_THAT(p.ioctl(fd, VFIO_DEVICE_GET_IRQ_INFO, info), testing::AnyOf(0, -EBADF, -EINVAL));
    EXPECT_THAT(p.pread(fd, kConfig, 4), testing::AnyOf(4, -EBADF, -EINVAL));
    const auto bar = p.process->mmap(
        {.length = kPageSize, .prot = PROT_READ, .flags = MAP_SHARED, .offset = 0}, fd);
    if (!bar) return;
    EXPECT_EQ(p.peek<uint32_t>(*bar), kIdentification);
    EXPECT_TRUE(p.process->munmap(*bar, kPageSize));
  };
  run_while(reopen, {look});
}

TEST_F(Threads, UnbindAndBindWhileOthersOpen) {
  Driver& p = boot();
  const int iommufd = p.open("/dev/iommu");
  const auto rebind = [&] {
    EXPECT_EQ(p.write_file(kUnbind, "0000:00:05.0"), 0);
    EXPECT_EQ(p.write_file(kBind, "0000:00:05.0"), 0);
  };
  const auto use = [&] {
    const int fd = p.open(kDevice1);
    EXPECT_THAT(fd, testing::AnyOf(testing::Ge(0), -ENOENT, -ENODEV));
    if (fd < 0) return;
    EXPECT_THAT(p.bind(fd, iommufd), testing::AnyOf(testing::Gt(0), -EBUSY, -EINVAL));
    p.close(fd);
  };
  const auto group = [&] {
    const int fd = p.open("/dev/vfio/noiommu-1");
    EXPECT_THAT(fd, testing::AnyOf(testing::Ge(0), -ENOENT, -ENODEV, -EBUSY));
    if (fd >= 0) p.close(fd);
  };
  run_while(rebind, {use, group});
  EXPECT_GE(p.open(kDevice1), 0);
}

TEST_F(Threads, ParameterChangesWhileDevicesCome) {
  Driver& p = boot();
  const auto toggle = [&] {
    EXPECT_EQ(p.write_file(kParameter, "N"), 0);
    EXPECT_EQ(p.write_file(kParameter, "Y"), 0);
  };
  const auto rebind = [&] {
    EXPECT_THAT(p.write_file(kUnbind, "0000:00:05.0"), testing::AnyOf(0, -ENODEV));
    EXPECT_THAT(p.write_file(kBind, "0000:00:05.0"), testing::AnyOf(0, -EINVAL));
  };
  run({toggle, rebind});
}

// With decoding off an access fails; it never reads what nobody answers.
TEST_F(Threads, DecodeGoesOffBetweenAccessesOnly) {
  Driver& p = boot();
  const int fd = p.open_bound().fd;
  const UserPtr buffer = p.memory(kPageSize);
  const auto toggle = [&] {
    p.store<uint16_t>(fd, kConfig + 0x04, 0);
    p.store<uint16_t>(fd, kConfig + 0x04, 2);
  };
  const auto read = [&] {
    const int64_t done = Driver::answer(p.process->pread(fd, buffer, 4, 0));
    EXPECT_THAT(done, testing::AnyOf(4, -EIO));
    EXPECT_TRUE(done < 0 || p.peek<uint32_t>(buffer) == kIdentification);
  };
  run_while(toggle, {read}, kRoundsOfARace);
}

TEST_F(Threads, ResetHappensBetweenAccesses) {
  Driver& p = boot(with_reset());
  const int fd = p.open_bound().fd;
  const UserPtr bar =
      p.process
          ->mmap({.length = kPageSize, .prot = PROT_READ, .flags = MAP_SHARED, .offset = 0}, fd)
          .value();
  const auto reset = [&] { EXPECT_EQ(p.ioctl_value(fd, VFIO_DEVICE_RESET, 0), 0); };
  run_while(reset,
            {[&] { EXPECT_EQ(p.load<uint32_t>(fd, 0), kIdentification); },
             [&] { EXPECT_EQ(p.peek<uint32_t>(bar), kIdentification); }},
            kRoundsOfARace);
}

TEST_F(Threads, NoInterruptIsLostForGood) {
  Driver& p = boot();
  const int fd = p.open_bound().fd;
  const int event = p.eventfd();
  const int unmask = p.eventfd();
  EXPECT_EQ(p.set_irq(fd, 0x24, VFIO_PCI_INTX_IRQ_INDEX, event), 0);
  EXPECT_EQ(p.set_irq(fd, 0x14, VFIO_PCI_INTX_IRQ_INDEX, unmask), 0);
  run({[&] { p.store<uint32_t>(fd, 0x60, 1); }, [&] { p.store<uint32_t>(fd, 0x64, 1); },
       [&] { EXPECT_EQ(p.set_irqs(fd, 0x11, VFIO_PCI_INTX_IRQ_INDEX, 0, 1), 0); },
       [&] { EXPECT_EQ(p.signal(unmask), 8); },
       [&] {
         p.store<uint16_t>(fd, kConfig + 0x04, 0x0402);
         p.store<uint16_t>(fd, kConfig + 0x04, 0x0002);
       }});
  p.store<uint32_t>(fd, 0x64, 1);
  EXPECT_EQ(p.set_irqs(fd, 0x11, VFIO_PCI_INTX_IRQ_INDEX, 0, 1), 0);
  p.events(event);
  p.store<uint32_t>(fd, 0x60, 1);
  EXPECT_EQ(p.events(event), 1);
}

TEST_F(Threads, InterruptsAreRearmedWhileTheyArrive) {
  Driver& p = boot();
  const int fd = p.open_bound().fd;
  p.store<uint16_t>(fd, kConfig + 0x04, 0x0006);
  const int event = p.eventfd();
  const auto rearm = [&] {
    EXPECT_EQ(p.set_irq(fd, 0x24, VFIO_PCI_MSI_IRQ_INDEX, event), 0);
    EXPECT_EQ(p.set_irqs(fd, 0x21, VFIO_PCI_MSI_IRQ_INDEX, 0, 0), 0);
    EXPECT_EQ(p.set_irq(fd, 0x24, VFIO_PCI_INTX_IRQ_INDEX, event), 0);
    EXPECT_EQ(p.set_irqs(fd, 0x21, VFIO_PCI_INTX_IRQ_INDEX, 0, 0), 0);
  };
  const auto raise = [&] {
    p.store<uint32_t>(fd, 0x60, 1);
    p.store<uint32_t>(fd, 0x64, 1);
  };
  run_while(rearm, {raise, [&] { p.events(event); }});
  EXPECT_EQ(p.set_irq(fd, 0x24, VFIO_PCI_MSI_IRQ_INDEX, event), 0);
  p.events(event);
  raise();
  EXPECT_EQ(p.events(event), 1);
}

TEST_F(Threads, TransfersEndWhileTheDeviceCloses) {
  Driver& p = boot();
  const int iommufd = p.open("/dev/iommu");
  const auto use = [&] {
    const int fd = p.open(kDevice0);
    EXPECT_EQ(p.bind(fd, iommufd), 1);
    p.store<uint16_t>(fd, kConfig + 0x04, 0x0006);
    EXPECT_EQ(p.set_irq(fd, 0x24, VFIO_PCI_MSI_IRQ_INDEX, p.eventfd()), 0);
    p.store<uint64_t>(fd, 0x90, 8);
    p.store<uint64_t>(fd, 0x98, 7);
    p.close(fd);
  };
  run_while(use, {[&] { p.machine->kernel().clock().advance(std::chrono::milliseconds(10)); }});
}

}  // namespace
}  // namespace noiommu::vfio
