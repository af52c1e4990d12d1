// Memory for a process of the kernel tests: one flat piece, and mappings that only keep their file.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/kernel/kernel.h"
#include "model/kernel/process.h"
#include "model/kernel/user_memory.h"

namespace noiommu::tests {

class FlatMemory : public UserMemory {
 public:
  static constexpr UserPtr kStart{0x10000};
  static constexpr uint64_t kLength = 4 * kPageSize;
  static constexpr UserPtr kEnd = kStart + kLength;

  Status read(UserPtr from, std::span<std::byte> to) override {
    if (!contains(from, to.size())) return Err(EFAULT);
    std::copy_n(&bytes_[from - kStart], to.size(), to.begin());
    return {};
  }
  Status write(UserPtr to, std::span<const std::byte> from) override {
    if (!contains(to, from.size())) return Err(EFAULT);
    std::copy(from.begin(), from.end(), &bytes_[to - kStart]);
    return {};
  }
  Status pin(UserPtr /*start*/, uint64_t /*pages*/, bool /*write*/,
             std::vector<PfnRun>& /*runs*/) override {
    return Err(EFAULT);
  }
  Result<UserPtr> map_anonymous(const MapRequest& /*request*/) override { return Err(ENOMEM); }
  Result<UserPtr> map_object(const MapRequest& /*request*/, std::shared_ptr<VmObject> /*object*/,
                             std::shared_ptr<File> file) override {
    const UserPtr at = next_;
    next_ += kPageSize;
    mapped_[at.value] = std::move(file);
    return at;
  }
  Status unmap(UserPtr start, uint64_t /*length*/) override {
    mapped_.erase(start.value);
    return {};
  }
  Result<std::shared_ptr<UserMemory>> fork() override {
    if (out_of_memory) return Err(ENOMEM);
    auto child = std::make_shared<FlatMemory>();
    child->bytes_ = bytes_;
    child->mapped_ = mapped_;
    return child;
  }
  void exit() override { mapped_.clear(); }

  bool out_of_memory = false;

 private:
  [[nodiscard]] static bool contains(UserPtr at, uint64_t length) {
    return at >= kStart && at <= kEnd && length <= kEnd - at;
  }

  std::vector<std::byte> bytes_ = std::vector<std::byte>(kLength + 1);
  std::map<uint64_t, std::shared_ptr<File>> mapped_;
  UserPtr next_{0x7f0000000000};
};

// A kernel without subsystems, and one process of root.
struct OneProcess {
  static constexpr UserPtr kBuffer = FlatMemory::kStart;

  explicit OneProcess(const Credentials& credentials = {})
      : memory(std::make_shared<FlatMemory>()), process(spawn(credentials, memory)) {}

  std::unique_ptr<Process> spawn(const Credentials& credentials,
                                 std::shared_ptr<UserMemory> its_memory) {
    return std::make_unique<Process>(kernel, std::move(its_memory), credentials);
  }
  std::unique_ptr<Process> spawn(const Credentials& credentials) {
    return spawn(credentials, std::make_shared<FlatMemory>());
  }

  void put(std::string_view text) {
    static_cast<void>(memory->write(kBuffer, std::as_bytes(std::span(text))));
  }
  std::string get(uint64_t length) {
    std::string text(length, '\0');
    static_cast<void>(memory->read(kBuffer, std::as_writable_bytes(std::span(text))));
    return text;
  }

  Kernel kernel{Config{}};
  std::shared_ptr<FlatMemory> memory;
  std::unique_ptr<Process> process;
};

}  // namespace noiommu::tests
