/* Reading and writing of files whose content depends on the network namespace, /proc/sys/net above all. */
#ifndef OVERLAY_NETNS_FILE_H
#define OVERLAY_NETNS_FILE_H

#include "support.h"

/* readNetnsFile(netns | undefined, path): Promise<string> */
napi_value read_netns_file(napi_env env, napi_callback_info info);

/* writeNetnsFile(netns | undefined, path, text): Promise<void> */
napi_value write_netns_file(napi_env env, napi_callback_info info);

#endif
