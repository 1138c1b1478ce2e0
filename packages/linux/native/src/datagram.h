/* Single datagrams that Node itself cannot send: frames on a device, and messages to a UNIX datagram socket. */
#ifndef OVERLAY_DATAGRAM_H
#define OVERLAY_DATAGRAM_H

#include "support.h"

/*
 * sendFrame(netns | undefined, index, etherType, destination, payload): sends one frame by the device with that index;
 * the kernel writes the Ethernet header, with the device's own MAC as the source (packet(7), SOCK_DGRAM).
 */
napi_value send_frame(napi_env env, napi_callback_info info);

/* sendUnixDatagram(path, payload): sends one datagram without waiting; a path that begins with @ is abstract. */
napi_value send_unix_datagram(napi_env env, napi_callback_info info);

#endif
