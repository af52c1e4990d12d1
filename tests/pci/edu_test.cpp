// The edu registers behind BAR0.
#include "model/pci/edu.h"

#include <gmock/gmock.h>

#include <array>

#include "tests/pci/edu_bench.h"

namespace noiommu::pci {
namespace {

TEST(Edu, IdentifiesItself) {
  EduBench bench;
  EXPECT_EQ(bench.load32(0), 0x010000edU);
  bench.store32(0, 7);
  EXPECT_EQ(bench.load32(0), 0x010000edU);
}

TEST(Edu, LivenessIsTheComplement) {
  EduBench bench;
  bench.store32(4, 0x12345678);
  EXPECT_EQ(bench.load32(4), 0xedcba987U);
}

TEST(Edu, FactorialInPlace) {
  EduBench bench;
  const auto factorial = [&bench](uint32_t n) {
    bench.store32(0x08, n);
    return bench.load32(0x08);
  };
  EXPECT_EQ(factorial(0), 1U);
  EXPECT_EQ(factorial(1), 1U);
  EXPECT_EQ(factorial(5), 120U);
  EXPECT_EQ(factorial(12), 479001600U);
  EXPECT_EQ(factorial(13), 1932053504U);  // 6227020800 modulo 2^32
  EXPECT_EQ(factorial(33), 0x80000000U);
  EXPECT_EQ(factorial(34), 0U);
  EXPECT_EQ(factorial(UINT32_MAX), 0U);
}

TEST(Edu, StatusKeepsOnlyTheInterruptBit) {
  EduBench bench;
  EXPECT_EQ(bench.load32(0x20), 0U);
  bench.store32(0x20, UINT32_MAX);
  EXPECT_EQ(bench.load32(0x20), 0x80U);
}

TEST(Edu, FactorialInterruptsWhenAskedTo) {
  EduBench bench;
  bench.store32(0x08, 5);
  EXPECT_EQ(bench.load32(0x24), 0U);
  bench.store32(0x20, 0x80);
  bench.store32(0x08, 5);
  EXPECT_EQ(bench.load32(0x24), 1U);
}

TEST(Edu, PendingInterruptsAccumulateUntilAcknowledged) {
  EduBench bench;
  bench.store32(0x60, 0x5);
  bench.store32(0x60, 0x2);
  EXPECT_EQ(bench.load32(0x24), 0x7U);
  bench.store32(0x64, 0x6);
  EXPECT_EQ(bench.load32(0x24), 0x1U);
  bench.store32(0x24, UINT32_MAX);
  EXPECT_EQ(bench.load32(0x24), 0x1U);
  bench.store32(0x64, UINT32_MAX);
  EXPECT_EQ(bench.load32(0x24), 0U);
}

TEST(Edu, UnknownRegistersReadAllOnes) {
  EduBench bench;
  for (const uint64_t offset : {0x0cU, 0x60U, 0x64U, 0x84U, 0xa0U, 0x40000U, 0xffffcU}) {
    bench.store32(offset, 0);
    EXPECT_EQ(bench.load32(offset), UINT32_MAX) << offset;
  }
  EXPECT_EQ(bench.load<uint64_t>(0xffff8), UINT64_MAX);
}

TEST(Edu, NarrowAccesses) {
  EduBench bench;
  bench.store32(4, 0);
  EXPECT_EQ(bench.load<uint8_t>(4), 0);
  EXPECT_EQ(bench.load<uint16_t>(4), 0);
  EXPECT_EQ(bench.load<uint16_t>(0xffffe), 0);
  EXPECT_EQ(bench.load<uint8_t>(0x80), 0);
  bench.store<uint8_t>(4, 0xaa);
  bench.store<uint16_t>(4, 0xaaaa);
  EXPECT_EQ(bench.load32(4), UINT32_MAX);
}

TEST(Edu, WideAccesses) {
  EduBench bench;
  EXPECT_EQ(bench.load<uint64_t>(0), UINT64_MAX);
  bench.store32(4, 0);
  bench.store<uint64_t>(0, 0);
  bench.store<uint64_t>(8, 5);
  EXPECT_EQ(bench.load32(4), UINT32_MAX);
  EXPECT_EQ(bench.load32(8), 0U);

  bench.store<uint64_t>(0x80, 0x1122334455667788);
  EXPECT_EQ(bench.load<uint64_t>(0x80), 0x1122334455667788U);
  EXPECT_EQ(bench.load32(0x80), 0x55667788U);
  bench.store32(0x80, 0x99);
  EXPECT_EQ(bench.load<uint64_t>(0x80), 0x99U);
}

// Aligned accesses as wide as they can be: here 4 at 0x04, then 8 at 0x08.
TEST(Edu, LongReadsAreSplit) {
  EduBench bench;
  bench.store32(4, 0);
  bench.store32(8, 5);
  std::array<uint32_t, 3> words{};
  bench.edu.bar_read(0, 4, std::as_writable_bytes(std::span(words)));
  EXPECT_THAT(words, testing::ElementsAre(UINT32_MAX, UINT32_MAX, UINT32_MAX));
  std::array<uint32_t, 2> unaligned{};
  bench.edu.bar_read(0, 2, std::as_writable_bytes(std::span(unaligned)));  // 2 at 2, 4 at 4, 2 at 8
  EXPECT_THAT(unaligned, testing::ElementsAre(0xffff0000U, 0x0000ffffU));
}

TEST(Edu, LongWritesAreSplit) {
  EduBench bench;
  const std::array<uint64_t, 3> values{0x1000, 0x2000, 0x30};
  bench.edu.bar_write(0, 0x80, std::as_bytes(std::span(values)));
  EXPECT_EQ(bench.load<uint64_t>(0x80), 0x1000U);
  EXPECT_EQ(bench.load<uint64_t>(0x88), 0x2000U);
  EXPECT_EQ(bench.load<uint64_t>(0x90), 0x30U);
}

TEST(Edu, NobodyAnswersWithoutMemoryDecoding) {
  EduBench bench;
  bench.store32(4, 1);
  bench.command(0);
  EXPECT_EQ(bench.load32(0), UINT32_MAX);
  EXPECT_EQ(bench.load<uint8_t>(0), 0xff);
  bench.store32(4, 2);
  bench.command(PCI_COMMAND_MEMORY);
  EXPECT_EQ(bench.load32(0), 0x010000edU);
  EXPECT_EQ(bench.load32(4), ~1U);
}

TEST(Edu, NobodyAnswersOutsideTheBar) {
  EduBench bench;
  EXPECT_EQ(bench.load<uint8_t>(Edu::kBarSize), 0xff);
  EXPECT_EQ(bench.load<uint16_t>(UINT64_MAX - 1), 0xffff);
  bench.store32(Edu::kBarSize + 4, 1);
  EXPECT_EQ(bench.load32(4), 0U);
  uint8_t byte = 0;
  bench.edu.bar_read(1, 0, std::as_writable_bytes(std::span(&byte, 1)));
  EXPECT_EQ(byte, 0xff);
  byte = 0;
  bench.edu.bar_read(kBarCount, 0, std::as_writable_bytes(std::span(&byte, 1)));
  EXPECT_EQ(byte, 0xff);
}

TEST(Edu, WithoutResetMethodStateStays) {
  EduBench bench;
  bench.store32(4, 1);
  EXPECT_FALSE(bench.edu.has_reset());
  EXPECT_EQ(bench.edu.reset(), Err(ENOTTY));
  EXPECT_EQ(bench.load32(4), ~1U);
}

}  // namespace
}  // namespace noiommu::pci
