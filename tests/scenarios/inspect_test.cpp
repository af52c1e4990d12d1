// `noiommu inspect`: what iommufd keeps in the middle of a scenario.
#include "tests/scenarios/inspect_test.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>

namespace noiommu::scenarios {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

size_t lines_with(const std::string& text, const std::string& part) {
  std::istringstream lines(text);
  size_t count = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.find(part) != std::string::npos) ++count;
  }
  return count;
}

TEST_F(Inspect, ShowsObjectsAreasPageTablesAndCharges) {
  const std::string shown = text(std::string(kOpen) + kAttach + memory("m", "2M", "huge") +
                                 map("$m", "128K", "0x200000"));
  EXPECT_EQ(shown,
            "s after step 7 of 7, ioctl: IOMMU_IOAS_MAP\n"
            "\n"
            "iommufd on descriptor 3: 3 objects, 32 pages pinned, 32 charged to nobody because of "
            "CAP_IPC_LOCK\n"
            "  ID  TYPE    USERS\n"
            "   1  device      3  0000:00:04.0 (noiommu-vfio0), no IOMMU, attached to HWPT 3\n"
            "   2  IOAS        2  alignment 4K, huge pages on\n"
            "   3  HWPT        2  of IOAS 2, automatic, no IOMMU\n"
            "\n"
            "IOAS 2: 1 area\n"
            "  IOVA               LENGTH  PROT  SOURCE                    PAGES      STORAGE\n"
            "  0x200000-0x21ffff    128K  rw    memory at 0x7ffff7c00000  32 pinned  HWPT 3\n"
            "\n"
            "HWPT 3: top level 2, 3 tables: 1 at level 2, 1 at level 1, 1 at level 0\n"
            "  LEVEL  INDEX      IOVA  WORD                ENTRY               PA  ACCESS\n"
            "  2      0           0x0  0x6000000000000401  table                   rw\n"
            "   1     1      0x200000  0x6000000000000201  table                   rw\n"
            "    0    0-31   0x200000  0x700000010020fe01  leaf 128K  0x100200000  rw FC\n"
            "\n"
            "locked memory\n"
            "  RLIMIT_MEMLOCK               unlimited\n"
            "  locked pages of user 0               0\n"
            "  locked pages of the process          0\n"
            "  pinned pages of the process         32\n");
}

TEST_F(Inspect, IsTheSameEveryTime) {
  const std::string scenario =
      std::string(kOpen) + kAttach + memory("m", "64K") + map("$m", "64K", "0x1000");
  EXPECT_EQ(text(scenario), text(scenario));
}

TEST_F(Inspect, StopsAfterTheStepThatIsAskedFor) {
  const std::string scenario =
      std::string(kOpen) + kAttach + memory("m", "4K") + map("$m", "4K", "0x1000");
  EXPECT_THAT(text(scenario, {.at = 4}),
              AllOf(StartsWith("s after step 4 of 7, ioctl: IOMMU_IOAS_ALLOC\n"),
                    HasSubstr("no IOMMU, not attached\n"), HasSubstr("alignment 1, huge pages on"),
                    HasSubstr("\nIOAS 2: empty\n"), Not(HasSubstr("HWPT"))));
  EXPECT_THAT(text(scenario, {.at = 5}), HasSubstr("\nHWPT 3: top level 2, 1 table, empty\n"));
  EXPECT_THAT(text(scenario, {.at = 7}), HasSubstr("1 pinned"));
}

TEST_F(Inspect, PinsNothingWithoutAPageTable) {
  EXPECT_THAT(text(std::string(kOpen) + memory("m", "8K") + map("$m", "8K", "0x1000")),
              AllOf(HasSubstr("0 pages pinned\n"), HasSubstr("2 not pinned  none\n")));
}

TEST_F(Inspect, TellsWhomPagesAreChargedTo) {
  const std::string scenario = std::string(kOpen) + kAttach + memory("m", "8K") +
                               "- drop_cap: CAP_IPC_LOCK\n- rlimit: {MEMLOCK: 64K}\n" +
                               map("$m", "8K", "0x1000");
  EXPECT_THAT(text(scenario), AllOf(HasSubstr("2 pages pinned, 2 charged to the user\n"),
                                    HasSubstr("RLIMIT_MEMLOCK               64K\n"),
                                    HasSubstr("locked pages of user 0         2\n")));
}

TEST_F(Inspect, TellsWhichAreasShareTheirMemory) {
  const std::string copy =
      "- {ioctl: IOMMU_IOAS_ALLOC, fd: $i, expect: {out_ioas_id: 4}}\n"
      "- {ioctl: IOMMU_IOAS_COPY, fd: $i, args: {flags: 3, dst_ioas_id: 4, src_ioas_id: 2, length: "
      "4K, src_iova: 0x2000, dst_iova: 0x9000}}\n";
  const json found = as_json(std::string(kOpen) + kAttach + memory("m", "8K") +
                             map("$m", "8K", "0x1000") + map("$m", "4K", "0x8000") + copy);
  const json& objects = found["contexts"][0]["objects"];
  EXPECT_EQ(objects[1]["areas"][0]["sharers"], 2);
  EXPECT_EQ(objects[1]["areas"][1]["sharers"], 1);
  EXPECT_EQ(objects[3]["areas"][0]["sharers"], 2);
  EXPECT_EQ(objects[3]["areas"][0]["readable"], false);
  EXPECT_EQ(objects[3]["areas"][0]["storage"], nullptr);
  EXPECT_EQ(found["contexts"][0]["pinned"], 3);
}

TEST_F(Inspect, NamesWhatAnIoasAllowsAndWhatItIsFor) {
  const std::string options =
      "- {ioctl: IOMMU_OPTION, fd: $i, args: {option_id: 1, op: 0, object_id: 2, val64: 0}}\n"
      "- {ioctl: IOMMU_VFIO_IOAS, fd: $i, args: {ioas_id: 2, op: 1}}\n"
      "- {ioctl: IOMMU_IOAS_ALLOW_IOVAS, fd: $i, args: {ioas_id: 2, num_iovas: 1, allowed_iovas: "
      "{u64: [0x1000, 0x8fff]}}}\n";
  EXPECT_THAT(text(std::string(kOpen) + options),
              HasSubstr("alignment 4K, huge pages off, for the VFIO container ioctls, allowed "
                        "0x1000-0x8fff\n"));
}

TEST_F(Inspect, TellsManualPageTablesAndFaultQueues) {
  const std::string manual =
      "- {ioctl: IOMMU_FAULT_QUEUE_ALLOC, fd: $i, as: q, expect: {out_fault_id: 3}}\n"
      "- {ioctl: IOMMU_HWPT_ALLOC, fd: $i, args: {flags: 4, dev_id: 1, pt_id: 2, fault_id: 3}}\n";
  const std::string shown = text(std::string(kOpen) + manual);
  EXPECT_THAT(shown, HasSubstr("   3  fault queue      3\n"));
  EXPECT_THAT(shown, HasSubstr("of IOAS 2, manual, no IOMMU, fault queue 3\n"));
}

TEST_F(Inspect, FindsAnIommufdThatOnlyADeviceKeepsOpen) {
  const std::string scenario = std::string(kOpen) + kAttach + kCloseIommufd;
  EXPECT_THAT(text(scenario), HasSubstr("iommufd without a descriptor, kept open by what uses it: "
                                        "3 objects"));
  EXPECT_THAT(text(scenario + "- close: $dev\n"), HasSubstr("\nno iommufd is open\n"));
}

TEST_F(Inspect, FindsAnIommufdThatOnlyAMappingOfADeviceKeepsOpen) {
  const std::string scenario = std::string(kOpen) + kCloseIommufd +
                               "- {mmap: {fd: $dev, offset: 0, length: 4K}, as: bar}\n" +
                               "- close: $dev\n";
  EXPECT_THAT(text(scenario), HasSubstr("0000:00:04.0 (noiommu-vfio0)"));
}

TEST_F(Inspect, KeepsSeveralIommufdsApart) {
  const std::string more =
      "- {open: /dev/iommu, as: j}\n- {dup: $i, as: k}\n- {ioctl: IOMMU_IOAS_ALLOC, fd: $j}\n";
  const json contexts = as_json(std::string(kOpen) + more)["contexts"];
  ASSERT_EQ(contexts.size(), 2U);
  EXPECT_EQ(contexts[0]["descriptors"], json({3, 6}));
  EXPECT_EQ(contexts[0]["objects"].size(), 2U);
  EXPECT_EQ(contexts[1]["descriptors"], json({5}));
  EXPECT_EQ(contexts[1]["objects"][0]["id"], 1);
}

TEST_F(Inspect, FoldsLeavesThatAreAlikeUnlessAskedForAll) {
  const std::string scenario =
      std::string(kOpen) + kAttach + memory("m", "4M") + map("$m", "4M", "0x1000");
  const std::string shown = text(scenario);
  EXPECT_THAT(shown, HasSubstr("       0x1000  0x7000000"));
  EXPECT_THAT(shown, HasSubstr("  ...    1022 more leaves like these and 2 more tables; no two of "
                               "the 1024 are physically adjacent\n"));
  EXPECT_EQ(lines_with(shown, "leaf 4K"), 2U);
  const std::string all = text(scenario, {.all = true});
  EXPECT_EQ(lines_with(all, "leaf 4K"), 1024U);
  EXPECT_THAT(all, Not(HasSubstr("...")));
}

constexpr mm::MemoryConfig kContiguous{.placement = mm::MemoryConfig::Placement::kContiguous};

TEST_F(Inspect, ShowsOneLineForAllItemsOfALeaf) {
  const std::string shown =
      text(std::string(kOpen) + kAttach + memory("m", "64K") + map("$m", "64K", "0x1000"),
           {.all = true, .memory = kContiguous});
  EXPECT_EQ(lines_with(shown, "leaf"), 5U);
  for (const char* line : {" 1      ", " 2-3    ", " 4-7    ", " 8-15 ", " 16     "}) {
    EXPECT_EQ(lines_with(shown, line), 1U) << line;
  }
}

TEST_F(Inspect, TellsThatFoldedLeavesAreAdjacent) {
  EXPECT_THAT(text(std::string(kOpen) + kAttach + memory("m", "64K") + map("$m", "64K", "0x2000"),
                   {.memory = kContiguous}),
              HasSubstr("...    14 more leaves like these; all 16 are physically adjacent\n"));
}

TEST_F(Inspect, HasTheSameFactsInJson) {
  const json found = as_json(std::string(kOpen) + kAttach + memory("m", "2M", "huge") +
                             map("$m", "128K", "0x200000"));
  EXPECT_EQ(found["scenario"], "s");
  EXPECT_EQ(found["step"], 7);
  EXPECT_EQ(found["failed"], false);
  const json& objects = found["contexts"][0]["objects"];
  EXPECT_EQ(objects[0]["bdf"], "0000:00:04.0");
  EXPECT_EQ(objects[0]["hwpt"], 3);
  EXPECT_EQ(objects[0]["users"], 3);
  EXPECT_EQ(objects[1]["areas"][0]["iova"]["last"], "0x21ffff");
  EXPECT_EQ(objects[1]["areas"][0]["storage"], 3);
  EXPECT_EQ(objects[2]["tables"], 3);
  const json leaf = {{"level", 0},
                     {"index", 0},
                     {"items", 32},
                     {"iova", "0x200000"},
                     {"word", "0x700000010020fe01"},
                     {"kind", "leaf"},
                     {"size", 131072},
                     {"pa", "0x100200000"},
                     {"force_coherent", true},
                     {"readable", true},
                     {"writable", true}};
  EXPECT_EQ(objects[2]["entries"][2], leaf);
  EXPECT_EQ(found["locked_memory"]["process_pinned"], 32);
  EXPECT_EQ(found["locked_memory"]["limit"], nullptr);
}

TEST_F(Inspect, RefusesAStepThatDoesNotExist) {
  for (const uint64_t step : {0, 5}) {
    const Shown shown = run({.scenario = file(kOpen), .at = step});
    EXPECT_EQ(shown.exit_code, kBadInput);
    EXPECT_EQ(shown.out, "");
    EXPECT_THAT(shown.err,
                EndsWith("s.yaml:1: s has steps 1 to 4, no step " + std::to_string(step) + "\n"));
  }
}

TEST_F(Inspect, ShowsWhatIsThereWhenAStepFails) {
  const std::string wrong = "- {ioctl: IOMMU_DESTROY, fd: $i, args: {id: 9}}\n";
  const Shown shown = run({.scenario = file(std::string(kOpen) + wrong + kAttach)});
  EXPECT_EQ(shown.exit_code, kSomeFailed);
  EXPECT_THAT(shown.out,
              AllOf(StartsWith("s after step 5 of 6, ioctl: IOMMU_DESTROY, which failed"),
                    HasSubstr("IOAS 2: empty\n"), Not(HasSubstr("HWPT"))));
  EXPECT_THAT(shown.err, AllOf(HasSubstr("s.yaml:10: step 5, ioctl: IOMMU_DESTROY\n"),
                               HasSubstr("got:      ENOENT")));
}

TEST_F(Inspect, DoesNotMindAFailureBehindTheStep) {
  const std::string wrong = "- {ioctl: IOMMU_DESTROY, fd: $i, args: {id: 9}}\n";
  EXPECT_THAT(text(std::string(kOpen) + wrong, {.at = 4}), HasSubstr("IOAS 2: empty\n"));
}

TEST_F(Inspect, RefusesWhatTheModelCannotRun) {
  const Shown shown = run(
      {.scenario = file("scenario: s\nkernel: {config: {VFIO: n}}\nsteps:\n- open: /dev/iommu\n")});
  EXPECT_EQ(shown.exit_code, kBadInput);
  EXPECT_THAT(shown.err, HasSubstr("s.yaml:1: s cannot run: VFIO_PCI is n"));
}

TEST_F(Inspect, WantsOneScenario) {
  const std::string two = file(
      "scenario: a\nsteps:\n- open: /dev/iommu\n---\n"
      "scenario: b\nsteps:\n- {open: /dev/null, as: n}\n");
  const Shown both = run({.scenario = two});
  EXPECT_EQ(both.exit_code, kBadInput);
  EXPECT_THAT(both.err, EndsWith("has 2 scenarios; write the name of one, then the file\n"));
  EXPECT_THAT(run({.scenario = "b", .paths = {two}}).out,
              StartsWith("b after step 1 of 1, open: /dev/null\n"));
  EXPECT_EQ(run({.scenario = "bb", .paths = {two}}).err,
            "noiommu: unknown scenario 'bb'; did you mean 'b'?\n");
  EXPECT_EQ(run({.scenario = "no/such.yaml"}).err, "no/such.yaml: No such file or directory\n");
}

TEST_F(Inspect, SaysWhenItsOutputIsLost) {
  std::ostringstream err;
  std::ofstream full("/dev/full");
  EXPECT_EQ(inspect_command({.scenario = file(kOpen)}, full, err), kBadInput);
  EXPECT_EQ(err.str(), "noiommu: cannot write the output\n");
}

}  // namespace
}  // namespace noiommu::scenarios
