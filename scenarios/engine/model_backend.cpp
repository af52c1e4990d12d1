#include "scenarios/engine/model_backend.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <stdexcept>
#include <utility>

#include "model/machine/resolve_config.h"

namespace noiommu::scenarios {

namespace {

// One process that is alone on a machine of its own.
class ModelSession : public Session {
 public:
  ModelSession(const MachineConfig& config, const ProcessState& state)
      : machine_(config), process_(machine_.spawn(credentials(state))) {
    machine_.kernel().set_single_threaded(true);
    process_->set_memlock(state.memlock);
  }

  Result<int> open(const std::string& path, int flags) override {
    return process_->open(path, flags);
  }
  Status close(int fd) override { return process_->close(fd); }
  Result<int> dup(int fd) override { return process_->dup(fd); }
  Result<int> eventfd() override { return process_->eventfd(); }
  Result<int64_t> ioctl(int fd, uint32_t command, uint64_t argument) override {
    return process_->ioctl(fd, command, argument);
  }
  Result<uint64_t> read(int fd, uint64_t address, uint64_t length) override {
    return process_->read(fd, {address}, length);
  }
  Result<uint64_t> write(int fd, uint64_t address, uint64_t length) override {
    try {
      return process_->write(fd, {address}, length);
    } catch (const BlockedForever& blocked) {
      throw Blocked(blocked.what());
    }
  }
  Result<uint64_t> pread(int fd, uint64_t address, uint64_t length, uint64_t offset) override {
    return process_->pread(fd, {address}, length, offset);
  }
  Result<uint64_t> pwrite(int fd, uint64_t address, uint64_t length, uint64_t offset) override {
    return process_->pwrite(fd, {address}, length, offset);
  }

  Result<NewMemory> mmap(uint64_t length, Backing backing, bool touch) override;
  Result<uint64_t> mmap_file(int fd, uint64_t offset, uint64_t length) override {
    return address(process_->mmap(
        {.length = length, .prot = PROT_READ | PROT_WRITE, .flags = MAP_SHARED, .offset = offset},
        fd));
  }
  Status munmap(uint64_t address, uint64_t length) override {
    return process_->munmap({address}, length);
  }

  uint64_t scratch(uint64_t length) override;
  Status poke(uint64_t address, std::span<const std::byte> bytes) override {
    return process_->memory().write({address}, bytes);
  }
  Status peek(uint64_t address, std::span<std::byte> bytes) override {
    return process_->memory().read({address}, bytes);
  }

  Result<FileStat> stat(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& path) override {
    return process_->list(path);
  }
  Result<std::string> readlink(const std::string& path) override {
    return process_->readlink(path);
  }

  Status set_capability(int capability, bool effective) override {
    process_->set_capability(capability, effective);
    return {};
  }
  Status set_memlock(uint64_t bytes) override {
    process_->set_memlock(bytes);
    return {};
  }
  void sleep(uint64_t milliseconds) override {
    machine_.kernel().clock().advance(std::chrono::milliseconds(milliseconds));
  }
  std::vector<std::string> log_tail(size_t lines) override;

  [[nodiscard]] Process& process() { return *process_; }

 private:
  static Credentials credentials(const ProcessState& state);
  static Result<uint64_t> address(const Result<UserPtr>& mapped) {
    if (!mapped) return Err(mapped.error());
    return mapped->value;
  }

  Machine machine_;
  std::unique_ptr<Process> process_;
  uint64_t scratch_ = 0;
  uint64_t scratch_length_ = 0;
};

Credentials ModelSession::credentials(const ProcessState& state) {
  Credentials credentials{.uid = state.uid};
  for (const int capability : state.dropped_capabilities) {
    credentials.effective.reset(static_cast<size_t>(capability));
  }
  return credentials;
}

Result<NewMemory> ModelSession::mmap(uint64_t length, Backing backing, bool touch) {
  MapRequest request{.length = length, .prot = PROT_READ | PROT_WRITE};
  NewMemory memory;
  switch (backing) {
    case Backing::kAnon:
      request.flags = MAP_PRIVATE | MAP_ANONYMOUS;
      break;
    case Backing::kShared:
      request.flags = MAP_SHARED | MAP_ANONYMOUS;
      break;
    case Backing::kHuge:
      request.flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB;
      break;
    case Backing::kReadOnly:
      request.prot = PROT_READ;
      request.flags = MAP_PRIVATE | MAP_ANONYMOUS;
      break;
    case Backing::kNone:
      request.prot = PROT_NONE;
      request.flags = MAP_PRIVATE | MAP_ANONYMOUS;
      break;
    case Backing::kMemfd: {
      request.flags = MAP_SHARED;
      auto fd = machine_.memfd(*process_, length);
      if (!fd) return Err(fd.error());
      memory.fd = *fd;
      break;
    }
  }
  auto mapped = process_->mmap(request, memory.fd);
  if (!mapped) return Err(mapped.error());
  memory.address = mapped->value;
  // A byte in every page, as the recording program does.
  constexpr std::byte kOne{1};
  for (uint64_t at = 0; touch && at < length; at += kPageSize) {
    if (auto stored = poke(memory.address + at, std::span(&kOne, 1)); !stored) {
      return Err(stored.error());
    }
  }
  return memory;
}

uint64_t ModelSession::scratch(uint64_t length) {
  if (length > scratch_length_) {
    if (scratch_length_ > 0) static_cast<void>(process_->munmap({scratch_}, scratch_length_));
    scratch_length_ = std::max<uint64_t>(64 * kPageSize, (length + kPageSize - 1) & kPageMask);
    auto mapped = process_->mmap({.length = scratch_length_,
                                  .prot = PROT_READ | PROT_WRITE,
                                  .flags = MAP_PRIVATE | MAP_ANONYMOUS});
    if (!mapped) throw std::runtime_error("no memory left for arguments");
    scratch_ = mapped->value;
  }
  const std::vector<std::byte> zeros(length);
  static_cast<void>(poke(scratch_, zeros));
  return scratch_;
}

Result<FileStat> ModelSession::stat(const std::string& path) {
  auto found = process_->stat(path);
  if (!found) return Err(found.error());
  static constexpr std::array kTypes = {FileStat::Type::kDir, FileStat::Type::kChar,
                                        FileStat::Type::kFile, FileStat::Type::kLink};
  return FileStat{kTypes[static_cast<size_t>(found->type)], found->mode};
}

std::vector<std::string> ModelSession::log_tail(size_t lines) {
  const std::vector<LogLine> log = machine_.kernel().log().lines();
  std::vector<std::string> tail;
  for (size_t i = log.size() - std::min(lines, log.size()); i < log.size(); ++i) {
    tail.push_back(log[i].text);
  }
  return tail;
}

class ModelBackend : public Backend {
 public:
  explicit ModelBackend(const mm::MemoryConfig& memory) : memory_(memory) {}

  [[nodiscard]] std::string name() const override { return "model"; }
  [[nodiscard]] std::optional<std::string> unmet(const Scenario& scenario) const override {
    auto config = machine_config(scenario.kernel, scenario.devices);
    if (!config) return config.error();
    return std::nullopt;
  }
  [[nodiscard]] std::unique_ptr<Session> start(const Scenario& scenario) const override {
    MachineConfig config = *machine_config(scenario.kernel, scenario.devices);
    config.memory = memory_;
    return make_model_session(config, scenario.process);
  }

 private:
  const mm::MemoryConfig memory_;
};

}  // namespace

std::unique_ptr<Backend> make_model_backend(const mm::MemoryConfig& memory) {
  return std::make_unique<ModelBackend>(memory);
}

Process* process_of(Session& session) {
  auto* model = dynamic_cast<ModelSession*>(&session);
  return model == nullptr ? nullptr : &model->process();
}

std::unique_ptr<Session> make_model_session(const MachineConfig& config,
                                            const ProcessState& state) {
  return std::make_unique<ModelSession>(config, state);
}

std::map<std::string, std::string> config_overrides(const KernelNeeds& kernel) {
  static constexpr std::array kText = {"n", "m", "y"};
  std::map<std::string, std::string> overrides;
  for (const auto& [symbol, value] : kernel.config) {
    overrides[symbol] = kText[static_cast<size_t>(value)];
  }
  return overrides;
}

tl::expected<MachineConfig, std::string> machine_config(const KernelNeeds& kernel,
                                                        const std::vector<DeviceNeeds>& devices) {
  const auto overrides = config_overrides(kernel);
  auto resolved = resolve_config(overrides, kernel.design);
  if (!resolved) return tl::unexpected(resolved.error());
  // A symbol that comes out other than asked is a kernel that cannot be built.
  for (const auto& [symbol, value] : resolved->symbols) {
    const auto asked = overrides.find(symbol);
    if (asked == overrides.end() || (asked->second != "n") == value) continue;
    return tl::unexpected(fmt::format("no kernel has {}={} beside the rest of its configuration",
                                      symbol, asked->second));
  }
  MachineConfig machine{.config = resolved->config, .design = kernel.design};
  for (const auto& [name, text] : kernel.params) {
    if (name != kNoiommuParameter) {
      return tl::unexpected(fmt::format("the model has no parameter {}", name));
    }
    auto value = vfio::parse_bool_parameter(text);
    if (!value) return tl::unexpected(fmt::format("{}={} is not a boolean", name, text));
    machine.enable_unsafe_noiommu_mode = *value;
  }
  for (const DeviceNeeds& device : devices) {
    machine.devices.push_back({.bdf = device.bdf,
                               .has_iommu = device.behind_iommu,
                               .flr = device.model == DeviceNeeds::Model::kEduFlr,
                               .mediated = device.model == DeviceNeeds::Model::kMediated});
  }
  return machine;
}

}  // namespace noiommu::scenarios
