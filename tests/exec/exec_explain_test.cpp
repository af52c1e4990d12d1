// What `noiommu exec --explain` says of calls that fail: tests/programs/failing_calls.c makes them.
#include <gmock/gmock.h>

#include <map>
#include <ostream>
#include <sstream>
#include <string>
#include <vector>

#include "tests/exec/exec_test.h"

namespace noiommu::scenarios {
namespace {

using testing::HasSubstr;
using testing::Not;

struct Said {
  std::string call;
  std::string rules;  // each with a newline
};

// By the names that the program gives its calls.
std::map<std::string, Said> read(const std::string& text) {
  std::map<std::string, Said> all;
  std::istringstream lines(text);
  std::string name = "(nothing named)";
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("### ")) {
      name = line.substr(4);
      all[name];
    } else if (line.find(" = -1 ") != std::string::npos) {
      // A call that prepares the next one has to succeed, or else to be explained like any other.
      if (!all[name].call.empty()) name += ", then";
      all[name].call = line;
    } else if (line.starts_with("  ")) {
      all[name].rules += line + "\n";
    }
  }
  return all;
}

struct Topic {
  std::string name;
  std::string options;
  // What is said of some of its calls; of the others only that it is something.
  std::map<std::string, std::string> rules;

  friend void PrintTo(const Topic& topic, std::ostream* out) { *out << topic.name; }
};

class Explain : public Exec, public testing::WithParamInterface<Topic> {};

constexpr const char* kTwo = "--device 0000:00:04.0 --device 0000:00:05.0";

TEST_P(Explain, NamesTheRule) {
  const Topic& topic = GetParam();
  const Answer answer =
      exec(NOIOMMU_PROGRAMS "/failing_calls " + topic.name, topic.options + " --explain");
  ASSERT_EQ(answer.code, 0) << answer.err;
  const auto said = read(answer.err);
  for (const auto& [name, one] : said) {
    EXPECT_FALSE(one.call.empty()) << name << " did not fail";
    EXPECT_FALSE(one.rules.empty()) << name << ": " << one.call;
  }
  for (const auto& [name, rule] : topic.rules) {
    ASSERT_TRUE(said.contains(name)) << name;
    EXPECT_THAT(said.at(name).rules, HasSubstr(": " + rule)) << name;
  }
}

constexpr const char* kUnbound = "the device file is not bound to an iommufd yet";
constexpr const char* kNoBackend = "the container has no backend: VFIO_SET_IOMMU comes first (";
constexpr const char* kWrongFile = "the command is for another kind of file";
constexpr const char* kFewer = "the device has fewer interrupts of that index";
constexpr const char* kWholePages = "length and addresses are whole pages of 4 KiB";
constexpr const char* kMemlock = "pinning exceeds RLIMIT_MEMLOCK";
constexpr const char* kSoftware = "the page table was made for a device without an IOMMU";

const std::vector<Topic> kTopics = {
    {"wrong_files",
     kTwo,
     {{"attach on an iommufd", kWrongFile},
      {"bind on an iommufd", kWrongFile},
      {"no command of an iommufd", "this kernel has no such command"},
      {"map on an unbound device", kUnbound},
      {"info of an unbound device", kUnbound},
      {"read of an unbound device", kUnbound},
      {"mmap of an unbound device", kUnbound},
      {"destroy on a device", kWrongFile},
      {"set container on a container", kNoBackend},
      {"status on a container", kNoBackend},
      {"bind on a container", kNoBackend},
      {"alloc on a container", kNoBackend},
      {"map_dma without a backend", kNoBackend},
      {"unmap_dma without a backend", kNoBackend},
      {"get_info without a backend", kNoBackend},
      {"dirty_pages without a backend", kNoBackend},
      {"set_iommu without a group", "no group is attached (vfio-core.md 6.1)\n"}}},
    {"binding",
     kTwo,
     {{"bind: token nowhere", "the token cannot be read (vfio-core.md 8)\n"},
      {"bind: token", "a plain PCI function takes no token"},
      {"bind: untold", "out_devid cannot be written"},
      {"bind: again", "this file is bound already"},
      {"bind: again with token", "this file is bound already"},
      {"bind: open elsewhere", "the device is open through another file"}}},
    {"attaching",
     kTwo,
     {{"attach: pasid", "no PASID of a device without an IOMMU can be attached"},
      {"attach: pasid 0 to a device", "pt_id is an object, but neither an IOAS nor a page table"},
      {"attach: untold", "pt_id cannot be written; the device is detached"},
      {"attach: memory gone", "memory that is mapped in the IOAS is not there"},
      {"attach: no memfd", "something in the IOAS cannot be pinned"},
      {"hwpt: no memfd", "something in the IOAS cannot be pinned"},
      {"attach: pasid 0 besides", "the device is attached already, without the PASID flag"},
      {"attach: besides pasid 0", "the device is attached already, with the PASID flag"},
      {"attach: memlock", kMemlock},
      {"detach: flags", "flags other than PASID"},
      {"detach: short with pasid", "with PASID argsz is 12 at least"}}},
    {"objects",
     kTwo,
     {{"ioas: untold", "the structure cannot be written; the IOAS has been taken back (iommufd.md"},
      {"fault: read", "a read is of whole faults"},
      {"fault: pread", "the file has no offsets"},
      {"fault: write", "no fault waits for an answer"},
      {"fault: mmap", "the file of a fault queue cannot be mapped"},
      {"fault: descriptors", "the process has no descriptor left"},
      {"open: descriptors", "the process has no descriptor left"},
      {"hwpt: reserved", "the reserved field is not 0"},
      {"hwpt: fault", "there is no fault queue of that id"},
      {"hwpt: untold", "the structure cannot be written; the page table has been taken back"},
      {"tracking: flags", "flags has a bit that means nothing"},
      {"tracking: hwpt", "there is no page table of that id"},
      {"bitmap: hwpt", "there is no page table of that id"},
      {"bitmap: length", "the length is 0"},
      {"bitmap: wraps", "iova + length wraps"},
      {"bitmap", "without an IOMMU nothing tracks what is written"},
      {"invalidate: no data", "entries come with data_uptr and entry_len"},
      {"invalidate", "only nested page tables are invalidated"},
      {"viommu: size", "size is below that of the structure"},
      {"viommu: type", "type is 0"},
      {"viommu", "the device has no IOMMU"},
      {"vdevice", "there is no vIOMMU of that id"},
      {"veventq: depth", "veventq_depth is 0"},
      {"hw queue: wraps", "nesting_parent_iova + length wraps"}}},
    {"settings",
     kTwo,
     {{"ranges: nowhere", "the array of ranges, or the structure, cannot be written (iommufd.md"},
      {"allow: nowhere", "the array of ranges cannot be read (iommufd.md"},
      {"option: object", "RLIMIT_MODE is of the whole iommufd"},
      {"option: op", "there is no such operation"},
      {"option: attached", "huge pages are not turned off while"}}},
    {"mapping",
     kTwo,
     {{"map: untold, unattached", "the structure cannot be written; the mapping stays (iommufd.md"},
      {"map: untold", "the structure cannot be written; the mapping stays (iommufd.md"},
      {"map: small pages", kWholePages},
      {"map: odd length", kWholePages},
      {"map: no memory", "part of the memory is not there"},
      {"map: two pieces at the end", "what ends at 2^64-1 and lies in several pieces"},
      {"map: memlock", kMemlock},
      {"unmap: nothing", "nothing is mapped there"},
      {"unmap: partly", "a mapping lies only partly in the range"},
      {"unmap: ioas", "the iommufd has no IOAS of that id"},
      {"pa: unattached", "no device is attached to the IOAS"},
      {"pa: no length", "the length is 0"},
      {"pa: nothing", "nothing is mapped at that iova"},
      {"file: no memfd", "the range ends beyond the file, or the file is no memfd"},
      {"file: odd start", kWholePages},
      {"copy: no source", "the iommufd has no source IOAS"},
      {"copy: gap", "the source is not mapped without gaps"},
      {"copy: no destination", "the iommufd has no destination IOAS"},
      {"copy: not writeable", "a copy is WRITEABLE only where its source is"},
      {"copy: no memory", "part of the memory is not there"},
      {"copy: memlock", kMemlock}}},
    {"compat",
     kTwo,
     {{"set_iommu 8", "an iommufd takes only type 1 and 1v2"},
      {"set_iommu 1, attached", "type 1 turns huge pages off"},
      {"map_dma: exists", "something is mapped in that range already"},
      {"map_dma: no size", "the length is 0"},
      {"map_dma: wraps", "iova + length wraps"},
      {"map_dma: no memory", "part of the memory is not there"},
      {"map_dma: odd", kWholePages},
      {"map_dma: neither", "flags names neither READ nor WRITE, and a device is attached"},
      {"unmap_dma: wraps", "iova + size wraps"},
      {"unmap_dma: odd cut", "type 1 cuts a mapping only between whole pages"}}},
    {"features",
     kTwo,
     {{"low power: got", "the feature has no such act"},
      {"low power: twice", "the device is in low power already"},
      {"wakeup: closed", "the descriptor of the wakeup eventfd is not open"},
      {"wakeup: negative", "the descriptor of the wakeup eventfd is negative"},
      {"wakeup: no eventfd", "the wakeup descriptor is no eventfd"},
      {"dma-buf: no ranges", "nr_ranges is 0"},
      {"dma-buf: odd", "a range of the dma-buf is not one or more whole pages"},
      {"dma-buf: beyond", "a range of the dma-buf ends beyond the BAR"},
      {"dma-buf: read", "a dma-buf is neither read nor written"},
      {"dma-buf: mmap", "its exporter lets nobody map it"},
      {"dma-buf: revoked", "the mapping is of a dma-buf that was revoked"},
      {"dma-buf: map revoked", "the dma-buf is revoked"}}},
    {"interrupts",
     kTwo,
     {{"irqs: four MSI", kFewer},
      {"irqs: two MSI, no type", kFewer},
      {"irqs: two MSI, short data", kFewer},
      {"irqs: MSI-X", kFewer},
      {"irqs: short data", "argsz is too small for the data"},
      {"irqs: mask MSI", "ACTION_MASK and ACTION_UNMASK exist for INTx alone"},
      {"irqs: no eventfd", "a descriptor in the data is no eventfd"},
      {"irqs: not enabled", "interrupts of that index are not enabled"},
      {"irqs: mask, not enabled", "interrupts of that index are not enabled"},
      {"irqs: no INTx", "INTx wants count 1"},
      {"irqs: mask by eventfd", "an eventfd can unmask INTx, but not mask it"},
      {"irqs: MSI besides INTx", "another kind of interrupt is enabled"},
      {"irqs: ERR unset", "no eventfd is set for that interrupt"},
      {"irqs: ERR negative", "the descriptor is negative"},
      {"irqs: no REQ", "for ERR and REQ, DATA_BOOL and DATA_EVENTFD want count 1"}}},
    {"accesses",
     kTwo,
     {{"hot reset: flags", "flags is not 0"},
      {"hot reset: count", "count is 0 for a file of the device's own node"},
      {"no command of a device", "this kind of file has no such command"},
      {"read: no region", "the offset belongs to no region"},
      {"read: negative", "the offset is negative"},
      {"read: beyond config", "configuration space ends before that"},
      {"read: config to nowhere", "the buffer cannot be read or written"},
      {"read: BAR to nowhere", "the buffer cannot be read or written"},
      {"write: from nowhere", "the buffer cannot be read or written"},
      {"readv: no region", "the offset belongs to no region"},
      {"seek", "the file has no position"},
      {"truncate", "only a regular file has a size"},
      {"sync", "the file has nothing to be written back"},
      {"send", "the file is no end of a pipe"},
      {"readv: flags", "the file knows none of the flags"},
      {"write: opened for reading", "the descriptor was opened for reading only"},
      {"mmap: opened for reading", "the descriptor was not opened for reading, or not for writing"},
      {"mmap: no length", "the length is 0"},
      {"read: no decoding", "memory decoding is off"}}},
    {"groups",
     kTwo,
     {{"fd: no container", "the group has no container"},
      {"fd: blank, no container", "the group has no container"},
      {"fd: token", "what follows the device's name is no vf_token"},
      {"fd: no backend", "the native container has no backend"},
      {"fd: with an IOAS", "the iommufd has a compatibility IOAS"},
      {"set: again", "the group has a container or an iommufd already"},
      {"set: weak", "the process lacks CAP_SYS_RAWIO"},
      {"set: with an IOAS", "the iommufd is for the other kind"},
      {"set_iommu: 1", "a container of groups without an IOMMU takes only VFIO_NOIOMMU_IOMMU"},
      {"set_iommu: off", "enable_unsafe_noiommu_mode is off now"},
      {"set_iommu: again", "the container has its backend already"},
      {"set_iommu: 1 in no-IOMMU mode", "an iommufd in no-IOMMU mode takes only"},
      {"map_dma", "the container's backend is the one without an IOMMU"},
      {"bind: of a group with token", "a device file from VFIO_GROUP_GET_DEVICE_FD has"},
      {"hot reset: of a group", "count is 0 for a file of the device's own node"}}},
    {"type1",
     "--device 0000:00:04.0,iommu=present --device 0000:00:05.0",
     {{"set_iommu: 8", "a container of groups behind an IOMMU never takes VFIO_NOIOMMU_IOMMU"},
      {"set_iommu: 2", "no backend takes that type"},
      {"map_dma: neither", "flags names neither READ nor WRITE"},
      {"map_dma: odd", "size and addresses are whole pages"},
      {"map_dma: exists", "something is mapped in that range already"},
      {"map_dma: no memory", "part of the memory is not there"},
      {"map_dma: wraps", "iova + size or vaddr + size wraps"},
      {"map_dma: memlock", kMemlock},
      {"mixed", "one container does not take groups with and without an IOMMU"},
      {"unmap_dma: cut", "the range would cut a mapping in two"},
      {"unmap_dma: wraps", "iova + size wraps"},
      {"get_info: short", "argsz is below 16"},
      {"fd: IOAS lost", "the iommufd has lost its compatibility IOAS"},
      {"attach: software table", kSoftware},
      {"replace: software table", kSoftware}}},
    {"attributes",
     kTwo,
     {{"bind: off", "the device has no IOMMU: vfio-pci takes it only while"},
      {"bind: no device", "there is no such device, or its driver_override is not vfio-pci"},
      {"unbind: unbound", "there is no such device, or it is not bound to this driver"},
      {"parameter", "the text is no value of the attribute"},
      {"type", "the group has no default domain"},
      {"type: weak", "the process lacks CAP_SYS_ADMIN or CAP_SYS_RAWIO"}}},
    {"not_built",
     "--revision v5 --config IOMMUFD_NOIOMMU=n",
     {{"bind", "the device has no IOMMU, and iommufd was built without IOMMUFD_NOIOMMU"},
      {"fd", "this revision binds the device to the iommufd"},
      {"pa", "the kernel was built without IOMMUFD_NOIOMMU"}}},
};

INSTANTIATE_TEST_SUITE_P(All, Explain, testing::ValuesIn(kTopics),
                         [](const auto& topic) { return topic.param.name; });

// v6 takes a length of 0 for all that there is.
TEST_F(Exec, ExplainsNoLengthOnlyWhereItIsRefused) {
  const Answer answer = exec(NOIOMMU_PROGRAMS "/failing_calls mapping",
                             std::string(kTwo) + " --revision v6 --explain");
  EXPECT_THAT(read(answer.err)["pa: no length"].call, Not(HasSubstr("GET_PA")));
}

}  // namespace
}  // namespace noiommu::scenarios
