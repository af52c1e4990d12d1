#include "model/kernel/kernel.h"

#include <fmt/format.h>

namespace noiommu {

namespace {

// /dev/null: the file that every process has and that no ioctl of ours knows.
class NullFile : public File {
 public:
  Result<uint64_t> read(Process& /*process*/, UserPtr /*to*/, uint64_t /*length*/,
                        uint64_t /*position*/) override {
    return 0;
  }
  Result<uint64_t> write(Process& /*process*/, UserPtr /*from*/, uint64_t length,
                         uint64_t /*position*/) override {
    return length;
  }
};

}  // namespace

Kernel::Kernel(const Config& config, const design::Design& design)
    : config_(config), design_(design) {
  nodes_.add_device("/dev/null", 0666,
                    [](Process&, int) -> Result<FileRef> { return std::make_shared<NullFile>(); });
  nodes_.add_attribute("/proc/sys/kernel/tainted", 0644,
                       {.show = [this] { return fmt::format("{}\n", log_.taint()); }, .store = {}});
}

void Kernel::warn(const std::string& where) {
  log_.taint(Log::kTaintWarn);
  log_.add(LogLevel::kWarn, fmt::format("WARNING: {}", where));
}

void Kernel::oops(const std::string& where) {
  log_.taint(Log::kTaintDie);
  log_.add(LogLevel::kAlert, fmt::format("BUG: kernel NULL pointer dereference: {}", where));
  throw KernelOops(where);
}

std::shared_ptr<User> Kernel::user(uint32_t uid) {
  const std::lock_guard lock(users_mutex_);
  auto& user = users_[uid];
  if (!user) user = std::make_shared<User>();
  return user;
}

}  // namespace noiommu
