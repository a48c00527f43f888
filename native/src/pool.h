// A few threads that wait for work; the caller works too: those of the OpenMP runtime in use (see openmp.h), else our
// own. Between the phases of one call our own look for work for some microseconds, then they sleep: an idle pool costs
// nothing.
#pragma once

#include <atomic>
#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace keepgate {

class Pool {
 public:
  // The pool of this process.
  static Pool& shared();

  ~Pool();

  // Run work(0), ..., work(threads - 1), the first on the caller; return when all are done. Throws what one of them
  // threw, or std::runtime_error, before any work, where the system starts no further thread. Calls from several
  // threads take turns.
  void run(int threads, const std::function<void(int)>& work);

 private:
  void grow(int workers);
  void serve(int number, uint64_t seen);
  void attempt(int number) noexcept;

  std::mutex turn_, mutex_;
  std::condition_variable wake_, finished_;
  std::vector<std::thread> workers_;
  const std::function<void(int)>* work_ = nullptr;
  std::exception_ptr failure_;
  std::atomic<uint64_t> round_{0};
  std::atomic<int> wanted_{0}, open_{0}, caller_{-1};  // `caller_`: the processor on which the caller runs
  bool stop_ = false;
};

// Where the threads of one `Pool::run` wait for each other, any number of times: awake for some microseconds, for the
// others are about to arrive; then, where they have no processor, asleep.
class Barrier {
 public:
  explicit Barrier(int threads) : threads_(threads) {}
  void wait();

 private:
  const int threads_;
  std::atomic<int> arrived_{0}, asleep_{0};
  std::atomic<uint32_t> round_{0};
  std::mutex mutex_;
  std::condition_variable passed_;
};

}  // namespace keepgate
