// The OpenMP runtime that this process has loaded already, torch's above all. Its threads stay awake for a while after
// each of torch's operations, on the processors that threads of our own would need; so the core runs on the same team.
// Nothing is linked: the runtime is looked up, and any that has the interface of libgomp will do (libgomp, libiomp5,
// libomp).
#pragma once

#include <functional>
#include <string>

namespace keepgate::openmp {

// Use the runtime from now on; false where there is none. A forked child uses none, for it has none of the threads.
bool choose();

// Use none from now on.
void refuse();

// The path of the runtime in use, "" for none.
std::string library();

// Run work(0), ..., work(threads - 1) on a team, the first on the caller; false, before any work, where no runtime is
// in use, where it gives fewer threads (nested calls, a limit of its own), or where the system starts no more threads.
// Throws what one of them threw.
bool run(int threads, const std::function<void(int)>& work);

}  // namespace keepgate::openmp
