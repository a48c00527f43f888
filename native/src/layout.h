// Where the values of one call lie in time.
#pragma once

#include <cstddef>
#include <cstdint>

namespace keepgate {

// Where a value lies at step t: base + (t - origin) * step, or its remainder by 2.
template <class T> struct Mover {
  int32_t value;
  T* base;
  ptrdiff_t step, origin;
  bool ring;

  T* at(ptrdiff_t t) const { return base + (ring ? (t - origin) & 1 : t - origin) * step; }
};

// The place of the state before step t, and of the one after it.
inline ptrdiff_t before(bool reverse, ptrdiff_t t) { return reverse ? t + 1 : t; }
inline ptrdiff_t after(bool reverse, ptrdiff_t t) { return reverse ? t : t + 1; }

}  // namespace keepgate
