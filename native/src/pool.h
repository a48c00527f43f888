// A few threads that wait for work; the caller works too. Between the phases of one call workers look for work for some
// microseconds, then they sleep: an idle pool costs nothing.
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

  // Run work(0), ..., work(threads - 1), the first on the caller; return when all are done. Throws what one of them threw.
  // Calls from several threads take turns.
  void run(int threads, const std::function<void(int)>& work);

 private:
  void grow(int workers);
  void serve(int number);
  void attempt(int number) noexcept;

  std::mutex turn_, mutex_;
  std::condition_variable wake_, finished_;
  std::vector<std::thread> workers_;
  const std::function<void(int)>* work_ = nullptr;
  std::exception_ptr failure_;
  std::atomic<uint64_t> round_{0};
  std::atomic<int> wanted_{0}, open_{0};
  bool stop_ = false;
};

}  // namespace keepgate
