#include "model/iommufd/object.h"

#include <mutex>

namespace noiommu::iommufd {

ObjectTable::~ObjectTable() {
  for (bool destroyed = true; destroyed;) {
    destroyed = false;
    for (uint32_t id = 1; id < objects_.size(); ++id) {
      if (objects_[id] && destroy(id)) destroyed = true;
    }
  }
}

Result<uint32_t> ObjectTable::reserve() {
  const std::unique_lock lock(mutex_);
  auto id = ids_.alloc();
  if (!id) return Err(EBUSY);
  if (objects_.size() <= *id) objects_.resize(*id + 1);
  ++taken_;
  return *id;
}

void ObjectTable::publish(std::unique_ptr<Object> object) {
  const std::unique_lock lock(mutex_);
  const uint32_t id = object->id();
  objects_[id] = std::move(object);
}

void ObjectTable::abandon(uint32_t id) {
  const std::unique_lock lock(mutex_);
  take_out(id);
}

std::unique_ptr<Object> ObjectTable::take_out(uint32_t id) {
  ids_.free(id);
  --taken_;
  if (vfio_ioas_ == id) vfio_ioas_ = 0;
  return std::move(objects_[id]);
}

bool ObjectTable::empty() const {
  const std::shared_lock lock(mutex_);
  return taken_ == 0;
}

std::vector<ObjectTable::View> ObjectTable::views() const {
  const std::shared_lock lock(mutex_);
  std::vector<View> views;
  for (const auto& object : objects_) {
    if (object) views.push_back({object->id(), object->type(), object->users()});
  }
  return views;
}

void ObjectTable::set_vfio_ioas(const Object* ioas) {
  const std::unique_lock lock(mutex_);
  vfio_ioas_ = ioas == nullptr ? 0 : ioas->id();
}

Object* ObjectTable::find(uint32_t id) const {
  return id < objects_.size() ? objects_[id].get() : nullptr;
}

Result<Ref<Object>> ObjectTable::get_any(uint32_t id) const {
  const std::shared_lock lock(mutex_);
  Object* object = find(id);
  if (object == nullptr) return Err(ENOENT);
  return acquire(*object);
}

bool ObjectTable::destroy_if_users(Object& object, uint32_t expected, uint32_t kept) {
  std::unique_ptr<Object> dead;  // destroyed after the lock
  const std::unique_lock lock(mutex_);
  uint32_t users = expected;
  if (!object.users_.compare_exchange_strong(users, 0)) {
    object.users_ -= expected - kept;
    return false;
  }
  dead = take_out(object.id());
  return true;
}

Status ObjectTable::destroy(uint32_t id) {
  std::unique_ptr<Object> dead;  // destroyed after the lock
  const std::unique_lock lock(mutex_);
  Object* object = find(id);
  if (object == nullptr) return Err(ENOENT);
  uint32_t only_the_table = 1;
  if (!object->users_.compare_exchange_strong(only_the_table, 0)) return Err(EBUSY);
  dead = take_out(id);
  return {};
}

}  // namespace noiommu::iommufd
