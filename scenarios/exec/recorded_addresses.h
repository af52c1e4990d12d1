// The addresses of a device's making that a recording knows: a replay is told others.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "scenarios/exec/named_ranges.h"

namespace noiommu::scenarios::exec {

// An iommufd goes by the name that it has in the recording. Thread-safety: none.
class RecordedAddresses {
 public:
  struct Ioas {
    std::string iommufd;
    uint64_t id = 0;
    auto operator<=>(const Ioas&) const = default;
  };

  // The kernel chose where to map. Answers the name; nothing where a replay chooses the same.
  std::optional<std::string> chosen(const Ioas& ioas, uint64_t iova, uint64_t length);
  // How an IOVA is written: as a number where the program chose it.
  [[nodiscard]] std::string iova(const Ioas& ioas, uint64_t iova) const;
  void unmapped(const Ioas& ioas, uint64_t iova, uint64_t length);
  void destroyed(const Ioas& ioas) { iovas_.erase(ioas); }
  void closed(const std::string& iommufd);

  // The program was told a physical address. Answers the name, which is always the same one for an
  // address: the replay is told anew as well.
  std::string told(uint64_t physical, uint64_t length);
  // How one that the program was told is written. It may be mapped no longer; a device can be sent
  // there nevertheless.
  [[nodiscard]] std::optional<std::string> physical(uint64_t address) const {
    return physical_.text(address);
  }

 private:
  std::map<Ioas, NamedRanges> iovas_;
  int chosen_ = 0;
  bool differ_ = false;  // the choice may be another one from now on
  NamedRanges physical_;
  std::map<uint64_t, std::string> told_;
};

}  // namespace noiommu::scenarios::exec
