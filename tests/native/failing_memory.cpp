// Preloaded: while armed, the n-th allocation of C++ fails, whichever thread makes it; or the n-th thread does not
// start.
#include <dlfcn.h>
#include <pthread.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <new>

#define CALLER __builtin_return_address(0)

namespace {

std::atomic<bool> armed{false};
std::atomic<long> left{0}, seen{0}, starts{0};

// Whether torch asks, which a call of the core may reach: it ends the process where it makes a tensor without memory.
bool is_torch(const void* caller) {
  Dl_info from;
  return dladdr(caller, &from) && from.dli_fname &&
         (std::strstr(from.dli_fname, "libtorch") || std::strstr(from.dli_fname, "libc10"));
}

bool fails(const void* caller) {
  if (!armed.load(std::memory_order_relaxed) || is_torch(caller)) return false;
  ++seen;
  return --left == 0;
}

template <class F> F next(const char* name) { return reinterpret_cast<F>(dlsym(RTLD_NEXT, name)); }

void* allocate(std::size_t bytes, const void* caller) {
  return fails(caller) ? nullptr : std::malloc(bytes ? bytes : 1);
}

void* allocate_or_throw(std::size_t bytes, const void* caller) {
  if (void* const room = allocate(bytes, caller)) return room;
  throw std::bad_alloc();
}

}  // namespace

extern "C" {
// Let allocation `n`, counted from 1, of those made while armed fail.
void fail_at(long n) {
  left = n;
  seen = 0;
}
void arm(int on) { armed = on; }
long allocations() { return seen; }

// Let thread `n`, counted from 1, of those started while armed not start.
void fail_thread(long n) { starts = n; }
int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*run)(void*), void* with) {
  static const auto real =
      next<int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*)>("pthread_create");
  return armed && --starts == 0 ? EAGAIN : real(thread, attributes, run, with);
}

void* aligned_alloc(std::size_t alignment, std::size_t bytes) noexcept {
  static const auto real = next<void* (*)(std::size_t, std::size_t)>("aligned_alloc");
  return fails(CALLER) ? nullptr : real(alignment, bytes);
}
void* __libc_calloc(std::size_t, std::size_t);
void* calloc(std::size_t count, std::size_t bytes) noexcept {
  return fails(CALLER) ? nullptr : __libc_calloc(count, bytes);
}
}

void* operator new(std::size_t bytes) { return allocate_or_throw(bytes, CALLER); }
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept { return allocate(bytes, CALLER); }
void* operator new[](std::size_t bytes) { return allocate_or_throw(bytes, CALLER); }
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept { return allocate(bytes, CALLER); }
void operator delete(void* room) noexcept { std::free(room); }
void operator delete(void* room, std::size_t) noexcept { std::free(room); }
void operator delete[](void* room) noexcept { std::free(room); }
void operator delete[](void* room, std::size_t) noexcept { std::free(room); }
