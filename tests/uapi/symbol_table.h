// Turns the list into table entries, under whichever header the including file chose.
// CONSTANT uses # right on its parameter, because the system's constants are macros.
#pragma once

#include <cstddef>

#include "tests/uapi/symbol.h"

#define CONSTANT(name) {#name, name},
#define SIZE(type) {"sizeof " #type, sizeof(struct type)},
#define FIELD(type, field) {#type "." #field, offsetof(struct type, field)},
