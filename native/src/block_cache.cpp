#include "block_cache.h"

#include <pthread.h>

#include <cstdlib>
#include <cstring>
#include <deque>
#include <mutex>
#include <new>

#include "tuning.h"

namespace keepgate {
namespace {

struct Idle {
  void* block;
  size_t bytes;
};

std::mutex mutex;
std::deque<Idle>& idle() {  // the longest idle first
  static auto* const blocks = new std::deque<Idle>;
  return *blocks;
}
size_t idle_bytes = 0;

// A fork waits until no thread is amid a change of the list.
[[maybe_unused]] const int at_fork =
    pthread_atfork([] { mutex.lock(); }, [] { mutex.unlock(); }, [] { mutex.unlock(); });

size_t cache_lines(size_t bytes) { return (bytes + 63) / 64 * 64; }

// Return an idle block of this size, or null.
void* find_idle(size_t bytes) {
  std::lock_guard<std::mutex> lock(mutex);
  for (auto place = idle().rbegin(); place != idle().rend(); ++place)
    if (place->bytes == bytes) {
      void* const block = place->block;
      idle_bytes -= bytes;
      idle().erase(std::next(place).base());
      return block;
    }
  return nullptr;
}

// Free blocks until no more than `limit` bytes are idle; the mutex is held.
void free_idle(size_t limit) {
  while (idle_bytes > limit) {
    std::free(idle().front().block);
    idle_bytes -= idle().front().bytes;
    idle().pop_front();
  }
}

void* allocate(size_t bytes) {
  if (bytes > kMaxBytes) throw std::bad_alloc();
  const size_t padded = cache_lines(bytes ? bytes : 1);
  void* block = std::aligned_alloc(64, padded);
  if (!block) {
    std::lock_guard<std::mutex> lock(mutex);
    free_idle(0);
    block = std::aligned_alloc(64, padded);
  }
  if (!block) throw std::bad_alloc();
  ASAN_POISON_MEMORY_REGION(static_cast<char*>(block) + bytes, padded - bytes);
  return block;
}

}  // namespace

bool poison() {
  static const bool on = std::getenv("KEEPGATE_POISON") != nullptr;
  return on;
}

void* take_block(size_t bytes) {
  void* block = bytes < tuning::kCachedBytes ? nullptr : find_idle(bytes);
  if (!block) block = allocate(bytes);
  ASAN_UNPOISON_MEMORY_REGION(block, bytes);
  if (poison()) std::memset(block, 0xFF, bytes);
  return block;
}

void give_block(void* block, size_t bytes) noexcept {
  if (bytes < tuning::kCachedBytes) return std::free(block);
  std::lock_guard<std::mutex> lock(mutex);
  try {
    idle().push_back({block, bytes});
  } catch (const std::bad_alloc&) {  // no memory to remember it by
    return std::free(block);
  }
  ASAN_POISON_MEMORY_REGION(block, bytes);
  idle_bytes += bytes;
  free_idle(tuning::kIdleBytes);
}

}  // namespace keepgate
