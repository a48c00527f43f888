// All numbers that are chosen for speed or memory alone: no result depends on any of them. They were found by measuring
// on an x86-64 server with AVX-512 (32 KiB, 1 MiB and 32 MiB of cache); a machine far from that may want others.
#pragma once

#include <cstddef>

namespace keepgate::tuning {

// Chunks. Enough rows for a product to run at full speed, few enough for its result to stay in the caches.
constexpr ptrdiff_t kChunkRows = 512;       // rows of x that are multiplied at once, and of deltas before their sums
constexpr ptrdiff_t kHoistBytes = 1 << 19;  // products of x that wait for their steps, per thread: half of the L2 cache
constexpr ptrdiff_t kBlockBytes = 1 << 18;  // values of a block of rows between the operations of a stage: in L2
constexpr ptrdiff_t kBlockRows = 16;        // a block has no more: by then dispatch costs nothing

// When products of x are made ahead, for many steps at once.
constexpr ptrdiff_t kHoistRows = 8;               // from here on a step fills the tiles by itself: no detour
constexpr size_t kHoistWeights = size_t(1) << 22;  // but weights above this (bytes) are not to be read at every step

// When threads pay, and for what. Waking one costs some microseconds, a meeting at a barrier about one.
constexpr double kThreadsOperations = 2e6;  // of a whole call: below, one thread
constexpr double kMeetingOperations = 2e5;  // of a step: below, threads that meet at every step lose
constexpr double kWakingOperations = 8e6;   // of one step of a population, for which threads wake every time
constexpr size_t kPackNumbers = 50000;      // weights to pack: below, one thread
constexpr size_t kCopyBytes = 1 << 17;      // rows to copy: below, one thread
constexpr size_t kCompareBytes = 1 << 20;   // weights to compare: below, one thread
constexpr ptrdiff_t kRowsPerThread = 4;     // below, threads share units or steps instead of the batch
constexpr ptrdiff_t kSharedWeights = 1 << 19;  // weights above this (bytes) are read by all threads together: L2 is not

// Values of the networks of a population that one thread steps together (bytes): a third of the first cache.
constexpr ptrdiff_t kPopulationBytes = 1 << 14;

// Memory that is kept between calls. New memory costs a page fault for every 4 KiB.
constexpr size_t kIdleBytes = size_t(512) << 20;  // of the whole process: states and tapes of a training step
constexpr size_t kCachedBytes = size_t(1) << 16;  // of one block: below, the allocator keeps memory itself
constexpr size_t kArenaBytes = size_t(1) << 25;   // of one thread's arena
constexpr size_t kKeptWeights = size_t(1) << 24;  // to compare with a copy (bytes): above, packing anew costs no more
constexpr size_t kArenaStart = size_t(1) << 16;   // of its first block

// Rows of a tile of a product: with two vectors a row, they and what is multiplied fill the vector registers.
constexpr int kTileRowsOf32 = 12;  // of 32 registers (AVX-512, NEON)
constexpr int kTileRowsOf16 = 6;   // of 16
constexpr int kTilePanels = 6;     // panels side by side, for few rows: more gain nothing

}  // namespace keepgate::tuning
