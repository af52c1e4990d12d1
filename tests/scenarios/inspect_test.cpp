// `noiommu inspect`: what iommufd keeps in the middle of a scenario.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include <nlohmann/json.hpp>

#include "scenarios/engine/commands.h"
#include "scenarios/inspect/inspect_command.h"

namespace noiommu::scenarios {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// Device 1, IOAS 2, and the HWPT 3 that attaching makes. Four lines a step or fewer.
constexpr const char* kOpen = R"(scenario: s
devices:
- {bdf: '0000:00:04.0', model: edu, iommu: none}
- {bdf: '0000:00:05.0', model: edu, iommu: present}
steps:
- {open: /dev/iommu, as: i}
- {open: /dev/vfio/devices/noiommu-vfio0, as: dev}
- {ioctl: VFIO_DEVICE_BIND_IOMMUFD, fd: $dev, args: {iommufd: $i}}
- {ioctl: IOMMU_IOAS_ALLOC, fd: $i, expect: {out_ioas_id: 2}}
)";
constexpr const char* kAttach =
    "- {ioctl: VFIO_DEVICE_ATTACH_IOMMUFD_PT, fd: $dev, args: {pt_id: 2}}\n";
constexpr const char* kCloseIommufd = "- close: $i\n";

std::string memory(const std::string& name, const std::string& length,
                   const std::string& backing = "anon") {
  return "- {mmap: {length: " + length + ", backing: " + backing + ", touch: true}, as: " + name +
         "}\n";
}
std::string map(const std::string& at, const std::string& length, const std::string& iova,
                const std::string& ioas = "2") {
  return "- {ioctl: IOMMU_IOAS_MAP, fd: $i, args: {flags: 7, ioas_id: " + ioas +
         ", user_va: " + at + ", length: " + length + ", iova: " + iova + "}}\n";
}
// The program asks too: what it must get is in the scenario.
std::string get_pa(const std::string& iova, const std::string& error, uint64_t length = 1) {
  return "- {ioctl: IOMMU_IOAS_NOIOMMU_GET_PA, fd: $i, args: {ioas_id: 2, iova: " + iova +
         ", length: " + std::to_string(length) + "}, errno: " + error + "}\n";
}

struct Shown {
  int exit_code = 0;
  std::string out;
  std::string err;
};

class Inspect : public testing::Test {
 protected:
  Inspect() {
    std::string name = testing::TempDir() + "inspect-XXXXXX";
    folder_ = mkdtemp(name.data());
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] std::string file(const std::string& text) const {
    std::ofstream(folder_ + "/s.yaml") << text;
    return folder_ + "/s.yaml";
  }
  [[nodiscard]] static Shown run(const InspectOptions& options) {
    std::ostringstream out;
    std::ostringstream err;
    const int exit_code = inspect_command(options, out, err);
    return {exit_code, out.str(), err.str()};
  }
  // The text of a scenario that passes.
  [[nodiscard]] std::string text(const std::string& scenario, InspectOptions options = {}) const {
    options.scenario = file(scenario);
    const Shown shown = run(options);
    EXPECT_EQ(shown.exit_code, kAllPassed);
    EXPECT_EQ(shown.err, "");
    return shown.out;
  }
  [[nodiscard]] json as_json(const std::string& scenario, InspectOptions options = {}) const {
    options.json = true;
    return json::parse(text(scenario, options));
  }
  // The only lookup of a scenario.
  [[nodiscard]] json look_up(const std::string& scenario, const LookupRequest& request) const {
    const json found = as_json(scenario, {.lookup = request})["lookups"];
    EXPECT_EQ(found.size(), 1U);
    return found[0];
  }

 private:
  std::string folder_;
};

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

TEST_F(Inspect, ShowsOneTranslation) {
  const std::string shown =
      text(std::string(kOpen) + kAttach + memory("m", "2M", "huge") + map("$m", "128K", "0x200000"),
           {.lookup = LookupRequest{.iova = 0x200080}});
  EXPECT_THAT(shown,
              EndsWith("  LEVEL  INDEX      IOVA  WORD                ENTRY               PA  "
                       "ACCESS\n"
                       "  2      0           0x0  0x6000000000000401  table                   "
                       "rw\n"
                       "   1     1      0x200000  0x6000000000000201  table                   "
                       "rw\n"
                       "    0    0      0x200000  0x700000010020fe01  leaf 128K  0x100200000  "
                       "rw FC\n"
                       "  IOVA 0x200080 leads to 0x100200080\n"
                       "\n"
                       "  GET_PA {iova=0x200080, length=0xffffffffffffffff} = 0 "
                       "{length=0x1ff80, out_phys=0x100200080}\n"
                       "  why: the area ends at 0x21ffff\n"));
}

TEST_F(Inspect, ExplainsThatTheLengthWasAskedFor) {
  const json found = look_up(
      std::string(kOpen) + kAttach + memory("m", "2M", "huge") + map("$m", "128K", "0x200000"),
      {.iova = 0x201000, .length = 0x3000});
  EXPECT_EQ(found["reason"], "length-asked");
  EXPECT_EQ(found["length"], 0x3000);
  EXPECT_EQ(found["out_phys"], "0x100201000");
}

TEST_F(Inspect, NamesBothFramesThatAreNotAdjacent) {
  const json found =
      look_up(std::string(kOpen) + kAttach + memory("m", "16K") + map("$m", "16K", "0x1000"),
              {.iova = 0x2004});
  EXPECT_EQ(found["reason"], "not-adjacent");
  EXPECT_EQ(found["length"], 0xffc);
  const auto frame = [](const json& text) {
    return std::stoull(text.get<std::string>(), nullptr, 0);
  };
  EXPECT_EQ(frame(found["last_frame"]) + 4, frame(found["out_phys"]));
  EXPECT_NE(frame(found["last_frame"]) + kPageSize, frame(found["next_frame"]));
  EXPECT_EQ(found["explanation"],
            "the frame at 0x3000 is not adjacent: " + found["last_frame"].get<std::string>() +
                " is followed by " + found["next_frame"].get<std::string>());
}

TEST_F(Inspect, ExplainsThatNoAreaIsThere) {
  const json found =
      look_up(std::string(kOpen) + kAttach + memory("m", "16K") + map("$m", "4K", "0x1000") +
                  map("$m", "4K", "0x8000") + get_pa("0x4000", "ENOENT"),
              {.iova = 0x4000});
  EXPECT_EQ(found["errno"], "ENOENT");
  EXPECT_EQ(found["reason"], "no-area");
  EXPECT_EQ(found["area"], nullptr);
  EXPECT_EQ(found["explanation"],
            "no area holds the IOVA; the one below is 0x1000-0x1fff; the one above is "
            "0x8000-0x8fff");
  EXPECT_EQ(look_up(kOpen, {.iova = 0})["explanation"],
            "no area holds the IOVA; the IOAS is empty");
}

TEST_F(Inspect, ExplainsThatNothingIsAttached) {
  const json found = look_up(std::string(kOpen) + memory("m", "4K") + map("$m", "4K", "0x1000") +
                                 get_pa("0x1000", "EOPNOTSUPP"),
                             {.iova = 0x1000});
  EXPECT_EQ(found["errno"], "EOPNOTSUPP");
  EXPECT_EQ(found["reason"], "no-domain");
  EXPECT_EQ(found["walk"], json::array());
}

TEST_F(Inspect, ExplainsThatThePageTableIsBehindAnIommu) {
  const std::string attach =
      "- {open: /dev/vfio/devices/vfio1, as: other}\n"
      "- {ioctl: VFIO_DEVICE_BIND_IOMMUFD, fd: $other, args: {iommufd: $i}}\n"
      "- {ioctl: VFIO_DEVICE_ATTACH_IOMMUFD_PT, fd: $other, args: {pt_id: 2}}\n";
  const json found = look_up(std::string(kOpen) + attach + memory("m", "4K") +
                                 map("$m", "4K", "0x1000") + get_pa("0x1000", "EOPNOTSUPP"),
                             {.iova = 0x1000});
  EXPECT_EQ(found["errno"], "EOPNOTSUPP");
  EXPECT_EQ(found["reason"], "has-iommu");
  EXPECT_EQ(found["walk"].size(), 3U);
}

TEST_F(Inspect, ExplainsThatADmaBufWasRevoked) {
  const std::string enable_decode = "- {pwrite: {fd: $dev, offset: 0x70000000004, u16: 2}}\n";
  const std::string disable_decode = "- {pwrite: {fd: $dev, offset: 0x70000000004, u16: 0}}\n";
  const std::string map_bar =  // region 0, O_RDWR, one range: 16 KiB from 0
      "- {ioctl: VFIO_DEVICE_FEATURE, fd: $dev, args: {argsz: 40, flags: 0x1000b}, data: "
      "'0000000002000000000000000100000000000000000000000040000000000000', as: buf}\n"
      "- {ioctl: IOMMU_IOAS_MAP_FILE, fd: $i, args: {flags: 7, ioas_id: 2, fd: $buf, start: 4K, "
      "length: 8K, iova: 0x1000}}\n";
  const std::string scenario = std::string(kOpen) + kAttach + enable_decode + map_bar;
  EXPECT_THAT(text(scenario), AllOf(HasSubstr("dma-buf at 0x1000  2 not pinned  HWPT 3\n"),
                                    HasSubstr("0 pages pinned")));
  EXPECT_EQ(look_up(scenario, {.iova = 0x1000})["reason"], "area-ends");
  const std::string revoked = scenario + disable_decode + get_pa("0x1000", "EINVAL");
  EXPECT_THAT(text(revoked), HasSubstr("2 not pinned  HWPT 3   revoked\n"));
  const json found = look_up(revoked, {.iova = 0x1000});
  EXPECT_EQ(found["errno"], "EINVAL");
  EXPECT_EQ(found["reason"], "revoked");
  EXPECT_EQ(found["walk"].back()["kind"], "empty");
}

TEST_F(Inspect, ExplainsWhatIsRefusedWhateverIsMapped) {
  const std::string mapped =
      std::string(kOpen) + kAttach + memory("m", "4K") + map("$m", "4K", "0x1000");
  const json weak =
      look_up(mapped + "- drop_cap: CAP_SYS_RAWIO\n" + get_pa("0x1000", "EPERM"), {.iova = 0x1000});
  EXPECT_EQ(weak["errno"], "EPERM");
  EXPECT_EQ(weak["reason"], "no-capability");
  EXPECT_EQ(weak["walk"].size(), 3U);
  const json nothing =
      look_up(mapped + get_pa("0x1000", "EINVAL", 0), {.iova = 0x1000, .length = 0});
  EXPECT_EQ(nothing["errno"], "EINVAL");
  EXPECT_EQ(nothing["reason"], "no-length");
  const json last =
      look_up(mapped + get_pa("0xffffffffffffffff", "EOVERFLOW"), {.iova = UINT64_MAX});
  EXPECT_EQ(last["errno"], "EOVERFLOW");
  EXPECT_EQ(last["reason"], "last-iova");
}

TEST_F(Inspect, ExplainsThatTheKernelWasBuiltWithoutIt) {
  const std::string scenario =
      "scenario: s\nkernel: {config: {VFIO_NOIOMMU: n}}\nsteps:\n"
      "- {open: /dev/iommu, as: i}\n- {ioctl: IOMMU_IOAS_ALLOC, fd: $i}\n" +
      get_pa("0", "EOPNOTSUPP");
  EXPECT_EQ(look_up(scenario, {.iova = 0})["reason"], "not-built");
}

// Nobody else is there to be in the middle of a map, so this has no scenario.
TEST(InspectReason, AnAreaCanBeBeingSetUp) {
  const Lookup lookup{.area = AreaFacts{}, .answer = Err(ENOENT)};
  EXPECT_EQ(reason_for_refusal(Errno{ENOENT}, true, lookup), Reason::kNotSettled);
}

TEST_F(Inspect, LooksInEveryIoasThatHasTheIovaOrInOne) {
  const std::string scenario = std::string(kOpen) +
                               "- {ioctl: IOMMU_IOAS_ALLOC, fd: $i, expect: {out_ioas_id: 3}}\n"
                               "- {ioctl: IOMMU_IOAS_ALLOC, fd: $i, expect: {out_ioas_id: 4}}\n" +
                               memory("m", "8K") + map("$m", "4K", "0x1000") +
                               map("$m", "8K", "0x1000", "4");
  const auto looked_in = [&](const LookupRequest& request) {
    std::vector<int> ids;
    const json found = as_json(scenario, {.lookup = request});
    for (const json& lookup : found["lookups"]) ids.push_back(lookup["ioas"]);
    return ids;
  };
  EXPECT_THAT(looked_in({.iova = 0x1000}), ElementsAre(2, 4));
  EXPECT_THAT(looked_in({.iova = 0x2000}), ElementsAre(4));
  EXPECT_THAT(looked_in({.iova = 0x9000}), ElementsAre(2, 3, 4));
  EXPECT_THAT(looked_in({.iova = 0x1000, .ioas = 3}), ElementsAre(3));

  const Shown none = run({.scenario = file(scenario), .lookup = LookupRequest{.ioas = 1}});
  EXPECT_EQ(none.exit_code, kBadInput);
  EXPECT_EQ(none.out, "");
  EXPECT_THAT(none.err, EndsWith("s.yaml:1: s has no IOAS 1 after step 9\n"));
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
      {.scenario = file("scenario: old\nkernel: {revision: v4}\nsteps:\n- open: /dev/iommu\n")});
  EXPECT_EQ(shown.exit_code, kBadInput);
  EXPECT_THAT(shown.err, HasSubstr("s.yaml:1: old cannot run: the model has only the mainline"));
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
