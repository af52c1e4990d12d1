// What the revisions answer otherwise than mainline, and the proposals that were never adopted.
// Spec: vfio-core.md sections 1, 3, 5, 7, 8 and 12; iommufd.md section 15.1.
#include "model/design/design.h"

#include "tests/vfio/container_test.h"

namespace noiommu::vfio {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;

constexpr const char* kBothOff[] = {"VFIO_CONTAINER", "IOMMUFD_VFIO_CONTAINER"};

MachineConfig revision(const char* name, const std::map<std::string, std::string>& overrides = {}) {
  MachineConfig config = tests::two_devices();
  config.design = *design::find(name);
  config.config = resolve_config(overrides, config.design).value().config;
  return config;
}
MachineConfig without_containers(const char* name) {
  return revision(name, {{kBothOff[0], "n"}, {kBothOff[1], "n"}});
}

class Design : public Containers {
 protected:
  static uint64_t taint(const Driver& p) { return p.machine->kernel().log().taint(); }
  static std::vector<std::string> nodes(Driver& p) { return p.list("/dev/vfio"); }
  static std::vector<std::string> cdevs(Driver& p) { return p.list("/dev/vfio/devices"); }
};

TEST_F(Design, HasFiveRevisionsAndMainlineIsTheLast) {
  std::vector<std::string> names;
  for (const design::Design& one : design::revisions()) names.emplace_back(one.name);
  EXPECT_THAT(names, ElementsAre("v7.0", "v4", "v5", "v6", "mainline"));
  EXPECT_EQ(design::find("v8"), nullptr);
}

TEST_F(Design, BeforeTheSeriesThereWereGroupsOnly) {
  Driver& p = boot(revision("v7.0"));
  EXPECT_THAT(nodes(p), ElementsAre("noiommu-0", "noiommu-1", "vfio"));
  EXPECT_THAT(p.list("/sys/class/vfio-dev"), ElementsAre("vfio0", "vfio1"));
  const int iommufd = p.open("/dev/iommu");
  EXPECT_EQ(p.get_pa(iommufd, p.alloc_ioas(iommufd), 0), -ENOTTY);
  EXPECT_EQ(taint(p), Log::kTaintUser);
}

TEST_F(Design, V70GivesNoObjectToADeviceOfAGroup) {
  Driver& p = boot(revision("v7.0"));
  const int iommufd = p.open("/dev/iommu");
  const int group = p.open("/dev/vfio/noiommu-0");
  ASSERT_EQ(set_container(p, group, iommufd), 0);
  EXPECT_GE(get_device(p, group, kBdf0), 0);
  EXPECT_EQ(p.alloc_ioas(iommufd), 1);
}

TEST_F(Design, V4OpensACdevWithoutACapability) {
  Driver& p = boot(revision("v4"));
  Driver& plain = spawn(without({CAP_SYS_RAWIO}));
  EXPECT_EQ(plain.open("/dev/vfio/noiommu-0"), -EPERM) << "the group always asked";
  const Driver::Bound bound = plain.open_bound();
  ASSERT_EQ(bound.id, 1);
  const int64_t ioas = plain.alloc_ioas(bound.iommufd);
  EXPECT_GT(plain.attach(bound.fd, ioas), 0);
  EXPECT_EQ(plain.map(bound.iommufd, ioas, plain.memory(kPageSize), kPageSize, 0), 0);
  EXPECT_EQ(plain.get_pa(bound.iommufd, ioas, 0), -EPERM) << "only the address is kept back";
  EXPECT_FALSE(logged(p, "taint for vfio-noiommu cdev"));
  EXPECT_EQ(taint(p), Log::kTaintUser) << "because of the group";
}

TEST_F(Design, V4TellsTheWholeRunWhateverLengthIsGiven) {
  Driver& p = boot(revision("v4"));
  const Driver::Bound bound = p.open_bound();
  const int64_t ioas = p.alloc_ioas(bound.iommufd);
  p.attach(bound.fd, ioas);
  ASSERT_EQ(p.map(bound.iommufd, ioas, p.memory(kPageSize), kPageSize, 0), 0);
  iommu_ioas_get_pa get{};
  get.size = sizeof(get);
  get.ioas_id = static_cast<uint32_t>(ioas);
  get.iova = 0x80;
  ASSERT_EQ(p.ioctl(bound.iommufd, IOMMU_IOAS_GET_PA, get), 0);
  EXPECT_EQ(get.out_length, kPageSize - 0x80);
  EXPECT_EQ(get.out_phys % kPageSize, 0x80U);
}

// Seed 002: groups without a container.
TEST_F(Design, V4LeavesTheGroupOutWhereThereIsNoContainer) {
  Driver& p = boot(without_containers("v4"));
  EXPECT_THAT(nodes(p), ElementsAre("devices"));
  EXPECT_THAT(cdevs(p), ElementsAre("noiommu-vfio0", "noiommu-vfio1"));
  EXPECT_THAT(p.list("/sys/class/vfio"), IsEmpty());
  EXPECT_EQ(p.open_bound().id, 1);
  EXPECT_EQ(taint(p), 0U) << "nothing but the group would taint";
}

TEST_F(Design, V4LosesItsFootingWhenTheParameterIsCleared) {
  Driver& p = boot(without_containers("v4"));
  const int iommufd = p.open("/dev/iommu");
  const int fd = p.open(kDevice0);
  ASSERT_EQ(p.write_file(kParameter, "N"), 0);
  EXPECT_THROW(p.bind(fd, iommufd), KernelOops);
  EXPECT_EQ(taint(p), Log::kTaintDie);
  EXPECT_TRUE(logged(p, "BUG: kernel NULL pointer dereference"));
  ASSERT_EQ(p.write_file(kParameter, "Y"), 0);
  EXPECT_EQ(p.bind(fd, iommufd), 1);
}

// Its cdev has the wrong name, because the mark looks at no IOMMU; its group is as ever.
TEST_F(Design, V5OpensADeviceBehindAnIommuThroughItsGroup) {
  MachineConfig config = revision("v5");
  config.devices.front().has_iommu = true;
  Driver& p = boot(config);
  EXPECT_THAT(cdevs(p), ElementsAre("noiommu-vfio0", "noiommu-vfio1"));
  const int iommufd = p.open("/dev/iommu");
  const int group = p.open("/dev/vfio/1");
  ASSERT_EQ(set_container(p, group, iommufd), 0);
  EXPECT_GE(get_device(p, group, kBdf0), 0);
}

constexpr const char* kUuid = "83b8f4f2-509f-482f-8c1e-e6bfe0fa1001";

MachineConfig with_mediated(const char* name) {
  MachineConfig config = revision(name);
  config.devices = {{.bdf = kUuid, .mediated = true}};
  return config;
}

TEST_F(Design, AMediatedDeviceHasAFakeGroupAndNoTaint) {
  Driver& p = boot(with_mediated("mainline"));
  EXPECT_THAT(nodes(p), ElementsAre("0", "devices", "vfio"));
  EXPECT_THAT(cdevs(p), ElementsAre("vfio0"));
  EXPECT_EQ(p.read_file("/sys/kernel/iommu_groups/0/name"), "vfio-noiommu\n");
  EXPECT_EQ(taint(p), 0U);
  Driver& plain = spawn(without({CAP_SYS_RAWIO}));
  const Driver::Bound bound = plain.open_bound("/dev/vfio/devices/vfio0");
  EXPECT_EQ(bound.id, 1);
  vfio_device_info info{};
  info.argsz = sizeof(info);
  EXPECT_EQ(plain.ioctl(bound.fd, VFIO_DEVICE_GET_INFO, info), -ENOTTY) << "its driver has none";
  EXPECT_EQ(plain.pread(bound.fd, 0, 4), -EINVAL);
  EXPECT_EQ(plain.ioctl_value(bound.fd, VFIO_DEVICE_GET_REGION_INFO, 0), -EINVAL);
  vfio_device_feature feature{.argsz = sizeof(feature), .flags = VFIO_DEVICE_FEATURE_PROBE | 12};
  EXPECT_EQ(plain.ioctl(bound.fd, VFIO_DEVICE_FEATURE, feature), -EINVAL);
  feature.flags = VFIO_DEVICE_FEATURE_PROBE | 11;
  EXPECT_EQ(plain.ioctl(bound.fd, VFIO_DEVICE_FEATURE, feature), -ENOTTY);
}

TEST_F(Design, AMediatedDeviceKnowsNeitherPasidNorToken) {
  Driver& p = boot(with_mediated("mainline"));
  const int iommufd = p.open("/dev/iommu");
  const int fd = p.open("/dev/vfio/devices/vfio0");
  vfio_device_bind_iommufd bind{.argsz = sizeof(bind),
                                .flags = VFIO_DEVICE_BIND_FLAG_TOKEN,
                                .iommufd = iommufd,
                                .out_devid = 0,
                                .token_uuid_ptr = 0};
  EXPECT_EQ(p.ioctl(fd, VFIO_DEVICE_BIND_IOMMUFD, bind), -EINVAL) << "before it is looked at";
  ASSERT_EQ(p.bind(fd, iommufd), 1);
  vfio_device_attach_iommufd_pt attach{
      .argsz = 12, .flags = VFIO_DEVICE_ATTACH_PASID, .pt_id = 99, .pasid = 0};
  EXPECT_EQ(p.ioctl(fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, attach), -EOPNOTSUPP);
  vfio_device_detach_iommufd_pt detach{.argsz = 8, .flags = VFIO_DEVICE_DETACH_PASID, .pasid = 0};
  EXPECT_EQ(p.ioctl(fd, VFIO_DEVICE_DETACH_IOMMUFD_PT, detach), -EOPNOTSUPP);
}

TEST_F(Design, V5AndV6MarkAMediatedDevice) {
  for (const char* name : {"v5", "v6"}) {
    EXPECT_THAT(cdevs(boot(with_mediated(name))), ElementsAre("noiommu-vfio0")) << name;
  }
  Driver& p = boot(with_mediated("v6"));
  EXPECT_EQ(taint(p), Log::kTaintUser);
  EXPECT_EQ(spawn(without({CAP_SYS_RAWIO})).open(kDevice0), -EPERM);
}

TEST_F(Design, V4AndV5GiveAnObjectToADeviceOfAGroup) {
  for (const char* name : {"v4", "v5"}) {
    Driver& p = boot(revision(name));
    const int iommufd = p.open("/dev/iommu");
    const int group = p.open("/dev/vfio/noiommu-0");
    ASSERT_EQ(set_container(p, group, iommufd), 0);
    EXPECT_GE(get_device(p, group, kBdf0), 0);
    EXPECT_EQ(p.alloc_ioas(iommufd), 2) << name;
  }
}

TEST_F(Design, V5NamesEveryDeviceAsOneWithoutAnIommu) {
  MachineConfig config = revision("v5");
  config.devices[1].has_iommu = true;
  Driver& p = boot(config);
  EXPECT_THAT(cdevs(p), ElementsAre("noiommu-vfio0", "noiommu-vfio1"));
  EXPECT_THAT(nodes(p), Contains("1")) << "the group of the real device keeps its name";
}

TEST_F(Design, V5MakesANodeThatCannotBind) {
  Driver& p = boot(revision("v5", {{"IOMMUFD_NOIOMMU", "n"}}));
  EXPECT_THAT(cdevs(p), ElementsAre("vfio0", "vfio1"));
  EXPECT_EQ(p.open_bound("/dev/vfio/devices/vfio0").id, -EINVAL);
  const int iommufd = p.open("/dev/iommu");
  const int group = p.open("/dev/vfio/noiommu-0");
  ASSERT_EQ(set_container(p, group, iommufd), 0);
  EXPECT_EQ(get_device(p, group, kBdf0), -EINVAL) << "which worked before the series";
}

TEST_F(Design, V5MakesAGroupThatItsOptionDoesNotKnow) {
  Driver& p = boot(revision(
      "v5",
      {{"VFIO_CONTAINER", "n"}, {"IOMMUFD_VFIO_CONTAINER", "n"}, {"VFIO_GROUP_NOIOMMU", "n"}}));
  EXPECT_THAT(nodes(p), Contains("noiommu-0"));
  Driver& plain = spawn(without({CAP_SYS_RAWIO}));
  const int group = plain.open("/dev/vfio/noiommu-0");
  ASSERT_GE(group, 0) << "nobody asks for the capability";
  const int iommufd = plain.open("/dev/iommu");
  EXPECT_EQ(set_container(plain, group, iommufd), 0);
  EXPECT_EQ(plain.alloc_ioas(iommufd), 2) << "an IOAS was made, as for a real device";
}

TEST_F(Design, V6AsksForTheCapabilityFirst) {
  Driver& p = boot(revision("v6"));
  EXPECT_THAT(cdevs(p), ElementsAre("noiommu-vfio0", "noiommu-vfio1"));
  EXPECT_TRUE(logged(p, "Adding kernel taint for vfio-noiommu cdev on device"));
  Driver& plain = spawn(without({CAP_SYS_RAWIO}));
  EXPECT_EQ(plain.open(kDevice0), -EPERM);
}

TEST_F(Design, V6TakesALengthOfZeroForAll) {
  Driver& p = boot(revision("v6"));
  const Driver::Bound bound = p.open_bound();
  const int64_t ioas = p.alloc_ioas(bound.iommufd);
  p.attach(bound.fd, ioas);
  ASSERT_EQ(p.map(bound.iommufd, ioas, p.memory(kPageSize), kPageSize, 0), 0);
  iommu_ioas_noiommu_get_pa get{};
  get.size = sizeof(get);
  get.ioas_id = static_cast<uint32_t>(ioas);
  ASSERT_EQ(p.ioctl(bound.iommufd, IOMMU_IOAS_NOIOMMU_GET_PA, get), 0);
  EXPECT_EQ(get.length, kPageSize);
  get.iova = UINT64_MAX;
  EXPECT_EQ(p.ioctl(bound.iommufd, IOMMU_IOAS_NOIOMMU_GET_PA, get), -EOVERFLOW);
}

// Seed 003: the trace of a WARN at ATTACH.
TEST_F(Design, EarlySuccessLeadsToAWarning) {
  Driver& p = boot(revision("early-success"));
  const Driver::Bound bound = p.open_bound();
  EXPECT_EQ(bound.id, 0) << "success, without an object";
  const int64_t ioas = p.alloc_ioas(bound.iommufd);
  EXPECT_EQ(ioas, 1);
  EXPECT_EQ(taint(p), Log::kTaintUser);
  EXPECT_EQ(p.attach(bound.fd, ioas), -EINVAL);
  EXPECT_EQ(taint(p), Log::kTaintUser | Log::kTaintWarn);
  EXPECT_TRUE(logged(p, "WARNING: vfio_iommufd_physical_attach_ioas"));
  EXPECT_EQ(p.detach(bound.fd), 0);
}

TEST_F(Design, TheLatchKeepsTheParameterOn) {
  MachineConfig config = revision("latch");
  config.enable_unsafe_noiommu_mode = false;
  Driver& p = boot(config);
  EXPECT_EQ(p.write_file(kParameter, "0"), 0);
  EXPECT_EQ(p.write_file(kParameter, "1"), 0);
  EXPECT_EQ(p.write_file(kParameter, "1"), 0);
  EXPECT_EQ(p.write_file(kParameter, "0"), -EPERM);
  EXPECT_EQ(p.write_file(kBind, kBdf0), 0);
}

TEST_F(Design, MainlineWithoutATableForItGivesNoCdev) {
  Driver& p = boot(revision("mainline", {{"GENERIC_ATOMIC64", "y"}}));
  EXPECT_THAT(nodes(p), Not(Contains("devices")));
  EXPECT_THAT(p.list("/sys/class/vfio-dev"), ElementsAre("vfio0", "vfio1"));
}

}  // namespace
}  // namespace noiommu::vfio
