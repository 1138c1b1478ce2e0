/* How a step that makes system calls ended. */
#ifndef OVERLAY_OUTCOME_H
#define OVERLAY_OUTCOME_H

/* error 0 means success, else it is an errno and `syscall` names the call that failed. */
struct outcome {
  int error;
  const char *syscall;
};

#define SUCCESS ((struct outcome){0, 0})

#endif
