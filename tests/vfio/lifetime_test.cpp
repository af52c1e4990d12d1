// How long a device stays open, bound and registered. Spec: vfio-core.md sections 3.9 and 10.
#include <chrono>
#include <future>
#include <thread>

#include "tests/vfio/driver.h"

namespace noiommu::vfio {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Not;

const std::string kFour = "0000:00:04.0";

class Lifetime : public VfioTest {
 protected:
  void SetUp() override {
    p_ = &boot();
    bound_ = p_->open_bound();
  }
  // Whether another file of the device can be bound now.
  bool is_free() {
    const int fd = p_->open(kDevice0);
    const int64_t id = p_->bind(fd, bound_.iommufd);
    p_->close(fd);
    EXPECT_TRUE(id > 0 || id == -EINVAL) << id;
    return id > 0;
  }
  Result<UserPtr> map_bar(uint64_t length = kPageSize) {
    return p_->process->mmap(
        {.length = length, .prot = PROT_READ | PROT_WRITE, .flags = MAP_SHARED, .offset = 0},
        bound_.fd);
  }

  Driver* p_ = nullptr;
  Driver::Bound bound_{};
};

TEST_F(Lifetime, CloseDetachesAndUnbinds) {
  const int64_t ioas = p_->alloc_ioas(bound_.iommufd);
  EXPECT_EQ(p_->map(bound_.iommufd, ioas, p_->memory(kPageSize), kPageSize, 0x1000), 0);
  EXPECT_EQ(p_->attach(bound_.fd, ioas), 3);
  EXPECT_EQ(p_->close(bound_.fd), 0);
  EXPECT_EQ(p_->machine->memory().pins(), 0);
  EXPECT_EQ(p_->get_pa(bound_.iommufd, ioas, 0x1000), -EOPNOTSUPP);
  EXPECT_EQ(p_->destroy(bound_.iommufd, ioas), 0);
  EXPECT_EQ(p_->alloc_ioas(bound_.iommufd), 1) << "the device's id is free";
}

TEST_F(Lifetime, DuplicateKeepsTheBinding) {
  const int copy = p_->process->dup(bound_.fd).value();
  p_->close(bound_.fd);
  EXPECT_FALSE(is_free());
  EXPECT_EQ(p_->destroy(bound_.iommufd, 1), -EBUSY);
  EXPECT_EQ(p_->load<uint32_t>(copy, 0), 0x010000ed);
  p_->close(copy);
  EXPECT_TRUE(is_free());
}

TEST_F(Lifetime, MappingKeepsTheBinding) {
  const UserPtr bar = map_bar(2 * kPageSize).value();
  p_->close(bound_.fd);
  EXPECT_FALSE(is_free());
  EXPECT_EQ(p_->destroy(bound_.iommufd, 1), -EBUSY);
  EXPECT_EQ(p_->peek<uint32_t>(bar), 0x010000ed);
  EXPECT_TRUE(p_->process->munmap(bar, kPageSize));
  EXPECT_FALSE(is_free()) << "half of it is left";
  EXPECT_TRUE(p_->process->munmap(bar + kPageSize, kPageSize));
  EXPECT_TRUE(is_free());
}

TEST_F(Lifetime, ChildKeepsTheBinding) {
  auto child = p_->process->fork();
  ASSERT_TRUE(child);
  p_->close(bound_.fd);
  EXPECT_FALSE(is_free());
  child->reset();
  EXPECT_TRUE(is_free());
}

TEST_F(Lifetime, MappingOfAChildIsTheDeviceToo) {
  const UserPtr bar = map_bar().value();
  auto child = p_->process->fork();
  ASSERT_TRUE(child);
  p_->close(bound_.fd);
  EXPECT_TRUE((*child)->close(bound_.fd));
  EXPECT_TRUE(p_->process->munmap(bar, kPageSize));
  uint32_t value = 0;
  EXPECT_TRUE(read_user((*child)->memory(), bar, value));
  EXPECT_EQ(value, 0x010000ed);
  EXPECT_FALSE(is_free());
  child->reset();
  EXPECT_TRUE(is_free());
}

TEST_F(Lifetime, ContextLivesAsLongAsTheBinding) {
  const int64_t ioas = p_->alloc_ioas(bound_.iommufd);
  p_->close(bound_.iommufd);
  EXPECT_EQ(p_->attach(bound_.fd, ioas), 3);
  EXPECT_EQ(p_->detach(bound_.fd), 0);
  EXPECT_EQ(p_->close(bound_.fd), 0);
}

TEST_F(Lifetime, ExitClosesInAnyOrder) {
  Driver& other = spawn();
  const Driver::Bound bound = other.open_bound(kDevice1);
  const int64_t ioas = other.alloc_ioas(bound.iommufd);
  EXPECT_EQ(other.map(bound.iommufd, ioas, other.memory(kPageSize), kPageSize, 0x1000), 0);
  EXPECT_EQ(other.attach(bound.fd, ioas), 3);
  other.process.reset();
  EXPECT_EQ(p_->machine->memory().pins(), 0);
  EXPECT_EQ(p_->bind(p_->open(kDevice1), bound_.iommufd), 2);
}

TEST_F(Lifetime, DeviceKeepsItsRegistersWithoutReset) {
  p_->store<uint32_t>(bound_.fd, 0x04, 0);
  p_->store<uint32_t>(bound_.fd, 0x08, 5);
  p_->close(bound_.fd);
  bound_ = p_->open_bound();
  EXPECT_EQ(p_->load<uint32_t>(bound_.fd, 0x04), UINT32_MAX);
  EXPECT_EQ(p_->load<uint32_t>(bound_.fd, 0x08), 120);
}

// unbind waits for whoever has the device open. A program that is alone would wait for itself.
class Unbind : public Lifetime {
 protected:
  void expect_blocked() {
    p_->machine->kernel().set_single_threaded(true);
    EXPECT_THROW(p_->write_file(kUnbind, kFour), BlockedForever);
  }
  [[nodiscard]] LogLine last_line() const { return p_->machine->kernel().log().lines().back(); }
};

TEST_F(Unbind, WaitsForABoundFile) {
  expect_blocked();
  EXPECT_EQ(p_->open(kDevice0), -ENOENT) << "the node has gone at once";
  EXPECT_THAT(p_->list("/sys/class/vfio-dev"), ElementsAre("noiommu-vfio1"));
  EXPECT_THAT(p_->list("/dev/vfio"), Contains("noiommu-0")) << "the group goes last";
  EXPECT_EQ(p_->load<uint32_t>(bound_.fd, 0), 0x010000ed) << "the file goes on";
  EXPECT_EQ(p_->write_file(kBind, kFour), -EBUSY) << "not gone yet";
  p_->close(bound_.fd);
  EXPECT_EQ(p_->write_file(kUnbind, kFour), 0);
  EXPECT_THAT(p_->list("/dev/vfio"), Not(Contains("noiommu-0")));
  EXPECT_EQ(p_->write_file(kBind, kFour), 0);
  EXPECT_GE(p_->open(kDevice0), 0);
}

TEST_F(Unbind, WaitsForAnUnboundFileWhichCanStillBind) {
  p_->close(bound_.fd);
  const int fd = p_->open(kDevice0);
  expect_blocked();
  EXPECT_EQ(p_->bind(fd, bound_.iommufd), 1);
  EXPECT_EQ(p_->load<uint32_t>(fd, 0), 0x010000ed);
}

TEST_F(Unbind, WaitsForAMapping) {
  const UserPtr bar = map_bar().value();
  p_->close(bound_.fd);
  expect_blocked();
  EXPECT_EQ(p_->peek<uint32_t>(bar), 0x010000ed);
  EXPECT_TRUE(p_->process->munmap(bar, kPageSize));
  EXPECT_EQ(p_->write_file(kUnbind, kFour), 0);
}

TEST_F(Unbind, DoesNotWaitForAnOpenGroup) {
  p_->close(bound_.fd);
  EXPECT_GE(p_->open("/dev/vfio/noiommu-0"), 0);
  p_->machine->kernel().set_single_threaded(true);
  EXPECT_EQ(p_->write_file(kUnbind, kFour), 0);
}

TEST_F(Unbind, AsksThroughTheRequestEventfd) {
  const int event = p_->eventfd();
  EXPECT_EQ(p_->set_irq(bound_.fd, 0x24, VFIO_PCI_REQ_IRQ_INDEX, event), 0);
  expect_blocked();
  EXPECT_EQ(p_->events(event), 1);
  EXPECT_EQ(last_line().level, LogLevel::kNotice);
  EXPECT_EQ(last_line().text, "vfio-pci 0000:00:04.0: Relaying device request to user (#0)");
}

TEST_F(Unbind, SaysWhenThereIsNobodyToAsk) {
  expect_blocked();
  EXPECT_EQ(last_line().level, LogLevel::kWarn);
  EXPECT_EQ(last_line().text,
            "vfio-pci 0000:00:04.0: No device request channel registered, blocked until released "
            "by user");
}

TEST_F(Unbind, ReturnsWhenAnotherThreadCloses) {
  const int event = p_->eventfd();
  EXPECT_EQ(p_->set_irq(bound_.fd, 0x24, VFIO_PCI_REQ_IRQ_INDEX, event), 0);
  std::thread polite([&] {
    while (p_->events(event) == 0) std::this_thread::yield();
    EXPECT_EQ(p_->open(kDevice0), -ENOENT);
    EXPECT_EQ(p_->close(bound_.fd), 0);
  });
  EXPECT_EQ(p_->write_file(kUnbind, kFour), 0);
  polite.join();
  EXPECT_THAT(p_->list("/dev/vfio"), ElementsAre("devices", "noiommu-1", "vfio"));
}

TEST_F(Unbind, AndBindInAnotherThreadWaitToo) {
  const int event = p_->eventfd();
  EXPECT_EQ(p_->set_irq(bound_.fd, 0x24, VFIO_PCI_REQ_IRQ_INDEX, event), 0);
  auto unbind = std::async(std::launch::async, [&] { return p_->write_file(kUnbind, kFour); });
  while (p_->events(event) == 0) std::this_thread::yield();
  auto bind = std::async(std::launch::async, [&] { return p_->write_file(kBind, kFour); });
  auto again = std::async(std::launch::async, [&] { return p_->write_file(kUnbind, kFour); });
  EXPECT_EQ(p_->close(bound_.fd), 0);
  EXPECT_EQ(unbind.get(), 0);
  // Either of the two may come first; the device is bound once or unbound twice.
  const int rebound = bind.get();
  EXPECT_EQ(rebound, 0);
  EXPECT_THAT(again.get(), testing::AnyOf(0, -ENODEV));
}

}  // namespace
}  // namespace noiommu::vfio
