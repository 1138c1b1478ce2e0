/* Sockets that listen to multicast groups, each read by a thread of its own. */
#ifndef OVERLAY_MONITOR_H
#define OVERLAY_MONITOR_H

#include "support.h"

struct monitor;

/*
 * openMonitor({ netns?, groups: number[], ignoredPorts?: number[], receiveBuffer?: bytes }, onEvent)
 * -> { handle, port, receiveBuffer }
 * onEvent(kind, errno, data): kind 0 = messages (ArrayBuffer), 1 = overflow, 2 = the socket failed (errno).
 */
napi_value open_monitor(napi_env env, napi_callback_info info);

/* closeMonitor(handle): idempotent; events already queued may still be delivered. */
napi_value close_monitor(napi_env env, napi_callback_info info);

/* The monitor behind a handle made by open_monitor, or NULL with a pending exception. */
struct monitor *monitor_of(napi_env env, napi_value handle);

/* References keep the structure alive; the socket is closed with its thread all the same. */
void monitor_retain(struct monitor *monitor);
void monitor_release(struct monitor *monitor);

uint32_t monitor_buffer_bytes(const struct monitor *monitor);

/* Whether more than half of the receive buffer waits to be read (false for a closed one). */
bool monitor_is_crowded(struct monitor *monitor);

#endif
