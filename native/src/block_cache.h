// A cache of blocks of memory: large ones are kept for the next request of the same size. New memory costs a page fault
// for every 4 KiB, which for a small cell is a fifth of a training step.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>

// AddressSanitizer is told which memory may be touched.
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(from, bytes) ((void)0)
#define ASAN_UNPOISON_MEMORY_REGION(from, bytes) ((void)0)
#endif

namespace keepgate {

// Whether memory begins as NaN (KEEPGATE_POISON): so tests see reads of what was never written.
bool poison();

constexpr size_t kMaxBytes = (size_t)PTRDIFF_MAX / 2;  // more than any memory

// The product of sizes, none of them negative; throws std::bad_alloc where it is more than any memory.
template <class... Sizes> size_t product_of(Sizes... sizes) {
  size_t product = 1;
  bool fits = true;
  ((fits &= !__builtin_mul_overflow(product, (size_t)sizes, &product)), ...);
  if (!fits || product > kMaxBytes) throw std::bad_alloc();
  return product;
}

// Return at least `bytes`, on a cache line; throws std::bad_alloc.
void* take_block(size_t bytes);

// Give back what `take_block(bytes)` returned.
void give_block(void* block, size_t bytes) noexcept;

}  // namespace keepgate
