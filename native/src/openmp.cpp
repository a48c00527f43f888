#include "openmp.h"

#include <atomic>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#if defined(__linux__)
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#endif

namespace keepgate::openmp {
namespace {

struct Runtime {
  void (*parallel)(void (*)(void*), void*, unsigned threads, unsigned flags) = nullptr;
  int (*number)() = nullptr;
  int (*team_size)() = nullptr;
  std::string library;
};

// Written once, by `find`; in use while `in_use` is true.
Runtime runtime;
std::atomic<bool> in_use{false};

#if defined(__linux__)
// Where symbols are looked up, in this order: torch's library leads to the runtime that torch uses, where a process
// holds several.
constexpr const char* kLibraries[] = {"libtorch_cpu.so", "libgomp", "libiomp5", "libomp"};

std::vector<std::string> loaded_libraries() {
  std::vector<std::string> paths;
  const auto add = [](dl_phdr_info* info, size_t, void* to) {
    if (info->dlpi_name && *info->dlpi_name) static_cast<std::vector<std::string>*>(to)->emplace_back(info->dlpi_name);
    return 0;
  };
  dl_iterate_phdr(add, &paths);
  return paths;
}

bool look_up(const std::string& path) {
  void* const library = dlopen(path.c_str(), RTLD_LAZY | RTLD_NOLOAD);
  if (!library) return false;
  Runtime found;
  found.parallel = reinterpret_cast<decltype(found.parallel)>(dlsym(library, "GOMP_parallel"));
  found.number = reinterpret_cast<decltype(found.number)>(dlsym(library, "omp_get_thread_num"));
  found.team_size = reinterpret_cast<decltype(found.team_size)>(dlsym(library, "omp_get_num_threads"));
  Dl_info where{};
  if (found.parallel && found.number && found.team_size && dladdr(reinterpret_cast<void*>(found.parallel), &where)) {
    found.library = where.dli_fname;
    runtime = found;  // the handle stays open, so that the library stays
    return true;
  }
  dlclose(library);
  return false;
}

bool find() {
  const std::vector<std::string> paths = loaded_libraries();
  for (const std::string name : kLibraries)
    for (const std::string& path : paths)
      if (path.compare(path.rfind('/') + 1, name.size(), name) == 0 && look_up(path))
        return pthread_atfork(nullptr, nullptr, refuse) == 0;
  return false;
}
#else
bool find() { return false; }
#endif

// One call of `run`.
struct Call {
  const std::function<void(int)>& work;
  const int threads;
  std::atomic<bool> complete{false};  // the team had as many threads as it should
  std::mutex mutex;
  std::exception_ptr failure;

  void take_part() noexcept {
    if (runtime.team_size() != threads) return;
    const int number = runtime.number();
    if (number == 0) complete = true;
    try {
      work(number);
    } catch (...) {
      std::lock_guard<std::mutex> lock(mutex);
      failure = std::current_exception();
    }
  }
};

// Whether the system starts as many threads as this caller's team has besides it. libgomp ends the process where it
// does not; so the first call of a size starts as many for a moment.
bool can_start(int threads) {
  static thread_local int proven = 1;
  if (threads <= proven) return true;
  std::mutex gate;
  std::vector<std::thread> started;
  bool all = true;
  {
    std::lock_guard<std::mutex> closed(gate);  // all of them live at once
    try {
      for (int i = 1; i < threads; ++i) started.emplace_back([&gate] { std::lock_guard<std::mutex> open(gate); });
    } catch (const std::system_error&) {
      all = false;
    }
  }
  for (std::thread& thread : started) thread.join();
  if (all) proven = threads;
  return all;
}

}  // namespace

bool choose() {
  static const bool there = find();
  in_use = there;
  return there;
}

void refuse() { in_use = false; }

std::string library() { return in_use ? runtime.library : ""; }

bool run(int threads, const std::function<void(int)>& work) {
  if (!in_use || !can_start(threads)) return false;
  Call call{work, threads};
  runtime.parallel([](void* with) { static_cast<Call*>(with)->take_part(); }, &call, (unsigned)threads, 0);
  if (call.failure) std::rethrow_exception(call.failure);
  return call.complete;
}

}  // namespace keepgate::openmp
