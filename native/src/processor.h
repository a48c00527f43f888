// Where a thread runs.
#pragma once

#if defined(__linux__)
#include <sched.h>
#include <unistd.h>
#endif

namespace keepgate {

// The processor on which this thread runs; -1 where the system does not tell.
inline int processor() {
#if defined(__linux__)
  return sched_getcpu();
#else
  return -1;
#endif
}

// Leave the processor `caller`. A scheduler may leave a woken thread on the processor of the one that woke it, where it
// waits instead of helping.
inline void make_way(int caller) {
#if defined(__linux__)
  cpu_set_t others;
  if (caller < 0 || processor() != caller || sched_getaffinity(getpid(), sizeof others, &others)) return;
  CPU_CLR(caller, &others);
  if (CPU_COUNT(&others)) sched_setaffinity(0, sizeof others, &others);
#else
  (void)caller;
#endif
}

}  // namespace keepgate
