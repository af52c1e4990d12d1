/* The header that VFIO info structures put before each capability. */
#pragma once

#include <stdint.h>

#include "uapi/layout.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Starts each entry of the chain that a GET_INFO call may append. All out. */
struct vfio_info_cap_header {
  uint16_t id;
  uint16_t version;
  uint32_t next; /* bytes from the start of the info structure; 0 ends the chain */
};
UAPI_SIZE(vfio_info_cap_header, 8);
UAPI_FIELD(vfio_info_cap_header, id, 0);
UAPI_FIELD(vfio_info_cap_header, version, 2);
UAPI_FIELD(vfio_info_cap_header, next, 4);

#ifdef __cplusplus
}
#endif
