// `noiommu inspect --iova`: one translation, and why GET_PA answers so.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/scenarios/inspect_test.h"

namespace noiommu::scenarios {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;

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

}  // namespace
}  // namespace noiommu::scenarios
