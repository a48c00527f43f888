// Which of two ways to do the same is faster, found by trying: every now and then both are done a few times, and the
// faster one from then on. What is faster may change, as threads fall asleep between calls that come slowly, or another
// program takes their processor.
#pragma once

#include <algorithm>
#include <chrono>

namespace keepgate {

class Faster {
 public:
  // Call `work(way)` with the way to go, 0 or 1; it must give the same either way.
  template <class F> void run(const F& work) {
    const int way = at_ < kTries ? 0 : at_ < 2 * kTries ? 1 : faster_;
    if (at_ >= 2 * kTries) {
      work(way);
    } else {
      const auto begin = Clock::now();
      work(way);
      tries_[at_] = Clock::now() - begin;
      if (at_ + 1 == 2 * kTries) faster_ = time(1) < time(0);
    }
    at_ = (at_ + 1) % kRound;
  }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr int kTries = 8, kRound = 512;

  // Of all tries but the longest: in the first one, threads may wake.
  Clock::duration time(int way) const {
    const auto* const first = tries_ + way * kTries;
    Clock::duration sum{};
    for (int i = 0; i < kTries; ++i) sum += first[i];
    return sum - *std::max_element(first, first + kTries);
  }

  Clock::duration tries_[2 * kTries];
  int at_ = 0, faster_ = 0;
};

}  // namespace keepgate
