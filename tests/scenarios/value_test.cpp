// The value grammar. Spec: scenario-format.md, "Values".
#include "scenarios/engine/value.h"

#include <gtest/gtest.h>

#include "scenarios/engine/constants.h"
#include "scenarios/engine/nearest.h"

namespace noiommu::scenarios {
namespace {

uint64_t number(std::string_view text) {
  const auto value = parse_value(text);
  EXPECT_TRUE(value) << text;
  return value ? value->resolve(Variables()) : 0xbad;
}

std::string error(std::string_view text) {
  const auto value = parse_value(text);
  EXPECT_FALSE(value) << text;
  return value ? "" : value.error();
}

TEST(Value, IntegersAreDecimalOrHexWithABinarySuffix) {
  EXPECT_EQ(number("0"), 0U);
  EXPECT_EQ(number("42"), 42U);
  EXPECT_EQ(number("0x2a"), 42U);
  EXPECT_EQ(number("4K"), 4096U);
  EXPECT_EQ(number("2M"), uint64_t{2} << 20);
  EXPECT_EQ(number("1G"), uint64_t{1} << 30);
  EXPECT_EQ(number("3T"), uint64_t{3} << 40);
  EXPECT_EQ(number("0x10K"), 16384U);
  EXPECT_EQ(number("18446744073709551615"), UINT64_MAX);
}

TEST(Value, NegativeNumbersAreTwosComplement) {
  EXPECT_EQ(number("-1"), UINT64_MAX);
  EXPECT_EQ(number("-2"), UINT64_MAX - 1);
}

TEST(Value, ConstantsAreJoinedByBars) {
  EXPECT_EQ(number("U64_MAX"), UINT64_MAX);
  EXPECT_EQ(number("IOMMU_IOAS_MAP_READABLE|IOMMU_IOAS_MAP_WRITEABLE"), 6U);
  EXPECT_EQ(number("IOMMU_IOAS_MAP_READABLE | 0x40"), 0x44U);
}

TEST(Value, VariablesMayHaveAnOffset) {
  Variables variables;
  variables.set("m", 0x10000);
  variables.set("m.fd", 7);
  EXPECT_EQ(parse_value("$m")->resolve(variables), 0x10000U);
  EXPECT_EQ(parse_value("$m+0x1000")->resolve(variables), 0x11000U);
  EXPECT_EQ(parse_value("$m+4K")->resolve(variables), 0x11000U);
  EXPECT_EQ(parse_value("$m.fd")->resolve(variables), 7U);
}

TEST(Value, AnUnsetVariableIsAllOnes) {
  EXPECT_EQ(parse_value("$nobody")->resolve(Variables()), UINT64_MAX);
}

TEST(Value, WrongNumbersAreNamed) {
  EXPECT_EQ(error("12Q"),
            "'12Q' is not a number; write decimal or 0x hex, with K, M, G or T if need be");
  for (const char* text : {"", "0x", "0xg", "1 2", "1.5", "010", "--1", "-", "1|", "K"}) {
    EXPECT_NE(error(text), "") << text;
  }
}

TEST(Value, NumbersBeyond64BitsAreRefused) {
  EXPECT_EQ(error("18446744073709551616"), "18446744073709551616 does not fit 64 bits");
  EXPECT_EQ(error("0xfffffffffffffffff"), "0xfffffffffffffffff does not fit 64 bits");
  EXPECT_EQ(error("16777216T"), "16777216T does not fit 64 bits");
  EXPECT_EQ(error("-9223372036854775809"), "-9223372036854775809 does not fit 64 bits");
}

TEST(Value, AnUnknownConstantNamesTheNearest) {
  EXPECT_EQ(error("IOMMU_IOAS_MAP_READBLE"),
            "unknown constant 'IOMMU_IOAS_MAP_READBLE'; did you mean 'IOMMU_IOAS_MAP_READABLE'?");
}

TEST(Value, AVariableNeedsAName) {
  EXPECT_EQ(error("$"), "'$' names no variable; write $name or $name+number");
  EXPECT_EQ(error("$a-1"), "'$a-1' names no variable; write $name or $name+number");
  EXPECT_NE(error("$a+"), "");
}

TEST(Value, FitsLooksAtWidthAndSign) {
  EXPECT_TRUE(parse_value("0xffffffff")->fits(4, false));
  EXPECT_TRUE(parse_value("0xffffffff")->fits(4, true));  // the same bits as -1
  EXPECT_FALSE(parse_value("0x100000000")->fits(4, false));
  EXPECT_TRUE(parse_value("-1")->fits(4, true));
  EXPECT_FALSE(parse_value("-1")->fits(4, false));
  EXPECT_TRUE(parse_value("-2147483648")->fits(4, true));
  EXPECT_FALSE(parse_value("-2147483649")->fits(4, true));
  EXPECT_TRUE(parse_value("-9223372036854775808")->fits(8, true));
  EXPECT_TRUE(parse_value("$anything")->fits(1, false));
}

TEST(Constants, AreSortedAndFoundByName) {
  for (size_t i = 1; i < constants().size(); ++i) {
    EXPECT_LT(constants()[i - 1].name, constants()[i].name);
  }
  EXPECT_EQ(find_constant("VFIO_NOIOMMU_IOMMU"), 8U);
  EXPECT_EQ(find_constant("VFIO_NOIOMMU"), std::nullopt);
  EXPECT_EQ(constants_with_prefix("IOMMU_IOAS_MAP_").size(), 3U);
  EXPECT_TRUE(constants_with_prefix("NO_SUCH_").empty());
}

TEST(Nearest, TakesTheFewestEdits) {
  EXPECT_EQ(edit_distance("errno", "errno"), 0U);
  EXPECT_EQ(edit_distance("erno", "errno"), 1U);
  EXPECT_EQ(edit_distance("", "abc"), 3U);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
  const std::vector<std::string_view> words{"open", "close", "dup"};
  EXPECT_EQ(nearest("opne", words), "open");
  EXPECT_EQ(nearest("clos", words), "close");
  EXPECT_EQ(nearest("x", {}), "");
}

}  // namespace
}  // namespace noiommu::scenarios
