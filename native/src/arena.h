// Memory that is handed out piece by piece and comes back all at once.
//
// Whoever runs a call owns its arena and hands it down: a stepper has one for life; `forward` and `backward` borrow
// that of their thread (`ScopedArena`). `CallPlan` and the workers take pieces while they are made, which the owner's
// thread does for all of them; they never give any back, and none outlives the owner.
#pragma once

#include <algorithm>
#include <cstring>
#include <vector>

#include "buffer.h"
#include "tuning.h"

namespace keepgate {

class Arena {
 public:
  // As many numbers as the product of `sizes`, on a cache line, not set to anything.
  template <class T, class... Sizes> T* take(Sizes... sizes) {
    const size_t count = product_of(sizes...), bytes = (product_of(count, sizeof(T)) + 127) / 64 * 64;
    if (used_ + bytes > size_) grow(bytes);
    T* piece = reinterpret_cast<T*>(blocks_.back().get() + used_);
    used_ += bytes;
    ASAN_UNPOISON_MEMORY_REGION(piece, bytes);
    if (poison()) std::memset(piece, 0xFF, bytes);
    ASAN_POISON_MEMORY_REGION(piece + count, bytes - count * sizeof(T));
    return piece;
  }
  // The same, all 0.
  template <class T, class... Sizes> T* zeros(Sizes... sizes) {
    T* const piece = take<T>(sizes...);
    std::fill_n(piece, product_of(sizes...), T(0));
    return piece;
  }
  // Forget all pieces; memory of moderate size is kept as one block, so that later calls take none.
  void clear() {
    if (blocks_.size() > 1 || size_ > tuning::kArenaBytes) {
      blocks_.clear();
      next_ = total_ + size_ <= tuning::kArenaBytes ? total_ + size_ : 0;
      size_ = 0;
    }
    if (size_) ASAN_POISON_MEMORY_REGION(blocks_.back().get(), size_);
    used_ = total_ = 0;
  }

 private:
  void grow(size_t bytes) {
    bytes = std::max({bytes, next_, tuning::kArenaStart});
    blocks_.emplace_back(bytes);
    ASAN_POISON_MEMORY_REGION(blocks_.back().get(), bytes);
    total_ += size_;
    size_ = bytes;
    used_ = 0;
  }
  std::vector<Buffer<char>> blocks_;
  size_t size_ = 0, used_ = 0, total_ = 0;  // of the newest block; `total_`: of the others
  size_t next_ = 0;                         // size of the next block, at least
};

// The arena of this thread for the time of one call; its memory stays for the thread's next call.
class ScopedArena {
 public:
  ScopedArena() = default;
  ~ScopedArena() { arena_.clear(); }
  ScopedArena(const ScopedArena&) = delete;
  operator Arena&() { return arena_; }

 private:
  static Arena& of_thread() {
    static thread_local Arena arena;
    return arena;
  }
  Arena& arena_ = of_thread();
};

}  // namespace keepgate
