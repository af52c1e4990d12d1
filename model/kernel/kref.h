// Objects that count who keeps them, in four bytes of their own.
#pragma once

#include <atomic>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "model/kernel/types.h"

namespace noiommu {

// Thread-safety: a KrefPtr is one thread's, the object behind it everybody's.
class Kref : Unmovable {
 public:
  // How many KrefPtrs there are just now.
  [[nodiscard]] uint32_t kept() const { return kept_.load(std::memory_order_relaxed); }

 private:
  template <class T>
  friend class KrefPtr;

  mutable std::atomic<uint32_t> kept_ = 0;
};

// Keeps an object made with make_kref(): the last one to go deletes it, as what T is.
template <class T>
class KrefPtr {
 public:
  KrefPtr() = default;
  KrefPtr(std::nullptr_t) {}
  explicit KrefPtr(T* object) : object_(object) {
    if (object_ != nullptr) object_->kept_.fetch_add(1, std::memory_order_relaxed);
  }
  // The first reference to an object that nobody else has seen yet.
  static KrefPtr first(T* object) {
    object->kept_.store(1, std::memory_order_relaxed);
    KrefPtr made;
    made.object_ = object;
    return made;
  }
  KrefPtr(const KrefPtr& other) : KrefPtr(other.object_) {}
  KrefPtr(KrefPtr&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  // From a derived class whose objects may be deleted as T.
  template <class Derived>
  requires std::is_convertible_v<Derived*, T*> && std::has_virtual_destructor_v<T> KrefPtr(
      KrefPtr<Derived> other)
      : object_(other.leak()) {}
  KrefPtr& operator=(KrefPtr other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~KrefPtr() {
    if (object_ != nullptr && object_->kept_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      delete object_;
    }
  }

  // The caller takes over what this kept.
  T* leak() { return std::exchange(object_, nullptr); }
  [[nodiscard]] T* get() const { return object_; }
  T& operator*() const { return *object_; }
  T* operator->() const { return object_; }
  explicit operator bool() const { return object_ != nullptr; }
  bool operator==(const KrefPtr&) const = default;

 private:
  T* object_ = nullptr;
};

template <class T, class... Arguments>
KrefPtr<T> make_kref(Arguments&&... arguments) {
  return KrefPtr<T>::first(new T(std::forward<Arguments>(arguments)...));
}

}  // namespace noiommu
