// What differs between the revisions of no-IOMMU VFIO: one struct of decisions for each.
//
// Plain data. Code asks for a decision by its name, never for a revision. A comment names where a
// decision comes from: a section of vfio-core.md or iommufd.md, or a seed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace noiommu::design {

// What must be built for a device to be marked as one without an IOMMU. Spec: section 3.2.
enum class MarkedBy : uint8_t { kNothing, kVfioNoiommu, kIommufdNoiommu, kVfioDeviceCdev };

// When VFIO treats a device as one without an IOMMU. Spec: section 3.3.
enum class NoiommuIf : uint8_t {
  kGroup,         // its group is one of those
  kGroupOrMark,   // that, or it is marked
  kApart,         // the same, but bind and what its group does look at the group alone
  kMarkOrGroup,   // marked where it may lack a group at this moment, else by its group
  kNoIommuState,  // it has no per-device IOMMU state
};

// Which devices get a character device, where those are built. Spec: section 3.5.
enum class CdevFor : uint8_t { kRealDevices, kEveryDevice, kWhatIommufdCanBind };

// When registration taints the kernel for the sake of a cdev. Spec: section 3.7.
enum class CdevTaint : uint8_t { kNever, kWithTheName, kAfterTheGroup };

// Where open() of a cdev asks for CAP_SYS_RAWIO. Spec: section 7.
enum class CdevCapability : uint8_t { kNowhere, kBeforeRegistration, kAfterRegistration };

// Which binds of a device without an IOMMU succeed at once, without an iommufd object. Spec:
// sections 5.5 and 8.
enum class EarlySuccess : uint8_t { kNoBind, kGroupFiles, kEveryFile };

// The shape and the rules of the ioctl at 0x95. Spec: iommufd.md section 15.1.
enum class GetPa : uint8_t {
  kNone,             // there is no such ioctl
  kLengthOut,        // IOMMU_IOAS_GET_PA: the length only comes back; address 0 is no answer
  kLengthZeroIsAll,  // IOMMU_IOAS_NOIOMMU_GET_PA as of v6: 0 asks for all; address 0 is no answer
  kMainline,
};

// What a write to enable_unsafe_noiommu_mode may do. Spec: section 1.
enum class Parameter : uint8_t { kPlain, kLatches };

struct Design {
  std::string_view name;     // as scenarios and reviews call it
  std::string_view kconfig;  // the revision in model/kconfig with its Kconfig text
  std::string_view about;    // one line

  bool name_before_group = true;  // section 3.1, rows d and e
  MarkedBy marked_by = MarkedBy::kNothing;
  bool marks_only_without_iommu = true;  // not also what is behind one
  bool marks_mediated = false;
  NoiommuIf noiommu_if = NoiommuIf::kGroup;
  // A device without an IOMMU has no group at all where no container is built. Section 12.
  bool group_may_be_absent = false;
  CdevFor cdev_for = CdevFor::kRealDevices;
  CdevTaint cdev_taint = CdevTaint::kNever;
  CdevCapability cdev_capability = CdevCapability::kNowhere;
  EarlySuccess early_success = EarlySuccess::kGroupFiles;
  GetPa get_pa = GetPa::kNone;
  Parameter parameter = Parameter::kPlain;
  // Of its documentation, and of no code. Seed 000; section 13.
  bool says_fixed_iova_is_ignored = false;
};

// v7.0 (before the series), v4, v5, v6 and mainline (Linux 7.3), in that order.
[[nodiscard]] const std::vector<Design>& revisions();
// Proposals that were never adopted, each mainline or the revision it was made for but for one
// decision.
[[nodiscard]] const std::vector<Design>& variants();

[[nodiscard]] const Design& mainline();
// Of both lists; nullptr for a name that is in neither.
[[nodiscard]] const Design* find(std::string_view name);

}  // namespace noiommu::design
