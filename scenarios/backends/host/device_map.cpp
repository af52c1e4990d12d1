#include "scenarios/backends/host/device_map.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <functional>

namespace noiommu::scenarios::host {
namespace {

constexpr size_t kBdfLength = 12;
constexpr std::string_view kNoiommu = "noiommu-";
constexpr std::string_view kVfio = "vfio";

// "PREFIX7" is 7. Nothing for other names, and for "PREFIX07".
std::optional<unsigned> number_after(std::string_view prefix, std::string_view name) {
  if (!name.starts_with(prefix)) return std::nullopt;
  const std::string digits(name.substr(prefix.size()));
  const auto number = trailing_number(digits);
  if (!number || fmt::format("{}", *number) != digits) return std::nullopt;
  return number;
}

// Folders in which a bare number is an IOMMU group.
bool holds_groups(std::string_view parent) {
  return parent == "vfio" || parent == "iommu_groups";
}

std::string replace_bdfs(const std::string& text, const BdfMap& map) {
  std::string replaced;
  for (size_t at = 0; at < text.size();) {
    const auto found = map.find(text.substr(at, kBdfLength));
    if (found == map.end()) {
      replaced += text[at++];
    } else {
      replaced += found->second;
      at += kBdfLength;
    }
  }
  return replaced;
}

using Translate = std::function<std::string(const std::string& parent, const std::string& name)>;

std::string translate_parts(const std::string& path, const Translate& translate) {
  std::string translated;
  std::string parent;
  for (size_t start = 0; start <= path.size();) {
    const size_t slash = std::min(path.find('/', start), path.size());
    const std::string name = path.substr(start, slash - start);
    if (start > 0) translated += '/';
    translated += translate(parent, name);
    parent = name;
    start = slash + 1;
  }
  return translated;
}

}  // namespace

bool is_bdf(const std::string& text) {
  static constexpr std::string_view kShape = "hhhh:hh:hh.h";
  if (text.size() != kBdfLength) return false;
  for (size_t i = 0; i < kBdfLength; ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    const bool fits =
        kShape[i] == 'h' ? std::isxdigit(c) != 0 && std::isupper(c) == 0 : text[i] == kShape[i];
    if (!fits) return false;
  }
  return true;
}

DeviceMap::DeviceMap(const Facts& facts, const std::vector<DeviceNeeds>& devices,
                     const BdfMap& bdfs) {
  std::set<unsigned> ours;        // indexes
  std::set<unsigned> our_groups;  // invented for one of ours
  const bool any_iommu = std::ranges::any_of(devices, &DeviceNeeds::behind_iommu);
  unsigned next_group = 0;
  if (any_iommu) fixed_groups_.insert(next_group++);  // the host bridge's
  for (const DeviceNeeds& needs : devices) {
    const auto mapped = bdfs.find(needs.bdf);
    const std::string& bdf = mapped == bdfs.end() ? needs.bdf : mapped->second;
    to_real_[needs.bdf] = bdf;
    to_scenario_[bdf] = needs.bdf;
    own_.push_back(bdf);
    const Function* function = facts.find(bdf);
    if (needs.behind_iommu) {
      fixed_groups_.insert(next_group);
      if (function != nullptr && function->group) groups_[next_group] = *function->group;
      ++next_group;
    }
    if (function == nullptr) continue;
    if (const auto index = trailing_number(function->vfio_name)) ours.insert(*index);
    if (function->group && !function->behind_iommu) our_groups.insert(*function->group);
  }
  for (const std::string& name : facts.vfio_names) {
    const auto index = trailing_number(name);
    if (index && !ours.contains(*index)) strange_indexes_.insert(*index);
  }
  for (const unsigned group : facts.groups) {
    if (!our_groups.contains(group)) strange_groups_.insert(group);
  }
}

unsigned DeviceMap::nth_free(const std::set<unsigned>& taken, unsigned n) {
  for (const unsigned number : taken) {
    if (number > n) break;
    ++n;
  }
  return n;
}

std::optional<unsigned> DeviceMap::rank_of(const std::set<unsigned>& taken, unsigned number) {
  if (taken.contains(number)) return std::nullopt;
  const auto below = std::distance(taken.begin(), taken.lower_bound(number));
  return number - static_cast<unsigned>(below);
}

unsigned DeviceMap::real_group(unsigned group) const {
  if (const auto fixed = groups_.find(group); fixed != groups_.end()) return fixed->second;
  const auto rank = rank_of(fixed_groups_, group);
  return rank ? nth_free(strange_groups_, *rank) : group;
}

std::optional<unsigned> DeviceMap::scenario_group(unsigned group) const {
  for (const auto& [ours, real] : groups_) {
    if (real == group) return ours;
  }
  const auto rank = rank_of(strange_groups_, group);
  if (!rank) return std::nullopt;
  return nth_free(fixed_groups_, *rank);
}

std::string DeviceMap::real_bdf(const std::string& bdf) const {
  const auto found = to_real_.find(bdf);
  return found == to_real_.end() ? bdf : found->second;
}

std::string DeviceMap::real_name(const std::string& parent, const std::string& name) const {
  if (const auto found = to_real_.find(name); found != to_real_.end()) return found->second;
  for (const std::string& prefix :
       {std::string(kNoiommu) + std::string(kVfio), std::string(kVfio)}) {
    if (const auto index = number_after(prefix, name)) {
      return fmt::format("{}{}", prefix, nth_free(strange_indexes_, *index));
    }
  }
  if (const auto group = number_after(kNoiommu, name)) {
    return fmt::format("{}{}", kNoiommu, real_group(*group));
  }
  const auto group = number_after("", name);
  return holds_groups(parent) && group ? fmt::format("{}", real_group(*group)) : name;
}

std::optional<std::string> DeviceMap::scenario_name(const std::string& parent,
                                                    const std::string& name) const {
  if (const auto found = to_scenario_.find(name); found != to_scenario_.end()) return found->second;
  for (const std::string& prefix :
       {std::string(kNoiommu) + std::string(kVfio), std::string(kVfio)}) {
    const auto index = number_after(prefix, name);
    if (!index) continue;
    const auto rank = rank_of(strange_indexes_, *index);
    if (!rank) return std::nullopt;
    return fmt::format("{}{}", prefix, *rank);
  }
  const auto invented = number_after(kNoiommu, name);
  const auto plain = holds_groups(parent) ? number_after("", name) : std::nullopt;
  if (!invented && !plain) return name;
  const auto group = scenario_group(invented ? *invented : *plain);
  if (!group) return std::nullopt;
  return fmt::format("{}{}", invented ? kNoiommu : "", *group);
}

bool DeviceMap::identity() const {
  const auto same = [](const auto& pair) { return pair.first == pair.second; };
  return strange_indexes_.empty() && std::ranges::all_of(to_real_, same) &&
         std::ranges::all_of(groups_, same) &&
         std::ranges::includes(fixed_groups_, strange_groups_);
}

std::string DeviceMap::real_path(const std::string& path) const {
  return translate_parts(path, [this](const std::string& parent, const std::string& name) {
    return real_name(parent, name);
  });
}

std::string DeviceMap::scenario_path(const std::string& path) const {
  return translate_parts(path, [this](const std::string& parent, const std::string& name) {
    return scenario_name(parent, name).value_or(name);
  });
}

std::string DeviceMap::real_text(const std::string& text) const {
  return replace_bdfs(text, to_real_);
}

std::string DeviceMap::scenario_text(const std::string& text) const {
  return replace_bdfs(text, to_scenario_);
}

std::vector<std::string> DeviceMap::scenario_names(const std::string& path,
                                                   const std::vector<std::string>& names) const {
  const std::string parent = path.substr(path.find_last_of('/') + 1);
  // With an IOMMU the groups of the rest of the machine belong to the picture.
  const bool keep_strangers = parent == "iommu_groups" && !fixed_groups_.empty();
  std::vector<std::string> translated;
  for (const std::string& name : names) {
    const auto ours = scenario_name(parent, name);
    if (ours || keep_strangers) translated.push_back(ours.value_or(name));
  }
  return translated;
}

}  // namespace noiommu::scenarios::host
