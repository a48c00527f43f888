// The pool, its barrier, the helper and the block cache, driven from many threads for ThreadSanitizer to look over.
// Every scenario checks what it gets too; prints the number of rounds.
//
// Linked with --wrap=pthread_create, so that threads can be kept from starting.
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#include "helper.h"
#include "pool.h"
#include "block_cache.h"

using keepgate::Barrier;
using keepgate::Pool;

static std::atomic<int> can_start{1 << 30};  // threads that the system still starts

extern "C" {
int __real_pthread_create(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
int __wrap_pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*run)(void*), void* with) {
  if (can_start.fetch_sub(1) <= 0) return EAGAIN;
  return __real_pthread_create(thread, attributes, run, with);
}
}

namespace {

int rounds = 0;

void check(bool right, const char* what) {
  if (right) return;
  std::fprintf(stderr, "wrong: %s\n", what);
  std::exit(1);
}

// One run on memory that ends with it: each part is done once, by the time that `run` returns.
void run(Pool& pool, int threads) {
  std::vector<int> done(threads, 0);
  pool.run(threads, [&](int i) {
    for (volatile int spin = 0; spin < 200; spin = spin + 1) {
    }
    ++done[i];
  });
  for (int each : done) check(each == 1, "a part was not done once");
  ++rounds;
}

void grow() {
  for (int time = 0; time < 20; ++time) {
    Pool pool;
    for (int threads : {2, 2, 3, 1, 5, 4, 8, 2}) run(pool, threads);
  }
}

// A pool that cannot grow as far as it should says so, does nothing, and works on with what it has.
void fail_to_grow() {
  for (int time = 0; time < 300; ++time) {
    Pool pool;
    int has = 1;
    for (int starts : {1, 0, 1, 2}) {
      can_start = starts;
      bool begun = false, failed = false;
      try {
        pool.run(has + starts + 1, [&](int) { begun = true; });
      } catch (const std::runtime_error&) {
        failed = true;
      }
      can_start = 1 << 30;
      check(failed && !begun, "a pool that cannot grow");
      has += starts;
      for (int again = 0; again < 3; ++again) run(pool, has);
    }
  }
}

void throw_from_work() {
  Pool pool;
  for (int time = 0; time < 200; ++time) {
    int found = -1;
    try {
      pool.run(4, [&](int i) {
        if (i == time % 4) throw i;
      });
    } catch (int thrown) {
      found = thrown;
    }
    check(found == time % 4, "what was thrown");
    run(pool, 4);
  }
}

void meet() {
  Pool pool;
  for (int time = 0; time < 50; ++time) {
    Barrier barrier(4);
    std::vector<int> steps(4, 0);
    pool.run(4, [&](int i) {
      for (int step = 0; step < 20; ++step) {
        ++steps[i];
        barrier.wait();
        for (int each : steps) check(each == step + 1, "a step that others have not done");
        barrier.wait();
      }
    });
    ++rounds;
  }
}

// Callers take turns; what runs within a run has a pool of its own.
void call_from_many() {
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 6; ++caller)
    callers.emplace_back([caller] {
      for (int time = 0; time < 60; ++time) {
        std::vector<int> done(3, 0);
        Pool::shared().run(2 + (caller + time) % 2, [&](int i) {
          static thread_local Pool alone;
          alone.run(1, [&](int) { ++done[i]; });
        });
        check(done[0] == 1 && done[1] == 1, "a part of a caller");
        const size_t bytes = (size_t)1 << (14 + (caller + time) % 5);
        void* const block = keepgate::take_block(bytes);
        std::memset(block, caller, bytes);
        keepgate::give_block(block, bytes);
      }
    });
  for (std::thread& caller : callers) caller.join();
  rounds += 6 * 60;
}

void help() {
  for (const bool thread : {true, false}) {
    keepgate::Helper helper(thread);
    int sum = 0;
    for (int time = 0; time < 300; ++time) {
      for (int i = 0; i < 6; ++i) helper.start([&sum, i] { sum += i; });
      helper.wait();
      check(sum == 15 * (time + 1), "what the helper did");
    }
  }
}

// A child has none of the threads of its parent, whatever they were doing, and starts its own.
void fork_amid() {
  std::atomic<bool> stop{false};
  std::thread other([&] {
    while (!stop) Pool::shared().run(3, [](int) {});
  });
  for (int time = 0; time < 10; ++time) {
    const pid_t child = fork();
    if (!child) {
      alarm(20);
      run(Pool::shared(), 3);
      keepgate::give_block(keepgate::take_block(1 << 20), 1 << 20);
      _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    check(WIFEXITED(status) && WEXITSTATUS(status) == 0, "a child");
  }
  stop = true;
  other.join();
}

}  // namespace

int main() {
  grow();
  fail_to_grow();
  throw_from_work();
  meet();
  call_from_many();
  help();
  fork_amid();
  std::printf("%d\n", rounds);
  _exit(0);  // the shared pool is never torn down
}
