// SET_IRQS: what is refused. Spec: vfio-core.md section 11.5.
#include "tests/vfio/driver.h"

namespace noiommu::vfio {
namespace {

constexpr uint32_t kNone = VFIO_IRQ_SET_DATA_NONE;
constexpr uint32_t kBool = VFIO_IRQ_SET_DATA_BOOL;
constexpr uint32_t kEventfd = VFIO_IRQ_SET_DATA_EVENTFD;
constexpr uint32_t kMask = VFIO_IRQ_SET_ACTION_MASK;
constexpr uint32_t kUnmask = VFIO_IRQ_SET_ACTION_UNMASK;
constexpr uint32_t kTrigger = VFIO_IRQ_SET_ACTION_TRIGGER;
constexpr uint32_t kIntx = VFIO_PCI_INTX_IRQ_INDEX;
constexpr uint32_t kMsi = VFIO_PCI_MSI_IRQ_INDEX;
constexpr uint32_t kMsix = VFIO_PCI_MSIX_IRQ_INDEX;
constexpr uint32_t kErr = VFIO_PCI_ERR_IRQ_INDEX;
constexpr uint32_t kReq = VFIO_PCI_REQ_IRQ_INDEX;

class SetIrqs : public VfioTest {
 protected:
  void SetUp() override {
    p_ = &boot();
    fd_ = p_->open_bound().fd;
  }
  int64_t set(uint32_t flags, uint32_t index, uint32_t start = 0, uint32_t count = 1) {
    return p_->set_irqs(fd_, flags, index, start, count);
  }
  int64_t set_fd(uint32_t action, uint32_t index, int32_t eventfd, uint32_t count = 1) {
    return p_->set_irq(fd_, kEventfd | action, index, eventfd, count);
  }
  int64_t set_bool(uint32_t action, uint32_t index, uint8_t value, uint32_t count = 1) {
    return p_->set_irq(fd_, kBool | action, index, value, count);
  }
  int64_t set_at(UserPtr argument) {
    return p_->ioctl_value(fd_, VFIO_DEVICE_SET_IRQS, argument.value);
  }

  Driver* p_ = nullptr;
  int fd_ = -1;
};

// Rows 1 to 6, which are the same for every interrupt.

TEST_F(SetIrqs, HeaderMustBeReadable) {
  EXPECT_EQ(set_at({0}), -EFAULT);
  EXPECT_EQ(set_at(p_->scratch(19)), -EFAULT);
}

TEST_F(SetIrqs, HeaderMustMakeSense) {
  vfio_irq_set argument{
      .argsz = 19, .flags = kNone | kTrigger, .index = kMsi, .start = 0, .count = 0};
  EXPECT_EQ(p_->ioctl(fd_, VFIO_DEVICE_SET_IRQS, argument), -EINVAL);
  EXPECT_EQ(set(kNone | kTrigger, 5), -EINVAL);
  EXPECT_EQ(set(kNone | kTrigger, UINT32_MAX), -EINVAL);
  EXPECT_EQ(set(0x40, kMsi), -EINVAL);
  EXPECT_EQ(set(kNone | kTrigger | 0x80000000, kMsi), -EINVAL);
}

TEST_F(SetIrqs, RangeMustLieInTheInterrupt) {
  for (const uint32_t index : {kIntx, kMsi, kErr, kReq}) {
    EXPECT_EQ(set(kNone | kTrigger, index, 1, 0), -EINVAL);
    EXPECT_EQ(set(kNone | kTrigger, index, 1, 1), -EINVAL);
    EXPECT_EQ(set(kNone | kTrigger, index, 0, 2), -EINVAL);
    EXPECT_EQ(set(kNone | kTrigger, index, 0, UINT32_MAX), -EINVAL);
    EXPECT_EQ(set(kNone | kTrigger, index, UINT32_MAX, 1), -EINVAL);
    EXPECT_EQ(set(kNone | kTrigger, index, UINT32_MAX, UINT32_MAX), -EINVAL);
    EXPECT_EQ(set(kNone | kTrigger, index, 2, UINT32_MAX - 1), -EINVAL) << "wraps";
  }
}

TEST_F(SetIrqs, NothingFitsIntoAnInterruptWithoutVectors) {
  EXPECT_EQ(set(kNone | kTrigger, kMsix, 0, 0), -EINVAL);
  EXPECT_EQ(set(kNone | kMask, kMsix, 0, 0), -EINVAL);
  EXPECT_EQ(set_fd(kTrigger, kMsix, p_->eventfd()), -EINVAL);
}

TEST_F(SetIrqs, ExactlyOneKindOfData) {
  for (const uint32_t data : {0U, kNone | kBool, kNone | kEventfd, kBool | kEventfd, 7U}) {
    EXPECT_EQ(set(data | kTrigger, kMsi, 0, 0), -EINVAL) << data;
  }
}

TEST_F(SetIrqs, PayloadMustBeAnnounced) {
  EXPECT_EQ(set(kBool | kTrigger, kMsi), -EINVAL);
  EXPECT_EQ(set(kEventfd | kTrigger, kMsi), -EINVAL);
  EXPECT_EQ(p_->set_irq(fd_, kEventfd | kTrigger, kMsi, uint16_t{0}), -EINVAL);
  EXPECT_EQ(set(kBool | kMask, kMsi), -EINVAL) << "before the action";
}

TEST_F(SetIrqs, PayloadMustBeReadable) {
  const UserPtr at = p_->scratch(sizeof(vfio_irq_set) + 3);
  p_->poke(at, vfio_irq_set{.argsz = sizeof(vfio_irq_set) + 4,
                            .flags = kEventfd | kTrigger,
                            .index = kMsi,
                            .start = 0,
                            .count = 1});
  EXPECT_EQ(set_at(at), -EFAULT);
  EXPECT_EQ(set_fd(kTrigger, kMsi, -1, 0), -ERANGE) << "MSI was not enabled";
}

// Row 7.
TEST_F(SetIrqs, OnlyIntxCanBeMasked) {
  for (const uint32_t index : {kMsi, kErr, kReq}) {
    EXPECT_EQ(set(kNone | kMask, index), -ENOTTY);
    EXPECT_EQ(set(kNone | kUnmask, index), -ENOTTY);
  }
}

TEST_F(SetIrqs, ExactlyOneAction) {
  for (const uint32_t index : {kIntx, kMsi, kErr, kReq}) {
    for (const uint32_t actions : {0U, kMask | kUnmask, kMask | kTrigger, 0x38U}) {
      EXPECT_EQ(set(kNone | actions, index), -ENOTTY) << index << " " << actions;
    }
  }
}

// MSI.

TEST_F(SetIrqs, MsiNotEnabled) {
  EXPECT_EQ(set(kNone | kTrigger, kMsi, 0, 0), -EINVAL);
  EXPECT_EQ(set(kNone | kTrigger, kMsi), -EINVAL);
  EXPECT_EQ(set_bool(kTrigger, kMsi, 1), -EINVAL);
  EXPECT_EQ(set(kBool | kTrigger, kMsi, 0, 0), -EINVAL);
  EXPECT_EQ(set(kEventfd | kTrigger, kMsi, 0, 0), -ERANGE);
}

TEST_F(SetIrqs, MsiEnabled) {
  EXPECT_EQ(set_fd(kTrigger, kMsi, p_->eventfd()), 0);
  EXPECT_EQ(set(kEventfd | kTrigger, kMsi, 0, 0), 0);
  EXPECT_EQ(set(kBool | kTrigger, kMsi, 0, 0), 0);
  EXPECT_EQ(set(kNone | kTrigger, kMsi, 0, 0), 0) << "disables";
  EXPECT_EQ(set(kNone | kTrigger, kMsi, 0, 0), -EINVAL);
}

TEST_F(SetIrqs, MsiIsEnabledWithoutAnEventfdToo) {
  for (const int32_t none : {-1, -2, INT32_MIN}) {
    EXPECT_EQ(set_fd(kTrigger, kMsi, none), 0);
    EXPECT_TRUE(p_->machine->bus().find("0000:00:04.0")->msi_enabled());
    EXPECT_EQ(set(kNone | kTrigger, kMsi), 0) << "nothing armed";
    EXPECT_EQ(set(kNone | kTrigger, kMsi, 0, 0), 0);
    EXPECT_FALSE(p_->machine->bus().find("0000:00:04.0")->msi_enabled());
  }
}

TEST_F(SetIrqs, FailedFirstCallLeavesMsiDisabled) {
  EXPECT_EQ(set_fd(kTrigger, kMsi, 999), -EBADF);
  EXPECT_EQ(set_fd(kTrigger, kMsi, fd_), -EINVAL);
  EXPECT_EQ(set(kNone | kTrigger, kMsi, 0, 0), -EINVAL);
  EXPECT_FALSE(p_->machine->bus().find("0000:00:04.0")->msi_enabled());
}

TEST_F(SetIrqs, LaterFailureDisarms) {
  const int event = p_->eventfd();
  for (const int32_t bad : {999, fd_}) {
    EXPECT_EQ(set_fd(kTrigger, kMsi, event), 0);
    EXPECT_EQ(set_fd(kTrigger, kMsi, bad), bad == fd_ ? -EINVAL : -EBADF);
    EXPECT_EQ(set(kNone | kTrigger, kMsi), 0) << "still enabled";
    EXPECT_EQ(p_->events(event), 0);
  }
}

TEST_F(SetIrqs, OneKindAtATime) {
  const int event = p_->eventfd();
  EXPECT_EQ(set_fd(kTrigger, kMsi, event), 0);
  EXPECT_EQ(set_fd(kTrigger, kIntx, event), -EINVAL);
  EXPECT_EQ(set_fd(kTrigger, kIntx, 999), -EINVAL) << "before the descriptor";
  EXPECT_EQ(set(kNone | kTrigger, kMsi, 0, 0), 0);
  EXPECT_EQ(set_fd(kTrigger, kIntx, event), 0);
  EXPECT_EQ(set_fd(kTrigger, kMsi, event), -EINVAL);
  EXPECT_EQ(set_fd(kTrigger, kMsi, 999), -EINVAL);
  EXPECT_EQ(set(kEventfd | kTrigger, kMsi, 0, 0), -EINVAL) << "before ERANGE";
  EXPECT_EQ(set(kNone | kTrigger, kIntx, 0, 0), 0);
  EXPECT_EQ(set_fd(kTrigger, kMsi, event), 0);
}

// INTx.

TEST_F(SetIrqs, IntxNotEnabled) {
  EXPECT_EQ(set(kNone | kTrigger, kIntx), -EINVAL);
  EXPECT_EQ(set(kNone | kTrigger, kIntx, 0, 0), -EINVAL);
  EXPECT_EQ(set_bool(kTrigger, kIntx, 1), -EINVAL);
  EXPECT_EQ(set(kNone | kMask, kIntx), -EINVAL);
  EXPECT_EQ(set(kNone | kUnmask, kIntx), -EINVAL);
  EXPECT_EQ(set_fd(kMask, kIntx, p_->eventfd()), -EINVAL) << "before ENOTTY";
  EXPECT_EQ(set_fd(kUnmask, kIntx, 999), -EINVAL) << "before EBADF";
}

TEST_F(SetIrqs, IntxTakesExactlyOneVector) {
  EXPECT_EQ(set(kEventfd | kTrigger, kIntx, 0, 0), -EINVAL);
  EXPECT_EQ(set_fd(kTrigger, kIntx, -1), 0) << "enables without an eventfd";
  EXPECT_EQ(set(kEventfd | kTrigger, kIntx, 0, 0), -EINVAL);
  EXPECT_EQ(set(kBool | kTrigger, kIntx, 0, 0), -EINVAL);
  EXPECT_EQ(set(kNone | kMask, kIntx, 0, 0), -EINVAL);
  EXPECT_EQ(set(kNone | kUnmask, kIntx, 0, 0), -EINVAL);
  EXPECT_EQ(set(kNone | kTrigger, kIntx, 0, 0), 0) << "disables";
  EXPECT_EQ(set(kNone | kMask, kIntx), -EINVAL);
}

TEST_F(SetIrqs, IntxDescriptors) {
  EXPECT_EQ(set_fd(kTrigger, kIntx, 999), -EBADF);
  EXPECT_EQ(set_fd(kTrigger, kIntx, fd_), -EINVAL);
  EXPECT_EQ(set(kNone | kMask, kIntx), -EINVAL) << "still disabled";
  EXPECT_EQ(set_fd(kTrigger, kIntx, p_->eventfd()), 0);
  EXPECT_EQ(set_fd(kMask, kIntx, p_->eventfd()), -ENOTTY);
  EXPECT_EQ(set_fd(kUnmask, kIntx, 999), -EBADF);
  EXPECT_EQ(set_fd(kUnmask, kIntx, fd_), -EINVAL);
  EXPECT_EQ(set_fd(kUnmask, kIntx, -1), 0);
}

// ERR and REQ.

class Single : public SetIrqs, public testing::WithParamInterface<uint32_t> {};

TEST_P(Single, Unset) {
  EXPECT_EQ(set(kNone | kTrigger, GetParam()), -EINVAL);
  EXPECT_EQ(set(kNone | kTrigger, GetParam(), 0, 0), -EINVAL);
  EXPECT_EQ(set_bool(kTrigger, GetParam(), 1), 0);
  EXPECT_EQ(set_bool(kTrigger, GetParam(), 0), 0);
  EXPECT_EQ(set(kBool | kTrigger, GetParam(), 0, 0), -EINVAL);
  EXPECT_EQ(set(kEventfd | kTrigger, GetParam(), 0, 0), -EINVAL);
}

TEST_P(Single, SignalsAndClears) {
  const int event = p_->eventfd();
  EXPECT_EQ(set_fd(kTrigger, GetParam(), event), 0);
  EXPECT_EQ(set(kNone | kTrigger, GetParam()), 0);
  EXPECT_EQ(p_->events(event), 1);
  EXPECT_EQ(set_bool(kTrigger, GetParam(), 1), 0);
  EXPECT_EQ(p_->events(event), 1);
  EXPECT_EQ(set_bool(kTrigger, GetParam(), 0), 0);
  EXPECT_EQ(p_->events(event), 0);
  EXPECT_EQ(set(kNone | kTrigger, GetParam(), 0, 0), 0) << "clears";
  EXPECT_EQ(set(kNone | kTrigger, GetParam()), -EINVAL);
  EXPECT_EQ(p_->events(event), 0);
}

TEST_P(Single, Descriptors) {
  const int event = p_->eventfd();
  EXPECT_EQ(set_fd(kTrigger, GetParam(), event), 0);
  EXPECT_EQ(set_fd(kTrigger, GetParam(), -2), -EINVAL);
  EXPECT_EQ(set_fd(kTrigger, GetParam(), 999), -EBADF);
  EXPECT_EQ(set_fd(kTrigger, GetParam(), fd_), -EINVAL);
  EXPECT_EQ(set(kNone | kTrigger, GetParam()), 0) << "the old one stays";
  EXPECT_EQ(p_->events(event), 1);
  EXPECT_EQ(set_fd(kTrigger, GetParam(), -1), 0);
  EXPECT_EQ(set(kNone | kTrigger, GetParam()), -EINVAL);
}

TEST_P(Single, IsIndependentOfMsi) {
  const int event = p_->eventfd();
  EXPECT_EQ(set_fd(kTrigger, kMsi, -1), 0);
  EXPECT_EQ(set_fd(kTrigger, GetParam(), event), 0);
  EXPECT_EQ(set(kNone | kTrigger, kMsi, 0, 0), 0);
  EXPECT_EQ(set(kNone | kTrigger, GetParam()), 0);
  EXPECT_EQ(p_->events(event), 1);
}
INSTANTIATE_TEST_SUITE_P(SetIrqs, Single, testing::Values(kErr, kReq));

}  // namespace
}  // namespace noiommu::vfio
