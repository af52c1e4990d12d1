/*
 * Compile-time checks of a structure that crosses the user/kernel border: its size, and the place
 * of each field. A wrong table entry stops the build, in C and in C++ alike.
 */
#pragma once

#include <assert.h>
#include <stddef.h>

#define UAPI_SIZE(type, bytes) static_assert(sizeof(struct type) == (bytes), "size of " #type)

#define UAPI_FIELD(type, field, at) \
  static_assert(offsetof(struct type, field) == (at), "offset of " #type "." #field)
