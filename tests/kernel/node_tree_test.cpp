#include "model/kernel/node_tree.h"

#include <gmock/gmock.h>

#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "tests/kernel/flat_memory.h"
#include "tests/support/result.h"

namespace noiommu {
namespace {

using testing::ElementsAre;
using tests::errno_of;
using Type = NodeStat::Type;

constexpr UserPtr kBuffer = tests::OneProcess::kBuffer;

NodeTree::Opener plain_file() {
  return [](Process&, int) -> Result<FileRef> { return std::make_shared<File>(); };
}
Attribute constant(std::string text) {
  return {.show = [text = std::move(text)] { return text; }, .store = {}};
}
Credentials user(std::initializer_list<int> capabilities = {}) {
  Credentials who{.uid = 1000, .effective = {}};
  for (const int capability : capabilities) who.effective.set(static_cast<size_t>(capability));
  return who;
}

class NodeTreeTest : public testing::Test {
 protected:
  int open(std::string_view path, int flags = O_RDONLY) {
    return errno_of(bench_.process->open(path, flags));
  }
  int open_as(const Credentials& who, std::string_view path, int flags) {
    return errno_of(bench_.spawn(who)->open(path, flags));
  }
  std::vector<std::string> list(std::string_view path) {
    return nodes_.list(path).value_or(std::vector<std::string>{"absent"});
  }
  int store(std::string_view path, std::string_view text) {
    bench_.put(text);
    return errno_of(
        bench_.process->write(*bench_.process->open(path, O_WRONLY), kBuffer, text.size()));
  }

  tests::OneProcess bench_;
  NodeTree& nodes_ = bench_.kernel.nodes();
};

TEST_F(NodeTreeTest, AddingMakesTheParents) {
  nodes_.add_attribute("/sys/module/vfio/parameters/p", 0644, constant("Y\n"));
  EXPECT_THAT(list("/sys/module"), ElementsAre("vfio"));
  EXPECT_EQ(nodes_.stat("/sys/module/vfio/parameters")->type, Type::kDirectory);
  EXPECT_EQ(nodes_.stat("/sys/module/vfio/parameters")->mode, 0755U);
  EXPECT_EQ(nodes_.stat("/sys/module/vfio/parameters/p")->type, Type::kFile);
  EXPECT_EQ(nodes_.stat("/sys/module/vfio/parameters/p")->mode, 0644U);
}

TEST_F(NodeTreeTest, ListIsSorted) {
  for (const char* name : {"/d/b", "/d/10", "/d/a", "/d/9"}) nodes_.add_directory(name);
  EXPECT_THAT(list("/d"), ElementsAre("10", "9", "a", "b"));
}

TEST_F(NodeTreeTest, ParentsOfDevicesVanishWithTheLastNode) {
  nodes_.add_device("/dev/vfio/devices/vfio0", 0600, plain_file());
  nodes_.add_device("/dev/vfio/devices/vfio1", 0600, plain_file());
  nodes_.remove("/dev/vfio/devices/vfio0");
  EXPECT_THAT(list("/dev/vfio/devices"), ElementsAre("vfio1"));
  nodes_.remove("/dev/vfio/devices/vfio1");
  EXPECT_EQ(errno_of(nodes_.stat("/dev/vfio")), ENOENT);
  EXPECT_THAT(list("/dev"), ElementsAre("null"));
}

TEST_F(NodeTreeTest, ParentsOfDevicesStayForASibling) {
  nodes_.add_device("/dev/vfio/vfio", 0666, plain_file());
  nodes_.add_device("/dev/vfio/devices/vfio0", 0600, plain_file());
  nodes_.remove("/dev/vfio/devices/vfio0");
  EXPECT_THAT(list("/dev/vfio"), ElementsAre("vfio"));
}

TEST_F(NodeTreeTest, DirectoriesAddedByNameStay) {
  nodes_.add_directory("/sys/class/vfio");
  nodes_.add_attribute("/sys/class/vfio/a", 0444, constant(""));
  nodes_.remove("/sys/class/vfio/a");
  EXPECT_THAT(list("/sys/class/vfio"), ElementsAre());
}

TEST_F(NodeTreeTest, ADirectoryAddedByNameStaysEvenIfADeviceMadeItFirst) {
  nodes_.add_device("/dev/vfio/vfio", 0666, plain_file());
  nodes_.add_directory("/dev/vfio");
  nodes_.remove("/dev/vfio/vfio");
  EXPECT_THAT(list("/dev/vfio"), ElementsAre());
}

TEST_F(NodeTreeTest, RemoveTakesTheWholeSubtree) {
  nodes_.add_attribute("/sys/devices/d/vfio-dev/vfio0/dev", 0444, constant("1:2\n"));
  nodes_.add_attribute("/sys/devices/d/vendor", 0444, constant("0x1234\n"));
  nodes_.remove("/sys/devices/d/vfio-dev");
  EXPECT_THAT(list("/sys/devices/d"), ElementsAre("vendor"));
  EXPECT_EQ(open("/sys/devices/d/vfio-dev/vfio0/dev"), ENOENT);
}

TEST_F(NodeTreeTest, RemoveOfWhatIsNotThereDoesNothing) {
  nodes_.remove("/dev/nul");
  nodes_.remove("/dev/null/below");
  nodes_.remove("/absent/below");
  nodes_.remove("/");
  EXPECT_THAT(list("/dev"), ElementsAre("null"));
}

TEST_F(NodeTreeTest, AnOpenFileOutlivesItsNode) {
  nodes_.add_attribute("/sys/a", 0444, constant("text"));
  const int fd = *bench_.process->open("/sys/a", O_RDONLY);
  nodes_.remove("/sys/a");
  EXPECT_EQ(bench_.process->read(fd, kBuffer, 100), 4U);
  EXPECT_EQ(open("/sys/a"), ENOENT);
}

// What a node keeps alive may itself be something that leaves the tree when it goes.
TEST_F(NodeTreeTest, WhatARemovedNodeHeldMayChangeTheTree) {
  struct Leaves : Unmovable {
    explicit Leaves(NodeTree& its_nodes) : nodes(its_nodes) {}
    ~Leaves() { nodes.remove("/sys/other"); }
    NodeTree& nodes;
  };
  nodes_.add_directory("/sys/other");
  nodes_.add_attribute(
      "/sys/dir/a", 0444,
      {.show = [held = std::make_shared<Leaves>(nodes_)] { return std::string(); }, .store = {}});
  nodes_.remove("/sys/dir");
  EXPECT_THAT(list("/sys"), ElementsAre());
}

TEST_F(NodeTreeTest, RelativeLinksStartAtTheirOwnDirectory) {
  nodes_.add_attribute("/sys/devices/d/vendor", 0444, constant("0x1234\n"));
  nodes_.add_link("/sys/bus/pci/devices/d", "../../../devices/d");
  EXPECT_EQ(nodes_.stat("/sys/bus/pci/devices/d")->type, Type::kDirectory);
  EXPECT_EQ(nodes_.stat("/sys/bus/pci/devices/d/vendor")->type, Type::kFile);
  EXPECT_THAT(list("/sys/bus/pci/devices/d"), ElementsAre("vendor"));
  EXPECT_EQ(nodes_.readlink("/sys/bus/pci/devices/d"), "../../../devices/d");
}

TEST_F(NodeTreeTest, ALinkReachedThroughALinkStartsWhereItReallyLies) {
  nodes_.add_directory("/real/deep/target");
  nodes_.add_link("/real/deep/inner", "./target");
  nodes_.add_link("/short", "real/deep");
  EXPECT_EQ(nodes_.stat("/short/inner")->type, Type::kDirectory);
}

TEST_F(NodeTreeTest, AbsoluteLinksStartAtTheRoot) {
  nodes_.add_directory("/a/b");
  nodes_.add_link("/x/y/link", "/a");
  EXPECT_THAT(list("/x/y/link"), ElementsAre("b"));
}

TEST_F(NodeTreeTest, DotDotStopsAtTheRoot) {
  nodes_.add_directory("/a/b");
  nodes_.add_link("/link", "../../../a");
  EXPECT_THAT(list("/link"), ElementsAre("b"));
}

TEST_F(NodeTreeTest, LinksInACircleAreELOOP) {
  nodes_.add_link("/a", "b");
  nodes_.add_link("/b", "/a");
  nodes_.add_link("/self", "self");
  EXPECT_EQ(open("/a"), ELOOP);
  EXPECT_EQ(errno_of(nodes_.stat("/self")), ELOOP);
  EXPECT_EQ(errno_of(nodes_.list("/a/below")), ELOOP);
  EXPECT_EQ(nodes_.readlink("/a"), "b");
  EXPECT_EQ(nodes_.lstat("/a")->type, Type::kLink);
}

TEST_F(NodeTreeTest, FortyLinksAreFollowedAndNoMore) {
  nodes_.add_directory("/link0");
  for (int i = 1; i <= 41; ++i) {
    nodes_.add_link("/link" + std::to_string(i), "link" + std::to_string(i - 1));
  }
  EXPECT_EQ(errno_of(nodes_.stat("/link40")), 0);
  EXPECT_EQ(errno_of(nodes_.stat("/link41")), ELOOP);
}

TEST_F(NodeTreeTest, ADanglingLinkIsENOENTButReadable) {
  nodes_.add_link("/d/link", "gone");
  EXPECT_EQ(open("/d/link"), ENOENT);
  EXPECT_EQ(errno_of(nodes_.stat("/d/link")), ENOENT);
  EXPECT_EQ(nodes_.readlink("/d/link"), "gone");
  EXPECT_EQ(nodes_.lstat("/d/link")->type, Type::kLink);
}

TEST_F(NodeTreeTest, AbsentNamesAreENOENT) {
  EXPECT_EQ(open("/nothing"), ENOENT);
  EXPECT_EQ(open("/nothing/below"), ENOENT);
  EXPECT_EQ(open(""), ENOENT);
  EXPECT_EQ(errno_of(nodes_.list("/dev/nothing")), ENOENT);
  EXPECT_EQ(errno_of(nodes_.readlink("/dev/nothing")), ENOENT);
  EXPECT_EQ(errno_of(nodes_.lstat("/dev/nothing")), ENOENT);
}

TEST_F(NodeTreeTest, APathThroughAFileIsENOTDIR) {
  nodes_.add_attribute("/sys/a", 0444, constant(""));
  EXPECT_EQ(open("/dev/null/below"), ENOTDIR);
  EXPECT_EQ(open("/sys/a/below"), ENOTDIR);
  EXPECT_EQ(errno_of(nodes_.stat("/sys/a/below")), ENOTDIR);
  EXPECT_EQ(errno_of(nodes_.list("/sys/a")), ENOTDIR);
}

TEST_F(NodeTreeTest, ReadlinkOfWhatIsNoLinkIsEINVAL) {
  EXPECT_EQ(errno_of(nodes_.readlink("/dev/null")), EINVAL);
  EXPECT_EQ(errno_of(nodes_.readlink("/dev")), EINVAL);
}

TEST_F(NodeTreeTest, DirectoriesOpenForReadingButReadIsEISDIR) {
  EXPECT_EQ(open("/dev", O_RDWR), EISDIR);
  EXPECT_EQ(open("/dev", O_WRONLY), EISDIR);
  EXPECT_EQ(open_as(user(), "/dev", O_WRONLY), EISDIR);
  const int fd = *bench_.process->open("/dev", O_RDONLY);
  EXPECT_EQ(errno_of(bench_.process->read(fd, kBuffer, 1)), EISDIR);
  EXPECT_EQ(errno_of(bench_.process->write(fd, kBuffer, 1)), EBADF);
}

TEST_F(NodeTreeTest, RootsNodesAreClosedToUsers) {
  nodes_.add_device("/dev/group", 0600, plain_file());
  EXPECT_EQ(open_as(user(), "/dev/group", O_RDONLY), EACCES);
  EXPECT_EQ(open_as(user(), "/dev/group", O_RDWR), EACCES);
  EXPECT_EQ(open_as(user({CAP_DAC_OVERRIDE}), "/dev/group", O_RDWR), 0);
  EXPECT_EQ(open_as(user({CAP_DAC_READ_SEARCH}), "/dev/group", O_RDONLY), 0);
  EXPECT_EQ(open_as(user({CAP_DAC_READ_SEARCH}), "/dev/group", O_WRONLY), EACCES);
  EXPECT_EQ(open_as(user({CAP_DAC_READ_SEARCH}), "/dev/group", O_RDWR), EACCES);
}

TEST_F(NodeTreeTest, TheModeForOthersCountsForUsers) {
  nodes_.add_device("/dev/container", 0666, plain_file());
  nodes_.add_attribute("/sys/parameter", 0644,
                       {.show = [] { return std::string("N\n"); },
                        .store = [](Process&, auto) { return Status(); }});
  EXPECT_EQ(open_as(user(), "/dev/container", O_RDWR), 0);
  EXPECT_EQ(open_as(user(), "/sys/parameter", O_RDONLY), 0);
  EXPECT_EQ(open_as(user(), "/sys/parameter", O_WRONLY), EACCES);
  EXPECT_EQ(open_as(user(), "/sys/parameter", O_RDWR), EACCES);
  EXPECT_EQ(open_as(user({CAP_DAC_OVERRIDE}), "/sys/parameter", O_RDWR), 0);
}

TEST_F(NodeTreeTest, ReadSearchDoesNotHelpToReadAndWrite) {
  nodes_.add_device("/dev/write-only", 0222, plain_file());
  EXPECT_EQ(open_as(user({CAP_DAC_READ_SEARCH}), "/dev/write-only", O_RDONLY), 0);
  EXPECT_EQ(open_as(user({CAP_DAC_READ_SEARCH}), "/dev/write-only", O_RDWR), EACCES);
}

TEST_F(NodeTreeTest, RootWithoutCapabilitiesStillOwnsTheNodes) {
  const Credentials bare_root{.uid = 0, .effective = {}};
  nodes_.add_device("/dev/group", 0600, plain_file());
  nodes_.add_device("/dev/closed", 0000, plain_file());
  EXPECT_EQ(open_as(bare_root, "/dev/group", O_RDWR), 0);
  EXPECT_EQ(open_as(bare_root, "/dev/closed", O_RDONLY), EACCES);
  EXPECT_EQ(open("/dev/closed", O_RDWR), 0);
}

TEST_F(NodeTreeTest, EvenRootOpensNoDirectionThatAnAttributeLacks) {
  nodes_.add_attribute("/sys/show", 0444, constant("x"));
  nodes_.add_attribute("/sys/show-0644", 0644, constant("x"));
  nodes_.add_attribute("/sys/store", 0200,
                       {.show = {}, .store = [](Process&, auto) { return Status(); }});
  EXPECT_EQ(open("/sys/show", O_WRONLY), EACCES);
  EXPECT_EQ(open("/sys/show", O_RDWR), EACCES);
  EXPECT_EQ(open("/sys/show-0644", O_WRONLY), EACCES);
  EXPECT_EQ(open("/sys/store", O_RDONLY), EACCES);
  EXPECT_EQ(open("/sys/store", O_WRONLY), 0);
}

TEST_F(NodeTreeTest, TheOpenerDecidesAndSeesTheFlags) {
  int seen = 0;
  nodes_.add_device("/dev/d", 0666, [&seen](Process&, int flags) -> Result<FileRef> {
    seen = flags;
    return Err(EPERM);
  });
  EXPECT_EQ(open("/dev/d", O_RDWR | O_CLOEXEC), EPERM);
  EXPECT_EQ(seen, O_RDWR | O_CLOEXEC);
}

TEST_F(NodeTreeTest, ReadGoesOnWhereItStopped) {
  nodes_.add_attribute("/sys/a", 0444, constant("hello\n"));
  const int fd = *bench_.process->open("/sys/a", O_RDONLY);
  EXPECT_EQ(bench_.process->read(fd, kBuffer, 4), 4U);
  EXPECT_EQ(bench_.get(4), "hell");
  EXPECT_EQ(bench_.process->read(fd, kBuffer, 4), 2U);
  EXPECT_EQ(bench_.get(2), "o\n");
  EXPECT_EQ(bench_.process->read(fd, kBuffer, 4), 0U);
}

TEST_F(NodeTreeTest, PreadReadsAtAnyOffset) {
  nodes_.add_attribute("/sys/a", 0444, constant("hello\n"));
  const int fd = *bench_.process->open("/sys/a", O_RDONLY);
  EXPECT_EQ(bench_.process->pread(fd, kBuffer, 3, 1), 3U);
  EXPECT_EQ(bench_.get(3), "ell");
  EXPECT_EQ(bench_.process->pread(fd, kBuffer, 3, 6), 0U);
  EXPECT_EQ(bench_.process->pread(fd, kBuffer, 3, INT64_MAX), 0U);
  EXPECT_EQ(bench_.process->pread(fd, kBuffer, 0, 0), 0U);
}

TEST_F(NodeTreeTest, ABadPointerIsEFAULTAndMovesNothing) {
  nodes_.add_attribute("/sys/a", 0444, constant("hello\n"));
  const int fd = *bench_.process->open("/sys/a", O_RDONLY);
  EXPECT_EQ(errno_of(bench_.process->read(fd, UserPtr{0}, 6)), EFAULT);
  EXPECT_EQ(errno_of(bench_.process->read(fd, tests::FlatMemory::kEnd - 3, 6)), EFAULT);
  EXPECT_EQ(bench_.process->read(fd, kBuffer, 6), 6U);
}

TEST_F(NodeTreeTest, StoreAnswersItsErrnoAndGetsTheText) {
  std::string got;
  nodes_.add_attribute("/sys/p", 0200,
                       {.show = {}, .store = [&got](Process&, std::string_view text) -> Status {
                          got = text;
                          if (text == "bad") return Err(EINVAL);
                          return {};
                        }});
  EXPECT_EQ(store("/sys/p", "good\n"), 0);
  EXPECT_EQ(got, "good\n");
  EXPECT_EQ(store("/sys/p", "bad"), EINVAL);
  const int fd = *bench_.process->open("/sys/p", O_WRONLY);
  EXPECT_EQ(errno_of(bench_.process->write(fd, UserPtr{0}, 3)), EFAULT);
  EXPECT_EQ(got, "bad");
}

TEST_F(NodeTreeTest, AStoreTakesAtMostAPageAndNothingAtAllDoesNotReachIt) {
  int stores = 0;
  size_t longest = 0;
  nodes_.add_attribute("/sys/p", 0200,
                       {.show = {}, .store = [&](Process&, std::string_view text) -> Status {
                          ++stores;
                          longest = std::max(longest, text.size());
                          return {};
                        }});
  const int fd = *bench_.process->open("/sys/p", O_WRONLY);
  EXPECT_EQ(bench_.process->write(fd, kBuffer, 0), 0U);
  EXPECT_EQ(stores, 0);
  EXPECT_EQ(bench_.process->write(fd, kBuffer, 2 * kPageSize), kPageSize);
  EXPECT_EQ(stores, 1);
  EXPECT_EQ(longest, kPageSize);
}

TEST_F(NodeTreeTest, AStoreMayRemoveItsOwnNode) {
  nodes_.add_attribute("/sys/driver/unbind", 0200, {.show = {}, .store = [this](Process&, auto) {
                                                      nodes_.remove("/sys/driver");
                                                      nodes_.add_directory("/sys/after");
                                                      return Status();
                                                    }});
  EXPECT_EQ(store("/sys/driver/unbind", "d"), 0);
  EXPECT_THAT(list("/sys"), ElementsAre("after"));
}

TEST_F(NodeTreeTest, AnOpenerMayRemoveItsOwnNode) {
  nodes_.add_device("/dev/once", 0666, [this](Process&, int) -> Result<FileRef> {
    nodes_.remove("/dev/once");
    return std::make_shared<File>();
  });
  EXPECT_EQ(open("/dev/once"), 0);
  EXPECT_EQ(open("/dev/once"), ENOENT);
}

TEST_F(NodeTreeTest, ThreadsMayLookWhileOthersChange) {
  nodes_.add_link("/sys/link", "/dev/vfio/devices");
  std::thread changing([this] {
    for (int i = 0; i < 2000; ++i) {
      nodes_.add_device("/dev/vfio/devices/vfio0", 0600, plain_file());
      nodes_.remove("/dev/vfio/devices/vfio0");
    }
  });
  for (int i = 0; i < 2000; ++i) {
    const int done = open("/sys/link/vfio0");
    EXPECT_TRUE(done == 0 || done == ENOENT || done == EMFILE) << done;
    static_cast<void>(bench_.process->close(3));
    if (const auto names = nodes_.list("/sys/link")) {
      EXPECT_LE(names->size(), 1U);
    }
  }
  changing.join();
  EXPECT_THAT(list("/dev"), ElementsAre("null"));
}

}  // namespace
}  // namespace noiommu
