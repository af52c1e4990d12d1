// How a system call reads in a trace, after the fashion of strace:
//   ioctl(3, IOMMU_IOAS_ALLOC, {size=12, flags=0}) = 0 {out_ioas_id=1}
// What the call changed stands behind its result.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "model/kernel/result.h"
#include "scenarios/engine/constants.h"
#include "scenarios/engine/ioctl_table.h"
#include "scenarios/engine/session.h"

namespace noiommu::scenarios {

// "CALL = 3", "CALL = -1 EPERM (Operation not permitted)".
[[nodiscard]] std::string trace_line(std::string_view call, const Result<uint64_t>& result);

// "{size=40, flags=FIXED_IOVA|READABLE, ioas_id=2}": every field that the caller fills in, that is
// all but reserved and out fields that are 0. `bytes` holds at least the full structure.
[[nodiscard]] std::string trace_argument(const IoctlCommand& command,
                                         std::span<const std::byte> bytes);

// " {iova=0x1000}": the fields that differ. Empty when none does.
[[nodiscard]] std::string trace_changes(const IoctlCommand& command,
                                        std::span<const std::byte> before,
                                        std::span<const std::byte> after);

// One field's value as the trace shows it: "0x1000", "READABLE|0x8", "-1".
[[nodiscard]] std::string show_field(const Field& field, uint64_t value);

// The names of the single bits of `value`, lowest first and without their first `skip` characters,
// and what is left in hex: "READABLE|0x8"; "0" without any.
[[nodiscard]] std::string show_flags(std::span<const Constant> names, uint64_t value,
                                     size_t skip = 0);

[[nodiscard]] std::string show_open_flags(int flags);     // "O_RDWR"
[[nodiscard]] std::string show_backing(Backing backing);  // "memfd"
[[nodiscard]] std::string show_hex(std::span<const std::byte> bytes);
[[nodiscard]] std::string show_text(std::string_view text);  // in quotes, control bytes escaped

}  // namespace noiommu::scenarios
