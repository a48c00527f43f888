#include "room.h"

#include <pthread.h>

#include <cstdlib>
#include <cstring>
#include <deque>
#include <mutex>
#include <new>

namespace keepgate {
namespace {

constexpr size_t kMostIdle = size_t(512) << 20;
constexpr size_t kSmall = size_t(1) << 16;  // below, the allocator keeps memory itself

struct Idle {
  void* room;
  size_t bytes;
};

std::mutex mutex;
std::deque<Idle>& idle() {  // the longest idle first
  static auto* const rooms = new std::deque<Idle>;
  return *rooms;
}
size_t idle_bytes = 0;

// A fork waits until no thread is amid a change of the list.
[[maybe_unused]] const int at_fork =
    pthread_atfork([] { mutex.lock(); }, [] { mutex.unlock(); }, [] { mutex.unlock(); });

size_t whole_lines(size_t bytes) { return (bytes + 63) / 64 * 64; }

// Return an idle block of this size, or null.
void* find_idle(size_t bytes) {
  std::lock_guard<std::mutex> lock(mutex);
  for (auto place = idle().rbegin(); place != idle().rend(); ++place)
    if (place->bytes == bytes) {
      void* const room = place->room;
      idle_bytes -= bytes;
      idle().erase(std::next(place).base());
      return room;
    }
  return nullptr;
}

// Free blocks until no more than `most` bytes are idle; the mutex is held.
void free_idle(size_t most) {
  while (idle_bytes > most) {
    std::free(idle().front().room);
    idle_bytes -= idle().front().bytes;
    idle().pop_front();
  }
}

void* allocate(size_t bytes) {
  if (bytes > kMostBytes) throw std::bad_alloc();
  const size_t whole = whole_lines(bytes ? bytes : 1);
  void* room = std::aligned_alloc(64, whole);
  if (!room) {
    std::lock_guard<std::mutex> lock(mutex);
    free_idle(0);
    room = std::aligned_alloc(64, whole);
  }
  if (!room) throw std::bad_alloc();
  ASAN_POISON_MEMORY_REGION(static_cast<char*>(room) + bytes, whole - bytes);
  return room;
}

}  // namespace

bool poison() {
  static const bool on = std::getenv("KEEPGATE_POISON") != nullptr;
  return on;
}

void* take_room(size_t bytes) {
  void* room = bytes < kSmall ? nullptr : find_idle(bytes);
  if (!room) room = allocate(bytes);
  ASAN_UNPOISON_MEMORY_REGION(room, bytes);
  if (poison()) std::memset(room, 0xFF, bytes);
  return room;
}

void give_room(void* room, size_t bytes) noexcept {
  if (bytes < kSmall) return std::free(room);
  std::lock_guard<std::mutex> lock(mutex);
  try {
    idle().push_back({room, bytes});
  } catch (const std::bad_alloc&) {  // no memory to remember it by
    return std::free(room);
  }
  ASAN_POISON_MEMORY_REGION(room, bytes);
  idle_bytes += bytes;
  free_idle(kMostIdle);
}

}  // namespace keepgate
