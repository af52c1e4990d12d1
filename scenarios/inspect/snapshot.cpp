#include "scenarios/inspect/snapshot.h"

#include <algorithm>
#include <map>
#include <utility>

#include "model/iommufd/device.h"
#include "model/iommufd/fault.h"
#include "model/iommufd/hw_pagetable.h"
#include "model/iommufd/ioas.h"
#include "model/vfio/device_file.h"

namespace noiommu::scenarios {
namespace {

using iommufd::Context;
using iommufd::IoPagetable;
using iommufd::ObjectTable;
using iommufd::Pages;

// Puts together which contexts a number of files keep open.
class ContextFinder {
 public:
  // `fd` is the descriptor of the file, or -1 when only a mapping keeps it open.
  void add(const FileRef& file, int fd) {
    if (auto context = std::dynamic_pointer_cast<Context>(file)) {
      if (fd >= 0) open(std::move(context)).descriptors.push_back(fd);
    } else if (const auto* fault = dynamic_cast<const iommufd::FaultFile*>(file.get())) {
      open(fault->context());
    } else if (const auto* device = dynamic_cast<const vfio::DeviceFile*>(file.get())) {
      add_device(*device);
    }
  }
  [[nodiscard]] std::vector<OpenContext> found() && { return std::move(found_); }

 private:
  OpenContext& open(std::shared_ptr<Context> context) {
    for (OpenContext& known : found_) {
      if (known.context == context) return known;
    }
    found_.push_back({.context = std::move(context), .descriptors = {}, .devices = {}});
    return found_.back();
  }
  void add_device(const vfio::DeviceFile& file) {
    auto bound = file.bound();
    if (!bound) return;
    auto& devices = open(std::move(bound->context)).devices;
    const auto same = [&](const auto& device) { return device.id == bound->device_id; };
    if (std::any_of(devices.begin(), devices.end(), same)) return;  // a duplicate, or a mapping
    devices.push_back({bound->device_id, file.device().info.name, file.device().name});
  }

  std::vector<OpenContext> found_;
};

// What is known of all objects of a context while its facts are put together.
class ContextReader {
 public:
  explicit ContextReader(const OpenContext& open)
      : open_(open),
        views_(open.context->objects().views()),  // before the uses below, which would count
        devices_(by_id<iommufd::Device>()),
        ioases_(by_id<iommufd::Ioas>()),
        hwpts_(by_id<iommufd::HwptPaging>()) {
    for (const auto& [id, ioas] : ioases_) {
      areas_[id] = ioas->iopt.areas();
      for (const auto& area : areas_[id]) ++sharers_[area.pages.get()];
    }
    for (const auto& [id, hwpt] : hwpts_) domains_[&hwpt->domain()] = id;
    if (auto compat = open.context->objects().vfio_ioas<iommufd::Ioas>()) {
      compat_ = (*compat)->id();
    }
  }

  [[nodiscard]] ContextFacts read() const {
    ContextFacts facts{.descriptors = open_.descriptors,
                       .no_iommu_mode = open_.context->no_iommu_mode()};
    for (const ObjectTable::View& view : views_) {
      ObjectFacts& object = facts.objects.emplace_back();
      object.id = view.id;
      object.users = view.users;
      auto& is = object.is;
      switch (view.type) {
        case iommufd::Object::Type::kDevice:
          is = device(view.id);
          break;
        case iommufd::Object::Type::kIoas:
          is = ioas(view.id);
          break;
        case iommufd::Object::Type::kHwptPaging:
          is = hwpt(view.id);
          break;
        case iommufd::Object::Type::kFault:
          is = FaultFacts{};
          break;
      }
    }
    for (const auto& [pages, sharers] : sharers_) add_charge(*pages, facts);
    return facts;
  }

 private:
  template <class T>
  [[nodiscard]] std::map<uint32_t, iommufd::Ref<T>> by_id() const {
    std::map<uint32_t, iommufd::Ref<T>> found;
    for (auto& ref : open_.context->objects().all<T>()) {
      const uint32_t id = ref->id();
      found.emplace(id, std::move(ref));
    }
    return found;
  }

  static void add_charge(const Pages& pages, ContextFacts& facts) {
    switch (pages.accounting()) {
      case Pages::Accounting::kNone:
        facts.charged_to_nobody += pages.pinned();
        break;
      case Pages::Accounting::kUser:
        facts.charged_to_user += pages.pinned();
        break;
      case Pages::Accounting::kMm:
        facts.charged_to_process += pages.pinned();
        break;
    }
  }

  [[nodiscard]] DeviceFacts device(uint32_t id) const {
    const iommufd::Device& device = *devices_.at(id);
    DeviceFacts facts{.noiommu = device.noiommu(), .hwpt = device.hwpt_id(), .bdf = {}, .node = {}};
    for (const OpenContext::BoundDevice& bound : open_.devices) {
      if (bound.id != id) continue;
      facts.bdf = bound.bdf;
      facts.node = bound.node;
    }
    return facts;
  }

  [[nodiscard]] AreaFacts area(const IoPagetable::AreaView& view) const {
    const bool revoked = view.pages->revoked();
    AreaFacts facts{.iova = view.extent.iova,
                    .prot = view.prot,
                    .settled = view.settled,
                    .source = view.pages->kind(),
                    .address = view.pages->address() + view.extent.first_byte,
                    .sharers = sharers_.at(view.pages.get()),
                    .revoked = revoked,
                    .pages = view.extent.last_page() - view.extent.first_page() + 1,
                    .pinned = view.storage != nullptr && view.pages->kind() != Pages::Kind::kDmaBuf,
                    .storage = {}};
    if (view.storage != nullptr) facts.storage = domains_.at(view.storage);
    return facts;
  }

  [[nodiscard]] IoasFacts ioas(uint32_t id) const {
    const IoPagetable& iopt = ioases_.at(id)->iopt;
    IoasFacts facts{.alignment = iopt.alignment(),
                    .huge_pages = iopt.huge_pages(),
                    .vfio_compat = compat_ == id,
                    .allowed = iopt.allowed_ranges(),
                    .reserved = iopt.reserved_ranges(),
                    .areas = {}};
    for (const auto& view : areas_.at(id)) facts.areas.push_back(area(view));
    return facts;
  }

  [[nodiscard]] HwptFacts hwpt(uint32_t id) const {
    const iommufd::HwptPaging& hwpt = *hwpts_.at(id);
    HwptFacts facts{.ioas = hwpt.ioas().id(),
                    .automatic = hwpt.automatic(),
                    .noiommu = hwpt.noiommu(),
                    .fault = {},
                    .table = read_page_table(hwpt.domain().table)};
    if (hwpt.fault() != nullptr) facts.fault = hwpt.fault()->id();
    return facts;
  }

  const OpenContext& open_;
  const std::vector<ObjectTable::View> views_;
  const std::map<uint32_t, iommufd::Ref<iommufd::Device>> devices_;
  const std::map<uint32_t, iommufd::Ref<iommufd::Ioas>> ioases_;
  const std::map<uint32_t, iommufd::Ref<iommufd::HwptPaging>> hwpts_;
  std::map<uint32_t, std::vector<IoPagetable::AreaView>> areas_;  // by IOAS
  std::map<const Pages*, unsigned> sharers_;
  std::map<const iommufd::Domain*, uint32_t> domains_;
  uint32_t compat_ = 0;
};

}  // namespace

std::vector<OpenContext> open_contexts(const std::vector<FileRef>& files) {
  ContextFinder finder;
  for (const FileRef& file : files) finder.add(file, -1);
  return std::move(finder).found();
}

std::vector<OpenContext> open_contexts(const Process& process) {
  ContextFinder finder;
  const std::vector<FileRef> files = process.files();
  for (size_t fd = 0; fd < files.size(); ++fd) finder.add(files[fd], static_cast<int>(fd));
  for (const FileRef& file : process.memory().files()) finder.add(file, -1);
  return std::move(finder).found();
}

ContextFacts read_context(const OpenContext& open) {
  return ContextReader(open).read();
}

Snapshot take_snapshot(const Process& process) {
  const Task& task = *process.task();
  Snapshot snapshot{.contexts = {},
                    .locked = {.limit = task.memlock,
                               .uid = process.credentials().uid,
                               .of_user = task.user->locked_vm,
                               .of_process = task.memory->locked_vm,
                               .pinned = task.memory->pinned_vm}};
  for (const OpenContext& open : open_contexts(process)) {
    snapshot.contexts.push_back(read_context(open));
  }
  return snapshot;
}

}  // namespace noiommu::scenarios
