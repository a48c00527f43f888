// Weights in the order in which the products read them.
#pragma once

#include <vector>

#include "buffer.h"
#include "keepgate/scan.h"

namespace keepgate {

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
  Storage storage;  // of the forward pass; backwards, weights are in pairs or in full
  Storage backward_storage() const { return storage == Storage::pairs ? storage : Storage::full; }
  std::vector<std::vector<PackedBundle<T>>> forward;
  std::vector<std::vector<PackedTransposed<T>>> backward;
  std::vector<PackedTransposed<T>> x;
};

inline int panels_of(int width, int panel) { return (width + panel - 1) / panel; }

}  // namespace keepgate
