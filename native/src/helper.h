// A second thread that does one thing after another beside its owner; or, without one, the owner itself, at once. What
// it does must not throw; it takes no memory itself once it is there.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <system_error>
#include <thread>

#include "processor.h"

namespace keepgate {

class Helper {
 public:
  explicit Helper(bool thread) {
    try {
      if (thread) thread_ = std::thread([this] { serve(); });
    } catch (const std::system_error&) {
      // The system starts no further thread: the owner does it.
    }
  }
  ~Helper() {
    if (!thread_.joinable()) return;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      stop_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }
  Helper(const Helper&) = delete;

  // Do this after what was begun before: a lambda of no more than two words, which a std::function holds in itself.
  template <class F> void start(const F& work) {
    static_assert(sizeof(F) <= 2 * sizeof(void*));
    if (!thread_.joinable()) return work();
    {
      std::unique_lock<std::mutex> lock(mutex_);
      changed_.wait(lock, [this] { return count_ < kMost; });
      works_[(first_ + count_++) % kMost] = work;
      caller_ = processor();
    }
    changed_.notify_all();
  }

  // Until all is done.
  void wait() {
    if (!thread_.joinable()) return;
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return count_ == 0; });
  }

 private:
  void serve() {
    std::unique_lock<std::mutex> lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return stop_ || count_; });
      if (!count_) return;
      const auto& work = works_[first_];  // stays where it is when others are added
      const int caller = caller_;
      lock.unlock();
      make_way(caller);
      work();
      lock.lock();
      first_ = (first_ + 1) % kMost;
      --count_;
      changed_.notify_all();
    }
  }

  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable changed_;
  static constexpr int kMost = 4;  // that wait
  std::function<void()> works_[kMost];
  int first_ = 0, count_ = 0;
  int caller_ = -1;  // the processor on which the owner runs
  bool stop_ = false;
};

}  // namespace keepgate
