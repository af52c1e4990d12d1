// Groups and containers that many threads use at once.
#include <atomic>

#include "tests/vfio/container_test.h"
#include "tests/vfio/threads.h"

namespace noiommu::vfio {
namespace {

class ContainerThreads : public Containers {
 protected:
  // Puts a group in the container, opens its device, and takes all apart again; every step may find
  // that another thread has the group or was faster.
  void use(Driver& p, const std::string& node, int container, const char* bdf) {
    const int group = p.open(node);
    if (group < 0) {
      EXPECT_THAT(group, testing::AnyOf(-EBUSY, -ENOENT, -ENODEV));
      return;
    }
    if (set_container(p, group, container) == 0) {
      EXPECT_THAT(set_iommu(p, container, VFIO_NOIOMMU_IOMMU), testing::AnyOf(0, -EINVAL));
      const int device = get_device(p, group, bdf);
      if (device >= 0) {
        ++opened_;
        EXPECT_EQ(regions(p, device), 9);
        EXPECT_EQ(unset_container(p, group), -EBUSY);
        p.close(device);
      } else {
        EXPECT_THAT(device, testing::AnyOf(-EINVAL, -ENODEV));
      }
      EXPECT_THAT(unset_container(p, group), testing::AnyOf(0, -EINVAL));
    }
    p.close(group);
  }

  std::atomic<int> opened_ = 0;
};

TEST_F(ContainerThreads, GroupsComeAndGoInOneContainer) {
  Driver& p = boot();
  const int container = p.open("/dev/vfio/vfio");
  run({[&] { use(p, "/dev/vfio/noiommu-0", container, kBdf0); },
       [&] { use(p, "/dev/vfio/noiommu-1", container, kBdf1); },
       [&] { EXPECT_GE(extension(p, container, VFIO_TYPE1_IOMMU), 0); }});
  EXPECT_GT(opened_, 0);
  EXPECT_EQ(set_iommu(p, container, VFIO_NOIOMMU_IOMMU), -EINVAL) << "empty again";
}

TEST_F(ContainerThreads, OneGroupServesWhoeverIsFirst) {
  Driver& p = boot();
  const int container = p.open("/dev/vfio/vfio");
  const auto compete = [&] { use(p, "/dev/vfio/noiommu-0", container, kBdf0); };
  run({compete, compete, compete});
  EXPECT_GT(opened_, 0);
}

TEST_F(ContainerThreads, DevicesLeaveUnderTheirGroup) {
  Driver& p = boot();
  const int container = p.open("/dev/vfio/vfio");
  const auto rebind = [&] {
    EXPECT_EQ(p.write_file(kUnbind, kBdf1), 0);
    EXPECT_EQ(p.write_file(kBind, kBdf1), 0);
  };
  run_while(rebind, {[&] { use(p, "/dev/vfio/noiommu-1", container, kBdf1); },
                     [&] { use(p, "/dev/vfio/noiommu-0", container, kBdf0); }});
  EXPECT_EQ(p.list("/dev/vfio"),
            (std::vector<std::string>{"devices", "noiommu-0", "noiommu-1", "vfio"}));
}

TEST_F(ContainerThreads, TheParameterChangesUnderAContainer) {
  start();
  Driver& p = *p_;
  const auto toggle = [&] {
    EXPECT_EQ(p.write_file(kParameter, "N"), 0);
    EXPECT_EQ(p.write_file(kParameter, "Y"), 0);
  };
  run_while(toggle, {[&] {
                       const int device = get_device(p, group_, kBdf0);
                       EXPECT_GE(device, 0) << "asked only when the back end was chosen";
                       p.close(device);
                     },
                     [&] { EXPECT_GE(extension(p, container_, VFIO_NOIOMMU_IOMMU), 0); }});
}

TEST_F(ContainerThreads, Type1MapsFromManyThreads) {
  start_type1();
  const auto mapper = [&](uint64_t iova) {
    return [this, iova] {
      const UserPtr va = p_->memory(2 * kPageSize);
      EXPECT_EQ(map_dma(*p_, container_, va, iova, 2 * kPageSize), 0);
      EXPECT_EQ(map_dma(*p_, container_, va, iova + kPageSize, kPageSize), -EEXIST);
      EXPECT_EQ(unmap_dma(*p_, container_, iova, 2 * kPageSize), 2 * kPageSize);
      EXPECT_TRUE(p_->process->munmap(va, 2 * kPageSize));
    };
  };
  run({mapper(0x10000), mapper(0x12000), mapper(0x14000)});
  EXPECT_EQ(p_->machine->memory().pins(), 0U);
}

TEST_F(ContainerThreads, OneIommufdServesManyGroups) {
  Driver& p = boot(with_iommufd_container());
  const int container = p.open("/dev/vfio/vfio");
  const auto user = [&](const std::string& node, const char* bdf) {
    return [&, node, bdf] {
      const int group = p.open(node);
      ASSERT_GE(group, 0);
      ASSERT_EQ(set_container(p, group, container), 0);
      const int device = get_device(p, group, bdf);
      EXPECT_EQ(regions(p, device), 9);
      EXPECT_EQ(unset_container(p, group), 0);
      p.close(group);
      p.close(device);
    };
  };
  run({user("/dev/vfio/noiommu-0", kBdf0), user("/dev/vfio/noiommu-1", kBdf1),
       [&] { EXPECT_EQ(p.destroy(container, p.alloc_ioas(container)), 0); }});
}

// An iommufd serves groups without an IOMMU or has an IOAS for the others, never both.
TEST_F(ContainerThreads, AnIommufdBecomesOneKindOnly) {
  MachineConfig config = tests::two_devices();
  config.devices[1].has_iommu = true;
  Driver& p = boot(config);
  const int noiommu = p.open("/dev/vfio/noiommu-2");
  const int real = p.open("/dev/vfio/1");
  for (int i = 0; i < kRounds; ++i) {
    const int iommufd = p.open("/dev/iommu");
    std::atomic<int> accepted = 0;
    const auto join = [&](int group) {
      return [&, group] { accepted += set_container(p, group, iommufd) == 0 ? 1 : 0; };
    };
    run({join(noiommu), join(real)}, 1);
    EXPECT_EQ(accepted, 1);
    unset_container(p, noiommu);
    unset_container(p, real);
    p.close(iommufd);
  }
}

}  // namespace
}  // namespace noiommu::vfio
