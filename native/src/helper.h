// A second thread that does one thing after another beside its owner; or, without one, the owner itself, at once.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include "processor.h"

namespace keepgate {

class Helper {
 public:
  explicit Helper(bool thread) {
    if (thread) thread_ = std::thread([this] { serve(); });
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

  // Do this after what was begun before.
  void start(std::function<void()> work) {
    if (!thread_.joinable()) return work();
    {
      std::lock_guard<std::mutex> lock(mutex_);
      works_.push_back(std::move(work));
      caller_ = processor();
    }
    changed_.notify_all();
  }

  // Until all is done.
  void wait() {
    if (!thread_.joinable()) return;
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return works_.empty(); });
  }

 private:
  void serve() {
    std::unique_lock<std::mutex> lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return stop_ || !works_.empty(); });
      if (works_.empty()) return;
      const auto& work = works_.front();  // stays where it is when others are added
      const int caller = caller_;
      lock.unlock();
      make_way(caller);
      work();
      lock.lock();
      works_.pop_front();
      changed_.notify_all();
    }
  }

  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> works_;
  int caller_ = -1;  // the processor on which the owner runs
  bool stop_ = false;
};

}  // namespace keepgate
