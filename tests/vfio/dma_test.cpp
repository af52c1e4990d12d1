// DMA end to end: a device without an IOMMU puts physical addresses on the bus.
// Spec: vfio-core.md section 11.1, "edu BAR0".
#include <chrono>

#include "tests/vfio/driver.h"

namespace noiommu::vfio {
namespace {

constexpr uint64_t kIova = 0x200000;
constexpr uint64_t kHuge = 0x200000;
constexpr uint64_t kBuffer = 0x40000;  // inside the device
constexpr uint64_t kPattern = 0x0807060504030201;

class Dma : public VfioTest {
 protected:
  void SetUp() override { start(tests::two_devices()); }
  void start(const MachineConfig& config) {
    p_ = &boot(config);
    bound_ = p_->open_bound();
    ioas_ = p_->alloc_ioas(bound_.iommufd);
    ASSERT_GT(p_->attach(bound_.fd, ioas_), 0);
    command(0x0006);
    user_ = p_->memory(kHuge, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_HUGETLB);
    ASSERT_EQ(p_->map(bound_.iommufd, ioas_, user_, kHuge, kIova), 0);
    p_->poke(user_, kPattern);
  }
  void command(uint16_t value) { p_->store(bound_.fd, kConfig + 0x04, value); }
  uint64_t pa(uint64_t iova = kIova) {
    const int64_t answer = p_->get_pa(bound_.iommufd, ioas_, iova);
    EXPECT_GT(answer, 0);
    return static_cast<uint64_t>(answer);
  }
  void transfer(uint64_t from, uint64_t to, uint64_t command) {
    p_->store<uint64_t>(bound_.fd, 0x80, from);
    p_->store<uint64_t>(bound_.fd, 0x88, to);
    p_->store<uint64_t>(bound_.fd, 0x90, sizeof(kPattern));
    p_->store<uint64_t>(bound_.fd, 0x98, command);
    wait();
  }
  void to_device(uint64_t from) { transfer(from, kBuffer, 1); }
  void to_memory(uint64_t to) { transfer(kBuffer, to, 3); }
  void wait() { p_->machine->kernel().clock().advance(std::chrono::milliseconds(250)); }

  Driver* p_ = nullptr;
  Driver::Bound bound_{};
  int64_t ioas_ = 0;
  UserPtr user_;
};

TEST_F(Dma, ReachesTheProgramAtThePhysicalAddress) {
  to_device(pa());
  to_memory(pa() + 0x1000);
  EXPECT_EQ(p_->peek<uint64_t>(user_ + 0x1000), kPattern);
  EXPECT_EQ(p_->peek<uint64_t>(user_ + 0x1008), 0);
}

TEST_F(Dma, DoesNotTranslateTheIova) {
  to_device(pa());
  to_memory(kIova + 0x1000);
  EXPECT_EQ(p_->peek<uint64_t>(user_ + 0x1000), 0);
  to_device(kIova);
  to_memory(pa() + 0x1000);
  EXPECT_EQ(p_->peek<uint64_t>(user_ + 0x1000), kPattern) << "nothing came from the IOVA";
}

TEST_F(Dma, ScatteredPagesHaveAddressesOfTheirOwn) {
  const UserPtr pages = p_->memory(2 * kPageSize);
  ASSERT_EQ(p_->map(bound_.iommufd, ioas_, pages, 2 * kPageSize, 0x10000), 0);
  p_->poke(pages, kPattern);
  EXPECT_NE(pa(0x11000), pa(0x10000) + kPageSize);
  to_device(pa(0x10000));
  to_memory(pa(0x11000) + 16);
  EXPECT_EQ(p_->peek<uint64_t>(pages + (kPageSize + 16)), kPattern);
}

TEST_F(Dma, NeedsBusMastering) {
  command(0x0002);
  to_device(pa());
  command(0x0006);
  to_memory(pa() + 0x1000);
  EXPECT_EQ(p_->peek<uint64_t>(user_ + 0x1000), 0) << "the buffer stayed empty";
  to_device(pa());
  command(0x0002);
  to_memory(pa() + 0x1000);
  EXPECT_EQ(p_->peek<uint64_t>(user_ + 0x1000), 0);
}

TEST_F(Dma, BusMasteringGoesAtClose) {
  to_device(pa());
  const uint64_t target = pa() + 0x1000;
  p_->store<uint64_t>(bound_.fd, 0x80, kBuffer);
  p_->store<uint64_t>(bound_.fd, 0x88, target);
  p_->store<uint64_t>(bound_.fd, 0x90, 8);
  p_->store<uint64_t>(bound_.fd, 0x98, 3);
  p_->close(bound_.fd);
  wait();
  EXPECT_EQ(p_->peek<uint64_t>(user_ + 0x1000), 0) << "the transfer ended without a bus";
  bound_.fd = p_->open(kDevice0);
  EXPECT_EQ(p_->bind(bound_.fd, bound_.iommufd), 1);
  EXPECT_EQ(p_->load<uint16_t>(bound_.fd, kConfig + 0x04), 0x0103);
}

TEST_F(Dma, ReachesPinnedMemoryAfterMunmap) {
  const uint64_t address = pa();
  ASSERT_TRUE(p_->process->munmap(user_, kHuge));
  to_device(address);
  to_memory(address + 0x10);
  const UserPtr other = p_->memory(kPageSize);
  ASSERT_EQ(p_->map(bound_.iommufd, ioas_, other, kPageSize, 0x10000), 0);
  to_device(address + 0x10);
  to_memory(pa(0x10000));
  EXPECT_EQ(p_->peek<uint64_t>(other), kPattern);
}

TEST_F(Dma, EndsWithAnInterrupt) {
  const int event = p_->eventfd();
  ASSERT_EQ(p_->set_irq(bound_.fd, 0x24, VFIO_PCI_MSI_IRQ_INDEX, event), 0);
  transfer(pa(), kBuffer, 5);
  EXPECT_EQ(p_->events(event), 1);
  EXPECT_EQ(p_->load<uint32_t>(bound_.fd, 0x24), 0x100);
}

TEST_F(Dma, ToNowhereMovesNothing) {
  to_device(pa());
  to_memory(0x1000);
  to_memory(UINT64_MAX - 3);
  to_memory(pa() + 0x1000);
  EXPECT_EQ(p_->peek<uint64_t>(user_ + 0x1000), kPattern) << "the device goes on";
}

// Translation is not modelled, so an IOMMU lets nothing through.
TEST_F(Dma, OfARealDeviceDoesNotReachPhysicalAddresses) {
  MachineConfig config = tests::two_devices();
  config.devices[1].has_iommu = true;
  start(config);
  const int real = p_->open("/dev/vfio/devices/vfio1");
  ASSERT_GT(p_->bind(real, bound_.iommufd), 0);
  p_->store<uint16_t>(real, kConfig + 0x04, 0x0006);
  const uint64_t address = pa();
  bound_.fd = real;
  to_device(address);
  to_memory(address + 0x1000);
  EXPECT_EQ(p_->peek<uint64_t>(user_ + 0x1000), 0);
}

}  // namespace
}  // namespace noiommu::vfio
