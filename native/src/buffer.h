// One block of memory with one owner.
#pragma once

#include <utility>

#include "block_cache.h"

namespace keepgate {

// `count` numbers on a cache line, not set to anything; freed with the buffer.
template <class T> class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(size_t count) {
    bytes_ = (product_of(count, sizeof(T)) + 127) / 64 * 64;
    data_ = static_cast<T*>(take_block(bytes_));
    ASAN_POISON_MEMORY_REGION(data_ + count, bytes_ - count * sizeof(T));
  }
  Buffer(Buffer&& other) noexcept : data_(other.data_), bytes_(other.bytes_) { other.data_ = nullptr; }
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~Buffer() {
    if (data_) give_block(data_, bytes_);
  }
  T* get() const { return data_; }

 private:
  T* data_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace keepgate
