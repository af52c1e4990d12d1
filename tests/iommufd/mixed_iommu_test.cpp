// Devices with and without an IOMMU on one IOAS. Spec: iommufd.md section 14, last rows.
#include "tests/iommufd/iommufd_test.h"

namespace noiommu::tests {
namespace {

// A device without an IOMMU, noiommu-vfio0, and one behind an IOMMU, vfio1.
class MixedIommu : public IommufdTest {
 protected:
  void SetUp() override {
    MachineConfig config;
    config.devices = {{.bdf = "0000:00:04.0"}, {.bdf = "0000:00:05.0", .has_iommu = true}};
    program_ = &boot(config);
    noiommu_ = program_->bind(0);
    real_ = program_->bind("vfio1");
    ASSERT_GE(real_, 0);
    ioas_ = program_->ioas_alloc();
    va_ = program_->labelled_memory(4 * kPageSize);
    ASSERT_EQ(program_->map_at(ioas_, va_, 4 * kPageSize, 0x10000), 0);
  }
  int64_t answer_of_get_pa(uint64_t iova) { return program_->get_pa(ioas_, iova).answer; }
  void map_more(uint64_t iova) { ASSERT_EQ(program_->map_at(ioas_, va_, kPageSize, iova), 0); }

  Client* program_ = nullptr;
  int noiommu_ = -1;
  int real_ = -1;
  int64_t ioas_ = 0;
  UserPtr va_;
};

TEST_F(MixedIommu, TheRealDeviceHasAPageTableOfItsOwn) {
  const int64_t soft = program_->attach(noiommu_, ioas_);
  const int64_t hard = program_->attach(real_, ioas_);
  ASSERT_GT(soft, 0);
  ASSERT_GT(hard, 0);
  EXPECT_NE(soft, hard);
  EXPECT_EQ(pins(), 4U) << "the second takes the frames of the first";
}

TEST_F(MixedIommu, AddressesAreToldAsLongAsTheFirstPageTableIsSoft) {
  ASSERT_GT(program_->attach(noiommu_, ioas_), 0);
  ASSERT_GT(program_->attach(real_, ioas_), 0);
  EXPECT_EQ(answer_of_get_pa(0x10000), 0);
  map_more(0x20000);
  EXPECT_EQ(answer_of_get_pa(0x20000), 0);
  EXPECT_EQ(program_->dma_read(program_->get_pa(ioas_, 0x20000).phys), va_.value);

  program_->detach(noiommu_);
  EXPECT_EQ(answer_of_get_pa(0x10000), -EOPNOTSUPP);
  EXPECT_EQ(answer_of_get_pa(0x20000), -EOPNOTSUPP);
  EXPECT_EQ(pins(), 5U) << "the other page table has the pages now";
  EXPECT_EQ(program_->unmap(ioas_, 0x20000, kPageSize), 4096);
  EXPECT_EQ(pins(), 4U);
  program_->detach(real_);
  EXPECT_EQ(pins(), 0U);
}

TEST_F(MixedIommu, TheRealDeviceMayLeaveFirst) {
  ASSERT_GT(program_->attach(noiommu_, ioas_), 0);
  ASSERT_GT(program_->attach(real_, ioas_), 0);
  map_more(0x20000);
  program_->detach(real_);
  EXPECT_EQ(answer_of_get_pa(0x10000), 0);
  EXPECT_EQ(answer_of_get_pa(0x20000), 0);
  EXPECT_EQ(pins(), 5U);
}

TEST_F(MixedIommu, ANoiommuDeviceJoinsTheRealPageTable) {
  const int64_t hard = program_->attach(real_, ioas_);
  EXPECT_EQ(program_->attach(noiommu_, ioas_), hard);
  EXPECT_EQ(answer_of_get_pa(0x10000), -EOPNOTSUPP);
  map_more(0x20000);
  EXPECT_EQ(answer_of_get_pa(0x20000), -EOPNOTSUPP) << "for later maps too";
  program_->detach(real_);
  EXPECT_EQ(answer_of_get_pa(0x10000), -EOPNOTSUPP) << "it keeps that page table";
  program_->detach(noiommu_);
  EXPECT_EQ(program_->attach(noiommu_, ioas_), hard) << "a new one under the same id";
  EXPECT_EQ(answer_of_get_pa(0x10000), 0);
}

TEST_F(MixedIommu, ANoiommuDeviceMayTakeTheRealPageTableByItsId) {
  const int64_t soft = program_->attach(noiommu_, ioas_);
  const int64_t hard = program_->attach(real_, ioas_);
  EXPECT_EQ(program_->attach(noiommu_, hard), hard);
  EXPECT_EQ(program_->destroy(soft), -ENOENT);
  EXPECT_EQ(answer_of_get_pa(0x10000), -EOPNOTSUPP);
}

TEST_F(MixedIommu, TheRealDeviceCannotUseASoftPageTable) {
  const int64_t soft = program_->attach(noiommu_, ioas_);
  EXPECT_EQ(program_->attach(real_, soft), -EINVAL) << "attach";
  const int64_t hard = program_->attach(real_, ioas_);
  EXPECT_EQ(program_->attach(real_, soft), -ENODEV) << "replace";
  EXPECT_EQ(program_->destroy(hard), -EBUSY) << "it stays where it was";
}

}  // namespace
}  // namespace noiommu::tests
