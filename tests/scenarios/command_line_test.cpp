// The program as its users meet it: exit codes, and what is said on which stream.
#include "tests/scenarios/command_line_test.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include <nlohmann/json.hpp>

namespace noiommu::scenarios {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

constexpr const char* kFine = "scenario: fine\nabout: opens\nsteps:\n- open: /dev/vfio/vfio\n";
constexpr const char* kWrong = "scenario: wrong\nsteps:\n- open: /no/such/node\n";

TEST_F(CommandLine, APassIsZero) {
  file("fine.yaml", kFine);
  const Answer answer = noiommu("run fine.yaml");
  EXPECT_EQ(answer.code, 0);
  EXPECT_EQ(answer.out, "ok   fine\n1 passed, 0 failed, 0 skipped\n");
  EXPECT_EQ(answer.err, "");
}

TEST_F(CommandLine, AFailureIsOne) {
  file("all/fine.yaml", kFine);
  file("all/wrong.yaml", kWrong);
  const Answer answer = noiommu("run all");
  EXPECT_EQ(answer.code, 1);
  EXPECT_THAT(answer.out, AllOf(HasSubstr("ok   fine\nFAIL wrong\n"),
                                HasSubstr("all/wrong.yaml:3: step 1, open: /no/such/node\n"),
                                HasSubstr("1 passed, 1 failed, 0 skipped\n")));
}

TEST_F(CommandLine, AMisspelledKeyIsNamed) {
  expect_refused("scenario: s\nsteps:\n- open: /dev/iommu\n  erno: EPERM\n",
                 "bad.yaml:4:3: unknown key 'erno' in this open step; did you mean 'errno'?");
}

TEST_F(CommandLine, AMissingFileIsNamed) {
  const Answer answer = noiommu("run nowhere.yaml");
  EXPECT_EQ(answer.code, 2);
  EXPECT_EQ(answer.err, "nowhere.yaml: No such file or directory\n");
}

TEST_F(CommandLine, AFieldThatDoesNotExistIsNamed) {
  expect_refused("scenario: s\nsteps:\n- ioctl: IOMMU_IOAS_ALLOC\n  fd: $f\n  args: {flagz: 1}\n",
                 "bad.yaml:5:10: unknown field 'flagz' in IOMMU_IOAS_ALLOC; did you mean 'flags'?");
}

TEST_F(CommandLine, ATabIsNamed) {
  expect_refused("scenario: s\nsteps:\n\t- open: /dev/iommu\n",
                 "bad.yaml:3:1: a tab cannot indent YAML; use spaces");
}

TEST_F(CommandLine, AnIoctlThatDoesNotExistIsNamed) {
  expect_refused("scenario: s\nsteps:\n- ioctl: IOMMU_IOAS_MAPS\n  fd: $f\n",
                 "bad.yaml:3:10: unknown ioctl 'IOMMU_IOAS_MAPS'; did you mean 'IOMMU_IOAS_MAP'?");
}

TEST_F(CommandLine, EveryBadFileIsNamedAndNothingRuns) {
  file("all/1.yaml", "scenari: s\n");
  file("all/2.yaml", kFine);
  file("all/3.yaml", "");
  const Answer answer = noiommu("run all gone");
  EXPECT_EQ(answer.code, 2);
  EXPECT_EQ(answer.out, "");
  EXPECT_THAT(answer.err, AllOf(HasSubstr("gone: No such file or directory\n"),
                                HasSubstr("all/1.yaml:1:1: unknown key 'scenari'"),
                                HasSubstr("all/3.yaml:1:1: no scenario in this file\n")));
}

TEST_F(CommandLine, AFolderWithoutScenariosIsNamed) {
  file("empty/readme", "");
  const Answer answer = noiommu("run empty");
  EXPECT_EQ(answer.code, 2);
  EXPECT_EQ(answer.err, "empty: no *.yaml file in it\n");
}

TEST_F(CommandLine, BadUsageIsTwo) {
  for (const char* arguments : {"", "rnu", "run --colour", "run --format xml", "run --jobs 0",
                                "run --jobs many", "show", "run --filter"}) {
    const Answer answer = noiommu(arguments);
    EXPECT_EQ(answer.code, 2) << arguments;
    EXPECT_NE(answer.err, "") << arguments;
    EXPECT_EQ(answer.out, "") << arguments;
  }
  EXPECT_THAT(noiommu("run --format xml").err, HasSubstr("'xml' is not text, json, junit or tap"));
}

TEST_F(CommandLine, HelpTeachesByExample) {
  const Answer answer = noiommu("--help");
  EXPECT_EQ(answer.code, 0);
  EXPECT_THAT(answer.out, AllOf(HasSubstr("Examples:"), HasSubstr("Exit codes:"),
                                HasSubstr("noiommu run --filter")));
  EXPECT_EQ(noiommu("run --help").code, 0);
}

TEST_F(CommandLine, JsonIsOneObject) {
  file("all/fine.yaml", kFine);
  file("all/wrong.yaml", kWrong);
  const Answer answer = noiommu("run --format json --trace --jobs 2 all");
  EXPECT_EQ(answer.code, 1);
  const auto object = nlohmann::json::parse(answer.out);
  EXPECT_EQ(object["passed"], 1);
  EXPECT_EQ(object["scenarios"][1]["result"], "failed");
  EXPECT_THAT(answer.err, HasSubstr("open(\"/dev/vfio/vfio\", O_RDWR) = 3\n"));
}

TEST_F(CommandLine, TheTraceShowsEveryCall) {
  file("fine.yaml", kFine);
  EXPECT_EQ(noiommu("run --trace fine.yaml").out,
            "ok   fine\n"
            "     open(\"/dev/vfio/vfio\", O_RDWR) = 3\n"
            "     close(3) = 0\n"
            "1 passed, 0 failed, 0 skipped\n");
}

TEST_F(CommandLine, TheFilterChoosesByName) {
  file("all/fine.yaml", kFine);
  file("all/wrong.yaml", kWrong);
  EXPECT_EQ(noiommu("run --filter 'f*' all").out, "ok   fine\n1 passed, 0 failed, 0 skipped\n");
  const Answer answer = noiommu("run --filter 'g*' all");
  EXPECT_EQ(answer.code, 2);
  EXPECT_EQ(answer.err, "noiommu: no scenario's name matches 'g*'\n");
}

TEST_F(CommandLine, WithoutPathsTheSelfTestsOfThisFolderRun) {
  file("scenarios/selftests/fine.yaml", kFine);
  file("scenarios/recorded/wrong.yaml", kWrong);
  EXPECT_EQ(noiommu("run").out, "ok   fine\n1 passed, 0 failed, 0 skipped\n");
  EXPECT_EQ(noiommu("list").out,
            "scenarios/recorded/wrong.yaml\n  wrong\n"
            "scenarios/selftests/fine.yaml\n  fine   opens\n");
}

TEST_F(CommandLine, ShowPrintsTheYaml) {
  file("scenarios/a.yaml", std::string(kFine) + "---\n# why\n" + kWrong);
  EXPECT_EQ(noiommu("show fine").out, kFine);
  EXPECT_EQ(noiommu("show wrong").out, std::string("# why\n") + kWrong);
  const Answer answer = noiommu("show fin");
  EXPECT_EQ(answer.code, 2);
  EXPECT_EQ(answer.err, "noiommu: unknown scenario 'fin'; did you mean 'fine'?\n");
}

TEST_F(CommandLine, ShowWantsOneScenario) {
  file("scenarios/a.yaml", kFine);
  file("scenarios/b.yaml", kFine);
  const Answer answer = noiommu("show fine");
  EXPECT_EQ(answer.code, 2);
  EXPECT_THAT(answer.err, HasSubstr("name the file as well"));
  EXPECT_EQ(noiommu("show fine scenarios/b.yaml").out, kFine);
}

// What these say holds only where there is no VFIO, as on a build machine.
class WithoutVfio : public CommandLine {
 protected:
  void SetUp() override {
    if (std::filesystem::exists("/dev/vfio")) GTEST_SKIP() << "this machine has VFIO";
    if (std::filesystem::exists("/sys/bus/pci/drivers/vfio-pci")) GTEST_SKIP() << "and vfio-pci";
    file("fine.yaml", kFine);
  }
};

TEST_F(WithoutVfio, TheHostSkipsWithTheReason) {
  const Answer answer = noiommu("run --backend host fine.yaml");
  EXPECT_EQ(answer.code, 0);
  EXPECT_EQ(answer.out,
            "skip fine: there is no /dev/vfio: no VFIO in this kernel, or not loaded\n"
            "0 passed, 0 failed, 1 skipped\n");
  EXPECT_THAT(noiommu("run --backend host --format tap fine.yaml").out,
              HasSubstr("ok 1 - fine # SKIP there is no /dev/vfio"));
  EXPECT_THAT(noiommu("run --backend both fine.yaml").out,
              HasSubstr("skip fine: host: there is no /dev/vfio"));
}

TEST_F(WithoutVfio, RequireMakesASkipAFailure) {
  EXPECT_EQ(noiommu("run --backend host --require fine.yaml").code, 1);
  EXPECT_EQ(noiommu("run --backend both --require fine.yaml").code, 1);
  EXPECT_EQ(noiommu("run --backend model --require fine.yaml").code, 0);
}

TEST_F(CommandLine, ProbeShowsThisMachine) {
  EXPECT_THAT(noiommu("probe").out, AllOf(StartsWith("kernel "), HasSubstr("capabilities ")));
  const auto json = nlohmann::json::parse(noiommu("probe --format json").out);
  EXPECT_TRUE(json.contains("config"));
  EXPECT_TRUE(json["devices"].is_array());
}

TEST_F(CommandLine, BackendsAndTheirOptionsAreChecked) {
  file("fine.yaml", kFine);
  for (const char* options :
       {"--backend hosts", "--bdf 0000:00:04.0", "--bdf 04.0=05.0", "--timeout 0",
        "--bdf 0000:00:04.0=0000:00:06.0 --bdf 0000:00:05.0=0000:00:06.0"}) {
    const Answer answer = noiommu(std::string("run ") + options + " fine.yaml");
    EXPECT_EQ(answer.code, 2) << options;
    EXPECT_NE(answer.err, "") << options;
  }
  EXPECT_EQ(noiommu("run --bdf 0000:00:04.0=0000:00:06.0 --bdf 0000:00:05.0=0000:00:07.0 "
                    "--timeout 0.5 fine.yaml")
                .code,
            0);
  EXPECT_THAT(noiommu("run --help").out, HasSubstr("model only"));
}

TEST_F(CommandLine, InspectShowsAStepOrOneTranslation) {
  file("fine.yaml", std::string(kFine) + "- {open: /dev/iommu, as: i}\n" +
                        "- {ioctl: IOMMU_IOAS_ALLOC, fd: $i}\n");
  EXPECT_THAT(noiommu("inspect fine.yaml --at 2").out, StartsWith("fine after step 2 of 3, open"));
  EXPECT_THAT(noiommu("inspect fine.yaml --iova 4K --length 0x10 --ioas 1").out,
              HasSubstr("GET_PA {iova=0x1000, length=0x10} = -1 ENOENT"));
  EXPECT_EQ(nlohmann::json::parse(noiommu("inspect fine.yaml --format json").out)["step"], 3);
  for (const char* options : {"--iova 4Q", "--length 4K", "--ioas 1", "--all --iova 0", "--at x"}) {
    EXPECT_EQ(noiommu(std::string("inspect fine.yaml ") + options).code, 2) << options;
  }
  EXPECT_THAT(noiommu("inspect --help").out, HasSubstr("Examples:"));
}

TEST_F(CommandLine, OutputThatCannotBeWrittenIsAnError) {
  file("fine.yaml", kFine);
  const Answer answer = noiommu("run fine.yaml >/dev/full");
  EXPECT_EQ(answer.code, 2);
  EXPECT_THAT(answer.err, StartsWith("noiommu: cannot write the output"));
}

}  // namespace
}  // namespace noiommu::scenarios
