// The fixture of all tests of /dev/iommu: one machine, its programs, and nothing left behind.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "tests/iommufd/client.h"

namespace noiommu::tests {

// When every program has exited, no page may be pinned, charged or held, whatever the test did.
class IommufdTest : public testing::Test {
 protected:
  // Boots the machine of this test and starts its first program. Once per test.
  Client& boot(const MachineConfig& config = two_devices()) {
    programs_.push_back(std::make_unique<Client>(config));
    machine_ = programs_.back()->machine;
    return remember(*programs_.back());
  }
  // One more program on that machine.
  Client& spawn(const Credentials& credentials = {}) {
    programs_.push_back(std::make_unique<Client>(*programs_.front(), credentials));
    return remember(*programs_.back());
  }
  void exit(const Client& program) {
    std::erase_if(programs_, [&](const auto& entry) { return entry.get() == &program; });
  }

  void TearDown() override {
    programs_.clear();
    EXPECT_EQ(machine_->memory().pins(), 0U);
    EXPECT_EQ(machine_->memory().held_frames(), 0U);
    for (const auto& task : tasks_) {
      EXPECT_EQ(task->memory->pinned_vm, 0U);
      EXPECT_EQ(task->memory->locked_vm, 0U);
      EXPECT_EQ(task->user->locked_vm, 0U);
      EXPECT_EQ(task->kept(), 1U) << "something still refers to pid " << task->pid;
    }
  }

  [[nodiscard]] uint64_t pins() const { return machine_->memory().pins(); }

 private:
  Client& remember(Client& program) {
    tasks_.push_back(program.process->task());
    return program;
  }

  std::shared_ptr<Machine> machine_;
  std::vector<std::unique_ptr<Client>> programs_;
  std::vector<KrefPtr<Task>> tasks_;
};

// A program with a bound device and an IOAS, which know nothing of each other: device 1, IOAS 2.
class BoundTest : public IommufdTest {
 protected:
  void start(const MachineConfig& config = two_devices()) {
    program_ = &boot(config);
    device_ = program_->bind(0);
    device_id_ = program_->device_id;
    ioas_ = program_->ioas_alloc();
    ASSERT_EQ(ioas_, 2);
  }

  Client* program_ = nullptr;
  int device_ = -1;
  int64_t device_id_ = 0;
  int64_t ioas_ = 0;
};

// The same, attached: HWPT 3.
class AttachedTest : public BoundTest {
 protected:
  void start(const MachineConfig& config = two_devices()) {
    BoundTest::start(config);
    hwpt_ = program_->attach(device_, ioas_);
    ASSERT_EQ(hwpt_, 3);
  }

  int64_t hwpt_ = 0;
};

}  // namespace noiommu::tests
