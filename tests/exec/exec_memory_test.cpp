// The memory of unmodified programs, which devices reach whatever the program does with it.
#include <sys/resource.h>

#include <algorithm>
#include <string>

#include "tests/exec/exec_test.h"

namespace noiommu::scenarios {
namespace {

class ExecMemory : public Exec {
 protected:
  Answer run_memory_case(const std::string& name) {
    return exec("timeout 60 " NOIOMMU_PROGRAMS "/memory_cases " + name, "--dma-check=off");
  }
};

class ExecMemoryCase : public ExecMemory, public testing::WithParamInterface<const char*> {};

TEST_P(ExecMemoryCase, GoesWell) {
  const Answer answer = run_memory_case(GetParam());
  EXPECT_EQ(answer.code, 0);
  EXPECT_EQ(answer.err, "");
}

INSTANTIATE_TEST_SUITE_P(All, ExecMemoryCase,
                         testing::Values("refused", "taken", "executed", "shared", "pin-conditions",
                                         "files", "vfork", "full-eventfd", "raced-eventfd",
                                         "no-first-thread", "much"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

TEST_F(ExecMemory, KeepsNoFileOpenThatIsUnmapped) {
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  rlimit few = before;
  few.rlim_cur = 256;
  setrlimit(RLIMIT_NOFILE, &few);
  const Answer answer = run_memory_case("many-files");
  setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_EQ(answer.code, 0);
  EXPECT_EQ(answer.err, "");
}

}  // namespace
}  // namespace noiommu::scenarios
