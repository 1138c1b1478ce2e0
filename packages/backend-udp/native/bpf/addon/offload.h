/* Offloads of a device, as `ethtool -K` switches them. */
#ifndef OVERLAY_BPF_OFFLOAD_H
#define OVERLAY_BPF_OFFLOAD_H

#include "support.h"

/* (netns, device, "gro" | "tso") -> whether it is on; (netns, device, name, on) sets it. */
napi_value get_offload(napi_env env, napi_callback_info info);
napi_value set_offload(napi_env env, napi_callback_info info);

#endif
