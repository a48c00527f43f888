#include "pool.h"

#include <pthread.h>

#include <chrono>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include "openmp.h"
#include "processor.h"

namespace keepgate {
namespace {

constexpr auto kPatience = std::chrono::microseconds(50);

inline void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

// Look at a condition for a short while.
template <class F> bool soon(F condition) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  do {
    for (int i = 0; i < 64; ++i) {
      if (condition()) return true;
      pause();
    }
  } while (std::chrono::steady_clock::now() < end);
  return condition();
}

}  // namespace

Pool& Pool::shared() {
  // Never torn down: a worker may outlive static destructors. A forked child has none of its parent's threads, and what
  // it inherits of their pool may be locked for ever: a new one takes its place, in the same memory.
  alignas(Pool) static char place[sizeof(Pool)];
  static const auto make = [] { new (place) Pool; };
  static const bool made = (make(), pthread_atfork(nullptr, nullptr, make) == 0);
  (void)made;
  return *std::launder(reinterpret_cast<Pool*>(place));
}

Pool::~Pool() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stop_ = true;
    round_.fetch_add(1);
  }
  wake_.notify_all();
  for (auto& worker : workers_) worker.join();
}

void Pool::grow(int workers) {
  while ((int)workers_.size() < workers) {
    const int number = (int)workers_.size() + 1;
    // The rounds so far are none of its business, also where the next one never begins for want of another thread.
    const uint64_t seen = round_.load();
    try {
      workers_.emplace_back([this, number, seen] { serve(number, seen); });
    } catch (const std::system_error& error) {
      throw std::runtime_error("the system starts no more than " + std::to_string(number - 1) + " of " +
                               std::to_string(workers) + " threads beside the caller (" + error.what() +
                               "); set KEEPGATE_THREADS to a smaller number");
    }
  }
}

void Pool::run(int threads, const std::function<void(int)>& work) {
  if (threads <= 1) return work(0);
  std::lock_guard<std::mutex> turn(turn_);
  if (openmp::run(threads, work)) return;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    grow(threads - 1);
    work_ = &work;
    wanted_ = threads;
    caller_ = processor();
    open_ = (int)workers_.size();
    round_.fetch_add(1);
  }
  wake_.notify_all();
  attempt(0);
  const auto done = [this] { return open_.load(std::memory_order_acquire) == 0; };
  if (!soon(done)) {
    std::unique_lock<std::mutex> lock(mutex_);
    finished_.wait(lock, done);
  }
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
}

void Pool::attempt(int number) noexcept {
  try {
    (*work_)(number);
  } catch (...) {
    std::lock_guard<std::mutex> lock(mutex_);
    failure_ = std::current_exception();
  }
}

void Barrier::wait() {
  const uint32_t round = round_.load();
  if (arrived_.fetch_add(1) + 1 == threads_) {
    arrived_.store(0);
    round_.fetch_add(1);
    if (asleep_.load()) {
      std::lock_guard<std::mutex> lock(mutex_);
      passed_.notify_all();
    }
    return;
  }
  const auto passed = [this, round] { return round_.load() != round; };
  if (soon(passed)) return;
  std::unique_lock<std::mutex> lock(mutex_);
  asleep_.fetch_add(1);
  passed_.wait(lock, passed);
  asleep_.fetch_sub(1);
}

void Pool::serve(int number, uint64_t seen) {
  for (;;) {
    const auto called = [this, &seen] { return round_.load(std::memory_order_acquire) != seen; };
    if (!soon(called)) {
      std::unique_lock<std::mutex> lock(mutex_);
      wake_.wait(lock, called);
    }
    {
      std::lock_guard<std::mutex> lock(mutex_);
      seen = round_.load();
      if (stop_) return;
    }
    if (number < wanted_.load()) {
      make_way(caller_);
      attempt(number);
    }
    if (open_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      std::lock_guard<std::mutex> lock(mutex_);
      finished_.notify_all();
    }
  }
}

}  // namespace keepgate
