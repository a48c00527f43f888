// Where the values of one call lie. A value moves with time (a tape, a state, a chunk of deltas), or is written anew at
// every step by each thread, or never changes.
#pragma once

#include <algorithm>
#include <cstring>

#include "packed.h"

namespace keepgate {

// Memory of one call, handed out piece by piece on cache lines; kept by the thread for the next call.
class Arena {
 public:
  // Room for as many numbers as the product of `sizes`.
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
  // Forget all pieces; memory of moderate size is kept as one block, so that later calls take none.
  void clear() {
    if (blocks_.size() > 1 || size_ > kKeep) {
      blocks_.clear();
      next_ = total_ + size_ <= kKeep ? total_ + size_ : 0;
      size_ = 0;
    }
    if (size_) ASAN_POISON_MEMORY_REGION(blocks_.back().get(), size_);
    used_ = total_ = 0;
  }

 private:
  static constexpr size_t kKeep = size_t(1) << 25;
  void grow(size_t bytes) {
    bytes = std::max({bytes, next_, size_t(1) << 16});
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

// Where a value lies at step t: base + (t - origin) * step, or its remainder by 2.
template <class T> struct Mover {
  int32_t value;
  T* base;
  ptrdiff_t step, origin;
  bool ring;

  T* at(ptrdiff_t t) const { return base + (ring ? (t - origin) & 1 : t - origin) * step; }
};

inline ptrdiff_t before(bool reverse, ptrdiff_t t) { return reverse ? t + 1 : t; }
inline ptrdiff_t after(bool reverse, ptrdiff_t t) { return reverse ? t : t + 1; }

}  // namespace keepgate
