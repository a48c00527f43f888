#include "room.h"

#include <cstdlib>
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

size_t whole_lines(size_t bytes) { return (bytes + 63) / 64 * 64; }

}  // namespace

void* take_room(size_t bytes) {
  if (bytes >= kSmall) {
    std::lock_guard<std::mutex> lock(mutex);
    for (auto place = idle().rbegin(); place != idle().rend(); ++place)
      if (place->bytes == bytes) {
        void* const room = place->room;
        idle_bytes -= bytes;
        idle().erase(std::next(place).base());
        return room;
      }
  }
  void* const room = std::aligned_alloc(64, whole_lines(bytes ? bytes : 1));
  if (!room) throw std::bad_alloc();
  return room;
}

void give_room(void* room, size_t bytes) {
  if (bytes < kSmall) return std::free(room);
  std::lock_guard<std::mutex> lock(mutex);
  idle().push_back({room, bytes});
  idle_bytes += bytes;
  while (idle_bytes > kMostIdle) {
    std::free(idle().front().room);
    idle_bytes -= idle().front().bytes;
    idle().pop_front();
  }
}

}  // namespace keepgate
