// Weights in the order in which the products read them.
#pragma once

#include <cstdlib>
#include <new>
#include <vector>

#include "keepgate/scan.h"
#include "room.h"

namespace keepgate {

// Memory on a cache line, not set to anything.
template <class T> class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(size_t count) {
    bytes_ = (product_of(count, sizeof(T)) + 127) / 64 * 64;
    data_ = static_cast<T*>(take_room(bytes_));
    ASAN_POISON_MEMORY_REGION(data_ + count, bytes_ - count * sizeof(T));
  }
  Buffer(Buffer&& other) noexcept : data_(other.data_), bytes_(other.bytes_) { other.data_ = nullptr; }
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~Buffer() {
    if (data_) give_room(data_, bytes_);
  }
  T* get() const { return data_; }

 private:
  T* data_ = nullptr;
  size_t bytes_ = 0;
};

// One bundle: a packed matrix for each term, and the sum of its biases. The panels of all targets for the first units
// come first, then those for the next: any units are one range of panels.
template <class T> struct PackedBundle {
  std::vector<Buffer<char>> terms;
  Buffer<T> bias;
};

// One transposed product: a packed matrix for each delta.
template <class T> struct PackedTransposed {
  std::vector<Buffer<char>> deltas;
  int panels;
};

template <class T> struct Packed<T>::Matrices {
  Storage storage;  // of the forward pass; backwards, weights are whole
  std::vector<std::vector<PackedBundle<T>>> forward;
  std::vector<std::vector<PackedTransposed<T>>> backward;
  std::vector<PackedTransposed<T>> x;
};

inline int panels_of(int width, int panel) { return (width + panel - 1) / panel; }

}  // namespace keepgate
