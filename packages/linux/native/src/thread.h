/* Threads of the addons. */
#ifndef OVERLAY_THREAD_H
#define OVERLAY_THREAD_H

#include <pthread.h>

/* Starts a joinable thread with a small stack, a name and every signal blocked. Returns an errno. */
int start_thread(pthread_t *thread, const char *name, void *(*run)(void *), void *argument);

#endif
