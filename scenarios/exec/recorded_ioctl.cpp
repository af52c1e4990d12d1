#include "scenarios/exec/recorded_ioctl.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "scenarios/engine/constants.h"
#include "scenarios/engine/trace.h"
#include "scenarios/engine/words.h"
#include "uapi/iommufd.h"
#include "uapi/vfio.h"

namespace noiommu::scenarios::exec {

namespace {

// As trace.h shows it, with the constants' whole names.
std::string value_text(const Field& field, uint64_t value) {
  if (field.show != Show::kFlags || value == 0) return show_field(field, value);
  return show_flags(constants_with_prefix(field.flag_prefix), value);
}

bool is_descriptor(const Field& field) {
  return field.name == "iommufd" || field.name == "fd";
}

// The field that says which IOAS an IOVA is of; empty for what is none.
std::string_view ioas_field(const Field& field) {
  if (field.name == "iova") return "ioas_id";
  if (field.name == "dst_iova") return "dst_ioas_id";
  return field.name == "src_iova" ? "src_ioas_id" : "";
}

// Whether the kernel chooses what the field holds afterwards.
bool is_chosen(const SeenCall& call, const Field& field) {
  const std::string_view command = call.command->name;
  const bool maps = command == "IOMMU_IOAS_MAP" || command == "IOMMU_IOAS_MAP_FILE";
  return ((maps && field.name == "iova") ||
          (command == "IOMMU_IOAS_COPY" && field.name == "dst_iova")) &&
         (call.field("flags") & IOMMU_IOAS_MAP_FIXED_IOVA) == 0;
}

// One call, and where it goes.
class Writer {
 public:
  Writer(Recording& recording, const std::string& file, const SeenCall& call, const Client& client)
      : recording_(recording), file_(file), call_(call), client_(client) {}

  RecordedStep step();

 private:
  [[nodiscard]] RecordedAddresses::Ioas ioas(std::string_view field) const {
    return {file_, call_.field(field)};
  }
  void argument_text();
  std::string arguments();
  std::string argument(const Field& field, uint64_t value);
  std::string following();
  std::string descriptor(int fd);
  void answer(const Field& field, uint64_t value);
  void answers();
  void forget() const;
  void judge();

  Recording& recording_;
  const std::string file_;
  const SeenCall& call_;
  const Client& client_;
  RecordedStep step_;
};

std::string Writer::descriptor(int fd) {
  const auto text = recording_.descriptor(fd, client_);
  if (!text) step_.not_replayed = fmt::format("{} on a memfd without memory", call_.name());
  return text.value_or("");
}

std::string Writer::argument(const Field& field, uint64_t value) {
  if (&field == call_.array && !call_.words_before.empty()) {
    // What comes back does not count.
    return fmt::format("{{u64: [{:#x}]}}", fmt::join(call_.words_before, ", "));
  }
  if (is_descriptor(field)) return descriptor(static_cast<int>(value));
  const bool refused = call_.failed() && call_.result->error() == Errno{EFAULT};
  const uint64_t flags = call_.field("flags");
  if (field.name == "user_va") {
    return recording_.address({.address = value,
                               .length = call_.field("length"),
                               .write = (flags & IOMMU_IOAS_MAP_WRITEABLE) != 0,
                               .refused = refused});
  }
  if (field.name == "vaddr") {
    return recording_.address({.address = value,
                               .length = call_.field("size"),
                               .write = (flags & VFIO_DMA_MAP_FLAG_WRITE) != 0,
                               .refused = refused});
  }
  const std::string_view of = ioas_field(field);
  if (call_.command->find_field(of) != nullptr && !is_chosen(call_, field)) {
    return recording_.addresses.iova(ioas(of), value);
  }
  return value_text(field, value);
}

std::string Writer::arguments() {
  std::vector<std::string> entries;
  for (const Field& field : call_.command->fields) {
    const uint64_t value = load_field(field, call_.before);
    const bool size = &field == call_.command->fields.data() && call_.command->default_size != 0;
    const uint64_t usual = size ? call_.command->default_size : 0;
    if (field.name.starts_with("out_")) continue;  // left from another call
    // A descriptor of 0 may be one of ours in a replay, where 0 is open as well.
    if (value == usual && !(is_descriptor(field) && value == 0)) continue;
    entries.push_back(fmt::format("{}: {}", field.name, argument(field, value)));
  }
  return recorded_map(entries);
}

// What follows the structure: descriptors, or just bytes.
std::string Writer::following() {
  const auto rest = std::span(call_.before).subspan(call_.command->struct_size);
  if (rest.empty()) return "";
  const auto numbers = following_descriptors(call_, call_.before);
  if (!numbers) return fmt::format("  data: '{}'\n", show_hex(rest));
  std::vector<std::string> words;
  for (size_t i = 0; i < numbers->words.size(); ++i) {
    const int32_t word = numbers->words[i];
    words.push_back(i < numbers->descriptors ? descriptor(word) : std::to_string(word));
  }
  return fmt::format("  data_s32: [{}]\n", fmt::join(words, ", "));
}

void Writer::answer(const Field& field, uint64_t value) {
  if (field.name == "out_phys") {
    constexpr uint64_t kInPage = kPageSize - 1;
    // The revisions do not agree on the name.
    const Field* in_out = call_.command->find_field("length");
    const Field* length = in_out != nullptr ? in_out : call_.command->find_field("out_length");
    const std::string name = recording_.addresses.told(value, load_field(*length, call_.after));
    step_.expect.push_back("out_phys: nonzero");
    step_.expect.push_back(fmt::format("out_phys_page_offset: {:#x}", value & kInPage));
    step_.save.push_back("out_phys: " + name);
  } else if (field.name == "out_fault_fd") {
    const auto file = client_.file(static_cast<int>(value));
    if (!file) return;
    step_.save.push_back("out_fault_fd: " + recording_.name_file(*file, FileKind::kFault));
  } else if (is_chosen(call_, field) && !call_.failed()) {
    const auto name =
        recording_.addresses.chosen(ioas(ioas_field(field)), value, call_.field("length"));
    if (name) {
      step_.save.push_back(fmt::format("{}: {}", field.name, *name));
    } else {
      step_.expect.push_back(fmt::format("{}: {:#x}", field.name, value));
    }
  } else {
    step_.expect.push_back(fmt::format("{}: {}", field.name, value_text(field, value)));
  }
}

void Writer::answers() {
  for (const Field& field : call_.command->fields) {
    if (&field == call_.array) continue;
    const uint64_t value = load_field(field, call_.after);
    const bool made = field.name.starts_with("out_") || is_chosen(call_, field);
    if (value != load_field(field, call_.before) || (made && !call_.failed())) answer(field, value);
  }
}

// What is mapped no longer.
void Writer::forget() const {
  if (call_.name() == "IOMMU_DESTROY") recording_.addresses.destroyed(ioas("id"));
  if (call_.name() == "IOMMU_IOAS_UNMAP") {
    recording_.addresses.unmapped(ioas("ioas_id"), call_.field("iova"), call_.field("length"));
  }
}

void Writer::argument_text() {
  const bool string = call_.name() == "VFIO_GROUP_GET_DEVICE_FD";
  if (!call_.readable || !call_.takes_argument()) {
    step_.head += "  arg: 0\n";
  } else if (call_.command->struct_size != 0) {
    step_.head += fmt::format("  args: {}\n", arguments()) + following();
  } else if (string) {
    step_.head += fmt::format("  arg_string: {}\n", show_text(call_.text));
  } else {
    step_.head += fmt::format("  arg: {}\n", call_.arguments[2]);
  }
}

// What an errno says of the program's own limits and memory.
void Writer::judge() {
  const Errno error = call_.result->error();
  step_.errno_ = errno_name(error);
  if (error == Errno{EMFILE} || error == Errno{ENFILE}) {
    step_.not_replayed = fmt::format("{}, with no descriptor left", call_.name());
  }
  if (error != Errno{EFAULT} || !call_.readable) return;
  const uint64_t size = call_.command->struct_size;
  if (size != 0 && !recording_.memory.writable(call_.arguments[2], size)) {
    step_.not_replayed = fmt::format("{}, whose argument cannot be written to", call_.name());
  }
  recording_.follow_memory();
}

RecordedStep Writer::step() {
  step_.head = fmt::format("- ioctl: {}\n  fd: ${}\n", call_.command->name, file_);
  if (call_.failed()) judge();
  argument_text();
  if (!call_.result) {
    step_.errno_ = "KILLED";
    return step_;
  }
  const std::string_view name = call_.command->name;
  if (call_.readable && call_.command->struct_size != 0) answers();
  if (call_.failed()) return step_;
  forget();
  const int64_t result = **call_.result;
  const bool device = name == "VFIO_GROUP_GET_DEVICE_FD";
  if (device || (name == "VFIO_DEVICE_FEATURE" && result > 0)) {
    const auto made = client_.file(static_cast<int>(result));
    if (made) {
      step_.as = recording_.name_file(*made, device ? FileKind::kDevice : FileKind::kDmaBuf);
    }
  } else if (result != 0) {
    step_.returns = result;
  }
  return step_;
}

}  // namespace

RecordedStep recorded_ioctl(Recording& recording, const std::string& file, const SeenCall& call,
                            const Client& client) {
  return Writer(recording, file, call, client).step();
}

}  // namespace noiommu::scenarios::exec
