// Runs programs under `noiommu exec`, as a shell would.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <chrono>
#include <string>

#include "tests/scenarios/command_line_test.h"

namespace noiommu::scenarios {

class Exec : public CommandLine {
 protected:
  void SetUp() override {
    const Answer answer = noiommu("exec -- true");
    if (answer.code == 2) GTEST_SKIP() << answer.err;
    ASSERT_EQ(answer.code, 0) << answer.err;
  }

  // `options` and the program with its arguments.
  Answer exec(const std::string& program, const std::string& options = "") {
    return noiommu("exec " + options + " -- " + program);
  }
  Answer run_case(const std::string& name, const std::string& options = "") {
    return exec(NOIOMMU_PROGRAMS "/exec_cases " + name, options);
  }
};

}  // namespace noiommu::scenarios
