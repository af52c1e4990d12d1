// How the machine is made ready for a scenario, and put back.
#include <gtest/gtest.h>

#include "scenarios/backends/host/device_state.h"
#include "tests/scenarios/host_tree.h"

namespace noiommu::scenarios::host {
namespace {

constexpr const char* kBind = "/sys/bus/pci/drivers/vfio-pci/bind";
constexpr const char* kUnbind = "/sys/bus/pci/drivers/vfio-pci/unbind";
const std::string kFour = "0000:00:04.0";
const std::string kFive = "0000:00:05.0";

KernelNeeds parameter(const std::string& text) {
  KernelNeeds kernel;
  kernel.params["vfio.enable_unsafe_noiommu_mode"] = text;
  return kernel;
}

class State : public testing::Test {
 protected:
  [[nodiscard]] Facts with_two_edus() const {
    tree.two_edus();
    return tree.facts();
  }

  HostTree tree;
  Files files = tree.files();
  DeviceState state{files, with_two_edus()};
};

TEST_F(State, WhatIsRightStaysAlone) {
  EXPECT_EQ(state.prepare({}, {kFour, kFive}), "");
  EXPECT_EQ(tree.text(kBind), "");
  EXPECT_EQ(tree.text(kUnbind), "");
}

TEST_F(State, DevicesInAnotherOrderAreBoundAgainInThatOrder) {
  EXPECT_EQ(state.prepare({}, {kFive, kFour}), "");
  EXPECT_EQ(tree.text(kUnbind), kFour) << "the last one";
  EXPECT_EQ(tree.text(kBind), kFour) << "the last one";
}

TEST_F(State, ANumberThatIsNotTheLowestFreeIsGivenAnew) {
  tree.remove("/sys/bus/pci/devices/" + kFour + "/vfio-dev");
  tree.remove("/sys/class/vfio-dev/noiommu-vfio0");
  EXPECT_EQ(state.prepare({}, {kFive}), "");
  EXPECT_EQ(tree.text(kBind), kFive);
}

TEST_F(State, ANumberThatAStrangerHoldsIsSkipped) {
  EXPECT_EQ(state.prepare({}, {kFive}), "");
  EXPECT_EQ(tree.text(kBind), "") << "04.0 has 0, so 1 is the lowest";
}

TEST_F(State, TheParameterIsSetAndRestored) {
  EXPECT_EQ(state.prepare(parameter("N"), {}), "");
  EXPECT_EQ(tree.text(kNoiommuParameterPath), "N");
  EXPECT_EQ(state.restore({}), "");
  EXPECT_EQ(tree.text(kNoiommuParameterPath), "Y");
}

TEST_F(State, WithTheParameterOffDevicesAreBoundAnew) {
  EXPECT_EQ(state.prepare(parameter("0"), {kFour}), "");
  EXPECT_EQ(tree.text(kUnbind), kFour);
  EXPECT_EQ(tree.text(kBind), kFour) << "which a kernel refuses";
}

TEST_F(State, AScenariosUnbindIsUndone) {
  tree.remove("/sys/bus/pci/devices/" + kFive + "/driver");
  tree.file("/sys/bus/pci/devices/" + kFive + "/driver_override", "none\n");
  tree.file(kNoiommuParameterPath, "0\n");
  EXPECT_EQ(state.restore({kFour, kFive}), "");
  EXPECT_EQ(tree.text(kUnbind), kFour) << "they are bound again in order";
  EXPECT_EQ(tree.text(kBind), kFive);
  EXPECT_EQ(tree.text("/sys/bus/pci/devices/" + kFive + "/driver_override"), "");
  EXPECT_EQ(tree.text(kNoiommuParameterPath), "Y");
}

TEST_F(State, AFunctionThatWasNotHeldIsRefused) {
  tree.noiommu_function("0000:00:06.0", 2, 2);
  EXPECT_EQ(state.prepare({}, {"0000:00:06.0"}),
            "0000:00:06.0 was not bound to vfio-pci from the start");
  EXPECT_EQ(tree.text(kUnbind), "");
}

TEST_F(State, AFailureIsSaid) {
  tree.remove(kBind);
  EXPECT_EQ(state.prepare({}, {kFive, kFour}), "0000:00:05.0 cannot be bound to vfio-pci");
}

}  // namespace
}  // namespace noiommu::scenarios::host
