// Files under `noiommu exec`: names in /dev and /sys, descriptors, and who may use them.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "tests/exec/exec_test.h"

namespace noiommu::scenarios {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class ExecFiles : public Exec {
 protected:
  Answer file_case(const std::string& name, const std::string& options = "") {
    return exec(NOIOMMU_PROGRAMS "/file_cases " + name, options);
  }
};

class ExecFileCase : public ExecFiles, public testing::WithParamInterface<const char*> {};

TEST_P(ExecFileCase, GoesWell) {
  const Answer answer = file_case(GetParam());
  EXPECT_EQ(answer.code, 0);
  EXPECT_EQ(answer.err, "");
}

INSTANTIATE_TEST_SUITE_P(All, ExecFileCase,
                         testing::Values("terminal", "reopened", "closed-at-once", "mapped"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace noiommu::scenarios
