/* Sockets that carry requests to rtnetlink, each served by a thread of its own. */
#ifndef OVERLAY_REQUEST_H
#define OVERLAY_REQUEST_H

#include "support.h"

/*
 * openRequest({ netns?, receiveBuffer?: bytes }, onDone) -> { handle, port }
 * onDone(id, errno, offset, text, interrupted, result): see `submit` for the result.
 */
napi_value open_request(napi_env env, napi_callback_info info);

/*
 * submit(handle, id, kind, messages: Uint8Array): queues one job, jobs are served in order.
 * kind 0, batch: many messages; result is a flat list of [index, errno, offset or -1, text or undefined], in order.
 * kind 1, dump, and kind 2, query: one message; result is a list of ArrayBuffers full of messages.
 */
napi_value submit(napi_env env, napi_callback_info info);

/* cancel(handle, id): a batch sends nothing more; a dump is read to its end and thrown away. */
napi_value cancel(napi_env env, napi_callback_info info);

/* pace(handle, monitorHandle, on): batches wait while that monitor's receive queue is more than half full. */
napi_value pace(napi_env env, napi_callback_info info);

/* closeRequest(handle): idempotent; jobs not yet begun are dropped. */
napi_value close_request(napi_env env, napi_callback_info info);

#endif
