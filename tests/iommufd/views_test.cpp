// What can be seen of a context from outside, without a system call.
#include <gmock/gmock.h>

#include "model/iommufd/context.h"
#include "model/iommufd/device.h"
#include "model/iommufd/ioas.h"
#include "tests/iommufd/iommufd_test.h"

namespace noiommu::tests {
namespace {

using iommufd::Object;
using iommufd::Pages;
using testing::ElementsAre;

class Views : public AttachedTest {
 protected:
  [[nodiscard]] std::shared_ptr<iommufd::Context> context() const {
    return std::dynamic_pointer_cast<iommufd::Context>(*program_->process->file(program_->iommufd));
  }
};

TEST_F(Views, OfObjectsAreInOrderOfTheirIdsAndCountAsNoUse) {
  start();
  for (int twice = 0; twice < 2; ++twice) {
    const auto views = context()->objects().views();
    ASSERT_EQ(views.size(), 3U);
    EXPECT_EQ(views[0].type, Object::Type::kDevice);
    EXPECT_EQ(views[0].users, 3U);  // the table, the driver, the attachment
    EXPECT_EQ(views[1].type, Object::Type::kIoas);
    EXPECT_EQ(views[1].users, 2U);  // the table, the page table
    EXPECT_EQ(views[2].type, Object::Type::kHwptPaging);
    EXPECT_EQ(views[2].users, 2U);  // the table, the device
    EXPECT_EQ(views[2].id, 3U);
  }
  ASSERT_EQ(program_->detach(device_), 0);
  EXPECT_EQ(context()->objects().views().size(), 2U);
}

TEST_F(Views, OfADeviceNameItsPageTable) {
  start();
  const auto device = context()->objects().get<iommufd::Device>(1);
  EXPECT_EQ((*device)->hwpt_id(), 3U);
  ASSERT_EQ(program_->detach(device_), 0);
  EXPECT_EQ((*device)->hwpt_id(), std::nullopt);
}

TEST_F(Views, OfPagesCountEachPinnedPageOnce) {
  start();
  const UserPtr memory = program_->memory(8 * kPageSize);
  ASSERT_EQ(program_->map_at(ioas_, memory, 8 * kPageSize, 0x10000), 0);
  const auto pages = [this] {
    return (*context()->objects().get<iommufd::Ioas>(2))->iopt.areas().front().pages;
  };
  EXPECT_EQ(pages()->pinned(), 8U);
  EXPECT_EQ(pages()->accounting(), Pages::Accounting::kNone);
  ASSERT_EQ(program_->detach(device_), 0);
  EXPECT_EQ(pages()->pinned(), 0U);
}

TEST_F(Views, OfFilesFollowTheDescriptors) {
  start();
  auto files = program_->process->files();
  EXPECT_EQ(files.at(static_cast<size_t>(program_->iommufd)), context());
  const int fd = program_->iommufd;
  ASSERT_EQ(program_->close(fd), 0);
  EXPECT_EQ(program_->process->files().at(static_cast<size_t>(fd)), nullptr);
}

TEST_F(Views, OfMappedFilesOutliveTheDescriptor) {
  start();
  EXPECT_THAT(program_->process->memory().files(), ElementsAre());
  const int memfd = program_->machine->memfd(*program_->process, kPageSize).value();
  const FileRef file = *program_->process->file(memfd);
  const UserPtr at = program_->memory_of(memfd);
  ASSERT_EQ(program_->close(memfd), 0);
  EXPECT_THAT(program_->process->memory().files(), ElementsAre(file));
  program_->free_memory(at, kPageSize);
  EXPECT_THAT(program_->process->memory().files(), ElementsAre());
}

}  // namespace
}  // namespace noiommu::tests
