/* Ends a program that finds something not to be as it must. */
#ifndef NOIOMMU_TESTS_PROGRAMS_CHECK_H
#define NOIOMMU_TESTS_PROGRAMS_CHECK_H

#include <stdio.h>
#include <stdlib.h>

#define CHECK(condition)                                              \
  do {                                                                \
    if (!(condition)) {                                               \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
      exit(1);                                                        \
    }                                                                 \
  } while (0)

#endif
