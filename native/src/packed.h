// Weights in the order in which the products read them.
#pragma once

#include <cstdlib>
#include <new>
#include <vector>

#include "keepgate/scan.h"

// AddressSanitizer is told which memory may be touched.
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(from, bytes) ((void)0)
#define ASAN_UNPOISON_MEMORY_REGION(from, bytes) ((void)0)
#endif

namespace keepgate {

// Memory on a cache line, not set to anything.
template <class T> class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(size_t count) {
    const size_t bytes = (count * sizeof(T) + 127) / 64 * 64;
    data_ = static_cast<T*>(std::aligned_alloc(64, bytes));
    if (!data_) throw std::bad_alloc();
    ASAN_POISON_MEMORY_REGION(data_ + count, bytes - count * sizeof(T));
  }
  Buffer(Buffer&& other) noexcept : data_(other.data_) { other.data_ = nullptr; }
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(data_, other.data_);
    return *this;
  }
  ~Buffer() { std::free(data_); }
  T* get() const { return data_; }

 private:
  T* data_ = nullptr;
};

// One bundle: a packed matrix for each term, all targets side by side, and the sum of its biases.
template <class T> struct PackedBundle {
  std::vector<Buffer<T>> terms;
  Buffer<T> bias;
  int panels_each;  // panels of one target
};

// One transposed product: a packed matrix for each delta.
template <class T> struct PackedTransposed {
  std::vector<Buffer<T>> deltas;
  int panels;
};

template <class T> struct Packed<T>::Matrices {
  std::vector<std::vector<PackedBundle<T>>> forward;
  std::vector<std::vector<PackedTransposed<T>>> backward;
  std::vector<PackedTransposed<T>> x;
};

inline int panels_of(int width, int panel) { return (width + panel - 1) / panel; }

}  // namespace keepgate
