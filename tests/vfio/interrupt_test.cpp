// Interrupts on their way from the device to an eventfd. Spec: vfio-core.md section 11.5.
#include "tests/vfio/driver.h"

namespace noiommu::vfio {
namespace {

constexpr uint32_t kEventfdTrigger = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER;
constexpr uint32_t kNoneTrigger = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER;
constexpr uint32_t kMask = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_MASK;
constexpr uint32_t kUnmask = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_UNMASK;

// A bound device with bus mastering on, and one eventfd.
class Interrupts : public VfioTest {
 protected:
  void SetUp() override {
    p_ = &boot();
    fd_ = p_->open_bound().fd;
    command(0x0006);
    event_ = p_->eventfd();
  }
  void arm(uint32_t index, int eventfd) {
    ASSERT_EQ(p_->set_irq(fd_, kEventfdTrigger, index, eventfd), 0);
  }
  void arm_msi() { arm(VFIO_PCI_MSI_IRQ_INDEX, event_); }
  void arm_intx() { arm(VFIO_PCI_INTX_IRQ_INDEX, event_); }
  int64_t set(uint32_t flags, uint32_t index, uint32_t count = 1) {
    return p_->set_irqs(fd_, flags, index, 0, count);
  }
  void disable(uint32_t index) { ASSERT_EQ(set(kNoneTrigger, index, 0), 0); }
  void mask() { ASSERT_EQ(set(kMask, VFIO_PCI_INTX_IRQ_INDEX), 0); }
  void unmask() { ASSERT_EQ(set(kUnmask, VFIO_PCI_INTX_IRQ_INDEX), 0); }
  void set_unmask(int eventfd) {
    ASSERT_EQ(p_->set_irq(fd_, VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_UNMASK,
                          VFIO_PCI_INTX_IRQ_INDEX, eventfd),
              0);
  }
  void command(uint16_t value) { p_->store(fd_, kConfig + 0x04, value); }
  void set_msi_flags(uint16_t value) { p_->store(fd_, kConfig + 0x42, value); }
  uint16_t msi_flags() { return p_->load<uint16_t>(fd_, kConfig + 0x42); }
  [[nodiscard]] bool msi_enabled() const {
    return p_->machine->bus().find("0000:00:04.0")->msi_enabled();
  }
  void raise(uint32_t bits) { p_->store(fd_, 0x60, bits); }
  void acknowledge(uint32_t bits) { p_->store(fd_, 0x64, bits); }
  int64_t events() { return p_->events(event_); }
  // Whether the line is kept off the wire.
  [[nodiscard]] bool masked() const {
    return p_->machine->bus().find("0000:00:04.0")->intx_disabled();
  }

  Driver* p_ = nullptr;
  int fd_ = -1;
  int event_ = -1;
};

TEST_F(Interrupts, EachMessageCounts) {
  arm_msi();
  raise(1);
  EXPECT_EQ(events(), 1);
  EXPECT_EQ(events(), 0);
  acknowledge(1);
  raise(1);
  raise(2);
  EXPECT_EQ(events(), 2);
}

TEST_F(Interrupts, DisabledMsiIsSilent) {
  arm_msi();
  disable(VFIO_PCI_MSI_IRQ_INDEX);
  raise(1);
  EXPECT_EQ(events(), 0);
}

TEST_F(Interrupts, MessageNeedsBusMastering) {
  arm_msi();
  command(0x0002);
  raise(1);
  EXPECT_EQ(events(), 0);
}

TEST_F(Interrupts, MessagesGoToTheEventfdThatWasSetLast) {
  arm_msi();
  const int other = p_->eventfd();
  arm(VFIO_PCI_MSI_IRQ_INDEX, other);
  raise(1);
  EXPECT_EQ(events(), 0);
  EXPECT_EQ(p_->events(other), 1);
  arm(VFIO_PCI_MSI_IRQ_INDEX, -1);
  raise(1);
  EXPECT_EQ(p_->events(other), 0);
}

TEST_F(Interrupts, EventfdMayBeClosedWhileArmed) {
  arm_msi();
  const int copy = p_->process->dup(event_).value();
  p_->close(event_);
  raise(1);
  EXPECT_EQ(p_->events(copy), 1);
  p_->close(copy);
  raise(1);
}

TEST_F(Interrupts, SoftwareTriggersMsi) {
  arm_msi();
  EXPECT_EQ(set(kNoneTrigger, VFIO_PCI_MSI_IRQ_INDEX), 0);
  EXPECT_EQ(events(), 1);
  constexpr uint32_t kBoolTrigger = VFIO_IRQ_SET_DATA_BOOL | VFIO_IRQ_SET_ACTION_TRIGGER;
  for (const uint8_t value : {1, 2, 255}) {
    EXPECT_EQ(p_->set_irq(fd_, kBoolTrigger, VFIO_PCI_MSI_IRQ_INDEX, value), 0);
    EXPECT_EQ(events(), 1);
  }
  EXPECT_EQ(p_->set_irq(fd_, kBoolTrigger, VFIO_PCI_MSI_IRQ_INDEX, uint8_t{0}), 0);
  EXPECT_EQ(events(), 0);
}

TEST_F(Interrupts, SoftwareTriggersIntxWithoutMaskingIt) {
  arm_intx();
  EXPECT_EQ(set(kNoneTrigger, VFIO_PCI_INTX_IRQ_INDEX), 0);
  EXPECT_EQ(events(), 1);
  EXPECT_FALSE(masked());
}

TEST_F(Interrupts, MsiCannotBeEnabledByTheProgramAlone) {
  set_msi_flags(0x81);
  EXPECT_FALSE(msi_enabled());
  EXPECT_EQ(msi_flags(), 0x80);
}

TEST_F(Interrupts, MsiEnableShowsWhatTheProgramWrote) {
  arm_msi();
  EXPECT_TRUE(msi_enabled());
  EXPECT_EQ(msi_flags(), 0x80);
  set_msi_flags(0x81);
  EXPECT_EQ(msi_flags(), 0x81);
  disable(VFIO_PCI_MSI_IRQ_INDEX);
  EXPECT_FALSE(msi_enabled());
  EXPECT_EQ(msi_flags(), 0x81) << "until it is written again";
  p_->store<uint8_t>(fd_, kConfig + 0x43, 0);
  EXPECT_EQ(msi_flags(), 0x81) << "nobody looks at the flags";
  p_->store<uint8_t>(fd_, kConfig + 0x41, 0);
  EXPECT_EQ(msi_flags(), 0x80) << "as after a write that ends before them";
}

TEST_F(Interrupts, ProgramMaySwitchMsiOffInTheDevice) {
  arm_msi();
  set_msi_flags(0x80);
  EXPECT_FALSE(msi_enabled());
  raise(1);
  EXPECT_EQ(events(), 0);
  acknowledge(1);
  set_msi_flags(0x81);
  raise(1);
  EXPECT_EQ(events(), 1);
}

TEST_F(Interrupts, LineIsMaskedWhenDelivered) {
  arm_intx();
  EXPECT_FALSE(masked());
  raise(1);
  EXPECT_EQ(events(), 1);
  EXPECT_TRUE(masked());
  raise(2);
  EXPECT_EQ(events(), 0);
}

TEST_F(Interrupts, UnmaskWhileTheLineIsUpDeliversOnceMore) {
  arm_intx();
  raise(1);
  EXPECT_EQ(events(), 1);
  unmask();
  EXPECT_EQ(events(), 1);
  EXPECT_TRUE(masked());
}

TEST_F(Interrupts, UnmaskAfterTheLineDroppedIsSilent) {
  arm_intx();
  raise(1);
  acknowledge(1);
  EXPECT_EQ(events(), 1);
  unmask();
  EXPECT_EQ(events(), 0);
  EXPECT_FALSE(masked());
  raise(1);
  EXPECT_EQ(events(), 1);
}

TEST_F(Interrupts, LineRaisedWhileMaskedIsReportedAtUnmask) {
  arm_intx();
  mask();
  EXPECT_TRUE(masked());
  raise(1);
  EXPECT_EQ(events(), 0);
  unmask();
  EXPECT_EQ(events(), 1);
  EXPECT_TRUE(masked());
}

TEST_F(Interrupts, BoolMasksAndUnmasksWhenSet) {
  constexpr uint32_t kMaskBool = VFIO_IRQ_SET_DATA_BOOL | VFIO_IRQ_SET_ACTION_MASK;
  constexpr uint32_t kUnmaskBool = VFIO_IRQ_SET_DATA_BOOL | VFIO_IRQ_SET_ACTION_UNMASK;
  arm_intx();
  EXPECT_EQ(p_->set_irq(fd_, kMaskBool, VFIO_PCI_INTX_IRQ_INDEX, uint8_t{0}), 0);
  EXPECT_FALSE(masked());
  EXPECT_EQ(p_->set_irq(fd_, kMaskBool, VFIO_PCI_INTX_IRQ_INDEX, uint8_t{1}), 0);
  EXPECT_TRUE(masked());
  EXPECT_EQ(p_->set_irq(fd_, kUnmaskBool, VFIO_PCI_INTX_IRQ_INDEX, uint8_t{0}), 0);
  EXPECT_TRUE(masked());
  EXPECT_EQ(p_->set_irq(fd_, kUnmaskBool, VFIO_PCI_INTX_IRQ_INDEX, uint8_t{1}), 0);
  EXPECT_FALSE(masked());
}

TEST_F(Interrupts, LineThatIsUpAlreadyIsDeliveredWhenArmed) {
  raise(1);
  arm_intx();
  EXPECT_EQ(events(), 1);
  EXPECT_TRUE(masked());
}

TEST_F(Interrupts, DisablingIntxUnmasksTheLine) {
  arm_intx();
  raise(1);
  disable(VFIO_PCI_INTX_IRQ_INDEX);
  EXPECT_FALSE(masked());
  EXPECT_EQ(events(), 1);
}

TEST_F(Interrupts, ProgramMayKeepTheLineOffByItself) {
  arm_intx();
  command(0x0406);
  raise(1);
  EXPECT_EQ(events(), 0);
  unmask();
  EXPECT_EQ(events(), 0);
  command(0x0006);
  EXPECT_EQ(events(), 1);
}

TEST_F(Interrupts, MaskDoesNotShowInConfigSpace) {
  arm_intx();
  raise(1);
  EXPECT_TRUE(masked());
  EXPECT_EQ(p_->load<uint16_t>(fd_, kConfig + 0x04), 0x0006);
  command(0x0002);
  EXPECT_TRUE(masked()) << "writing COMMAND does not unmask";
}

TEST_F(Interrupts, ChangingDisIntxMasksAndUnmasks) {
  arm_intx();
  mask();
  raise(1);
  command(0x0406);
  command(0x0006);
  EXPECT_EQ(events(), 1) << "the mask is over";
  acknowledge(1);
  command(0x0406);
  command(0x0006);
  EXPECT_EQ(events(), 0);
  EXPECT_FALSE(masked()) << "and so is the one of the delivery";
  raise(1);
  EXPECT_EQ(events(), 1);
}

TEST_F(Interrupts, NothingUnmasksWhileDisIntxIsSet) {
  arm_intx();
  command(0x0406);
  unmask();
  EXPECT_TRUE(masked());
  const int unmask_event = p_->eventfd();
  set_unmask(unmask_event);
  EXPECT_EQ(p_->signal(unmask_event), 8);
  raise(1);
  EXPECT_EQ(events(), 0);
}

TEST_F(Interrupts, ArmedWhileDisIntxIsSetIsMasked) {
  command(0x0406);
  raise(1);
  arm_intx();
  EXPECT_EQ(events(), 0);
  command(0x0006);
  EXPECT_EQ(events(), 1);
}

TEST_F(Interrupts, SoftwareTriggersNoIntxWhileDisIntxIsSet) {
  arm_intx();
  command(0x0406);
  EXPECT_EQ(set(kNoneTrigger, VFIO_PCI_INTX_IRQ_INDEX), 0);
  constexpr uint32_t kBoolTrigger = VFIO_IRQ_SET_DATA_BOOL | VFIO_IRQ_SET_ACTION_TRIGGER;
  EXPECT_EQ(p_->set_irq(fd_, kBoolTrigger, VFIO_PCI_INTX_IRQ_INDEX, uint8_t{1}), 0);
  EXPECT_EQ(events(), 0);
}

TEST_F(Interrupts, DisIntxIsForgottenAtClose) {
  command(0x0406);
  p_->close(fd_);
  fd_ = p_->open_bound().fd;
  arm_intx();
  raise(1);
  EXPECT_EQ(events(), 1);
}

TEST_F(Interrupts, OneEventfdUnmasks) {
  arm_intx();
  const int first = p_->eventfd();
  const int second = p_->eventfd();
  set_unmask(first);
  const auto set_second = [&](int fd) {
    return p_->set_irq(fd_, VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_UNMASK,
                       VFIO_PCI_INTX_IRQ_INDEX, fd);
  };
  EXPECT_EQ(set_second(second), -EBUSY);
  EXPECT_EQ(set_second(first), -EBUSY);
  EXPECT_EQ(set_second(999), -EBADF);
  EXPECT_EQ(set_second(fd_), -EINVAL);
  set_unmask(-1);
  set_unmask(second);
  disable(VFIO_PCI_INTX_IRQ_INDEX);
  arm_intx();
  set_unmask(first);
}

TEST_F(Interrupts, UnmaskEventfdGoesWithItsLastDescriptor) {
  arm_intx();
  const int first = p_->eventfd();
  const int copy = p_->process->dup(first).value();
  set_unmask(first);
  p_->close(first);
  const int second = p_->eventfd();
  EXPECT_EQ(p_->set_irq(fd_, VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_UNMASK,
                        VFIO_PCI_INTX_IRQ_INDEX, second),
            -EBUSY);
  p_->close(copy);
  set_unmask(second);
}

TEST_F(Interrupts, UnmaskEventfdThatIsSignalledActsAtOnce) {
  const int unmask_event = p_->eventfd();
  EXPECT_EQ(p_->signal(unmask_event), 8);
  arm_intx();
  mask();
  raise(1);
  set_unmask(unmask_event);
  EXPECT_EQ(events(), 1);
  EXPECT_EQ(p_->events(unmask_event), 1) << "its count stays";
  EXPECT_EQ(p_->signal(unmask_event), 8);
  EXPECT_EQ(p_->events(unmask_event), 0);
}

TEST_F(Interrupts, UnmaskEventfdUnmasks) {
  const int unmask_event = p_->eventfd();
  arm_intx();
  set_unmask(unmask_event);
  raise(1);
  EXPECT_EQ(events(), 1);
  EXPECT_EQ(p_->signal(unmask_event), 8);
  EXPECT_EQ(events(), 1) << "the line is still up";
  acknowledge(1);
  EXPECT_EQ(p_->signal(unmask_event), 8);
  EXPECT_EQ(events(), 0);
  EXPECT_FALSE(masked());
  EXPECT_EQ(p_->events(unmask_event), 0) << "it was consumed";
}

TEST_F(Interrupts, UnmaskEventfdCanBeRemoved) {
  const int unmask_event = p_->eventfd();
  arm_intx();
  set_unmask(unmask_event);
  set_unmask(-1);
  mask();
  EXPECT_EQ(p_->signal(unmask_event), 8);
  EXPECT_TRUE(masked());
  EXPECT_EQ(p_->events(unmask_event), 1) << "a plain eventfd again";
}

TEST_F(Interrupts, UnmaskEventfdGoesWithIntx) {
  const int unmask_event = p_->eventfd();
  arm_intx();
  set_unmask(unmask_event);
  disable(VFIO_PCI_INTX_IRQ_INDEX);
  EXPECT_EQ(p_->signal(unmask_event), 8);
  EXPECT_EQ(p_->events(unmask_event), 1);
}

TEST_F(Interrupts, UnmaskEventfdMayBeTheTriggerItself) {
  arm_intx();
  set_unmask(event_);
  raise(1);
  EXPECT_EQ(events(), 0) << "the signal was taken for an unmask";
  EXPECT_TRUE(masked());
}

TEST_F(Interrupts, CloseDisarmsEverything) {
  for (const uint32_t index :
       {VFIO_PCI_MSI_IRQ_INDEX, VFIO_PCI_ERR_IRQ_INDEX, VFIO_PCI_REQ_IRQ_INDEX}) {
    arm(index, event_);
  }
  p_->close(fd_);
  fd_ = p_->open_bound().fd;
  command(0x0006);
  raise(1);
  EXPECT_EQ(set(kNoneTrigger, VFIO_PCI_MSI_IRQ_INDEX), -EINVAL);
  EXPECT_EQ(set(kNoneTrigger, VFIO_PCI_ERR_IRQ_INDEX), -EINVAL);
  EXPECT_EQ(set(kNoneTrigger, VFIO_PCI_REQ_IRQ_INDEX), -EINVAL);
  EXPECT_EQ(events(), 0);
  EXPECT_FALSE(masked());
}

TEST_F(Interrupts, PendingBitsSurviveTheClose) {
  raise(1);
  p_->close(fd_);
  fd_ = p_->open_bound().fd;
  EXPECT_EQ(p_->load<uint32_t>(fd_, 0x24), 1);
  arm_intx();
  EXPECT_EQ(events(), 1);
}

}  // namespace
}  // namespace noiommu::vfio
