// Memory that comes back: large blocks are kept for the next call of the same size. Fresh memory costs a page fault for
// every 4 KiB, which for a small cell is a fifth of a training step.
#pragma once

#include <cstddef>

namespace keepgate {

// Return at least `bytes`, on a cache line; throws std::bad_alloc.
void* take_room(size_t bytes);

// Give back what `take_room(bytes)` returned.
void give_room(void* room, size_t bytes);

}  // namespace keepgate
