// Objects of one iommufd context and the ids that user space knows them by.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <shared_mutex>
#include <thread>
#include <utility>
#include <vector>

#include "model/kernel/ida.h"
#include "model/kernel/result.h"
#include "model/kernel/rw_semaphore.h"
#include "model/kernel/types.h"

namespace noiommu::iommufd {

// `users` counts the table's own reference and every Ref. Spec: iommufd.md section 2.
class Object : Unmovable {
 public:
  enum class Type { kDevice, kIoas, kHwptPaging, kFault };

  virtual ~Object() = default;

  [[nodiscard]] Type type() const { return type_; }
  [[nodiscard]] uint32_t id() const { return id_; }
  [[nodiscard]] uint32_t users() const { return users_; }

 protected:
  Object(Type type, uint32_t id) : type_(type), id_(id) {}

 private:
  template <class T>
  friend class Ref;
  friend class ObjectTable;

  const Type type_;
  const uint32_t id_;
  std::atomic<uint32_t> users_ = 1;
};

// A counted use of an object, which DESTROY answers with EBUSY.
template <class T>
class Ref {
 public:
  Ref() = default;
  // Nothing when the object is being destroyed. Only for an object that cannot be freed yet.
  static Ref try_acquire(T& object) {
    uint32_t users = object.users_;
    while (users != 0 && !object.users_.compare_exchange_weak(users, users + 1)) {
    }
    return users == 0 ? Ref() : Ref(&object);
  }
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Ref& operator=(Ref&& other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  Ref(const Ref&) = delete;
  Ref& operator=(const Ref&) = delete;
  ~Ref() { reset(); }

  void reset() {
    if (T* object = std::exchange(object_, nullptr)) --object->users_;
  }
  // The caller takes over the use.
  T* leak() { return std::exchange(object_, nullptr); }
  [[nodiscard]] T* get() const { return object_; }
  T& operator*() const { return *object_; }
  T* operator->() const { return object_; }
  explicit operator bool() const { return object_ != nullptr; }

 private:
  explicit Ref(T* object) : object_(object) {}
  T* object_ = nullptr;
};

// Ids start at 1 and are always the lowest free one; all types share them. An id is reserved
// before its object exists: until then look-ups answer ENOENT.
//
// Thread-safety: all methods may be called from any thread.
class ObjectTable : Unmovable {
 public:
  ObjectTable() = default;
  // Destroys what is left, users before what they use.
  ~ObjectTable();

  Result<uint32_t> reserve();  // EBUSY when all ids are taken
  void publish(std::unique_ptr<Object> object);
  void abandon(uint32_t id);  // gives back a reserved id

  // ENOENT for an unknown, reserved or dying id and, in get, for an object of another type.
  Result<Ref<Object>> get_any(uint32_t id) const;
  template <class T>
  Result<Ref<T>> get(uint32_t id) const {
    const std::shared_lock lock(mutex_);
    Object* object = find(id);
    if (object == nullptr || object->type() != T::kType) return Err(ENOENT);
    return acquire(static_cast<T&>(*object));
  }

  // Answers look(const T&), which waits for nobody: the table is locked, which takes less than a
  // use. False where get() answers ENOENT.
  template <class T, class Look>
  bool look_at(uint32_t id, const Look& look) const {
    const std::shared_lock lock(mutex_);
    const Object* object = find(id);
    return object != nullptr && object->type() == T::kType && look(static_cast<const T&>(*object));
  }

  // IOMMU_DESTROY. ENOENT; EBUSY while anything else uses the object.
  Status destroy(uint32_t id);
  // Whether no id is taken, not even a reserved one.
  [[nodiscard]] bool empty() const;
  // An object as it is just now. Unlike a Ref, looking does not count as a use.
  struct View {
    uint32_t id = 0;
    Object::Type type = Object::Type::kIoas;
    uint32_t users = 0;
  };
  // By id; reserved ids are not objects yet.
  [[nodiscard]] std::vector<View> views() const;
  // Uses of all objects of a type, by id.
  template <class T>
  [[nodiscard]] std::vector<Ref<T>> all() const {
    const std::shared_lock lock(mutex_);
    std::vector<Ref<T>> found;
    for (const auto& object : objects_) {
      if (!object || object->type() != T::kType) continue;
      if (auto ref = Ref<T>::try_acquire(static_cast<T&>(*object))) found.push_back(std::move(ref));
    }
    return found;
  }

  // The object that the VFIO container emulation maps in: remembered, not used, and forgotten when
  // it is destroyed. Spec: iommufd.md section 12, VFIO_IOAS.
  void set_vfio_ioas(const Object* ioas);
  // ENODEV when there is none.
  template <class T>
  Result<Ref<T>> vfio_ioas() const {
    const std::shared_lock lock(mutex_);
    if (vfio_ioas_ == 0) return Err(ENODEV);
    auto ref = Ref<T>::try_acquire(static_cast<T&>(*objects_[vfio_ioas_]));
    if (!ref) return Err(ENODEV);
    return ref;
  }

  // Gives back a use, and destroys the object when it was the last one.
  template <class T>
  void put_and_try_destroy(Ref<T> ref) {
    Object* object = ref.leak();
    destroy_if_users(*object, 2, 1);
  }
  // Waits until the caller is the only user, then destroys the object.
  template <class T>
  void remove(Ref<T> ref) {
    Object* object = ref.leak();
    while (!destroy_if_users(*object, 2, 2)) std::this_thread::yield();
  }

 private:
  [[nodiscard]] Object* find(uint32_t id) const;
  // Destroys the object when it has `expected` users; otherwise leaves it with `expected - kept`
  // fewer.
  bool destroy_if_users(Object& object, uint32_t expected, uint32_t kept);
  std::unique_ptr<Object> take_out(uint32_t id);  // mutex_ held
  template <class T>
  static Result<Ref<T>> acquire(T& object) {
    auto ref = Ref<T>::try_acquire(object);
    if (!ref) return Err(ENOENT);
    return ref;
  }

  mutable PercpuRwSemaphore mutex_;  // guards everything below
  Ida ids_{1, INT32_MAX};
  std::vector<std::unique_ptr<Object>> objects_;  // by id; empty where free or reserved
  uint32_t taken_ = 0;                            // ids, reserved ones too
  uint32_t vfio_ioas_ = 0;                        // 0: none
};

}  // namespace noiommu::iommufd
