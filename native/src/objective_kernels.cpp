// Compiled once per instruction set, as kernels.cpp is, with KEEPGATE_SET its name.
#include "crf.h"
#include "ctc.h"

#define KEEPGATE_JOIN2(a, b) a##b
#define KEEPGATE_JOIN(a, b) KEEPGATE_JOIN2(a, b)

namespace keepgate {
namespace {

template <class T> void run_ctc(const CtcCall<T>& call, ptrdiff_t row, T* work) { CtcRow<T>(call, row, work).run(); }

template <class T> void fill_crf(const CrfCall<T>& call, T* tables) { CrfTables<T>(call, tables).fill_from(call); }

template <class T> void run_crf(const CrfCall<T>& call, const T* tables, ptrdiff_t row, T* work) {
  const CrfTables<T> shared(call, const_cast<T*>(tables));  // read only
  CrfRow<T>(call, shared, row, work).run();
}

template <class T> void add_logs(const T* a, const T* b, T* to, ptrdiff_t n) {
  map2(to, a, b, n, [](Vector<T> x, Vector<T> y) { return LogSum<T>::add(x, y); });
}

template <class T> constexpr ObjectiveKernels<T> objective_kernels() {
  return {CtcRow<T>::work, run_ctc<T>, CrfRow<T>::work, CrfTables<T>::size, fill_crf<T>, run_crf<T>, add_logs<T>};
}

}  // namespace

extern const ObjectiveKernels<float> KEEPGATE_JOIN(objectives_single_, KEEPGATE_SET);
extern const ObjectiveKernels<double> KEEPGATE_JOIN(objectives_twofold_, KEEPGATE_SET);
const ObjectiveKernels<float> KEEPGATE_JOIN(objectives_single_, KEEPGATE_SET) = objective_kernels<float>();
const ObjectiveKernels<double> KEEPGATE_JOIN(objectives_twofold_, KEEPGATE_SET) = objective_kernels<double>();

}  // namespace keepgate
