/* Work in another network namespace. */
#ifndef OVERLAY_NETNS_H
#define OVERLAY_NETNS_H

#include "outcome.h"

/*
 * Runs `work` inside the network namespace file `netns` (NULL: the caller's own). Another namespace is entered by
 * a short-lived thread, because setns(2) is per thread and none of Node's threads may ever change theirs.
 */
struct outcome in_netns(const char *netns, struct outcome (*work)(void *), void *argument);

#endif
