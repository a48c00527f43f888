// The kernels of the objectives: compiled once per instruction set, with KEEPGATE_SET its name (see simd.h).
#include "crf.h"
#include "ctc.h"

namespace keepgate {
inline namespace KEEPGATE_SET {
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

extern const ObjectiveKernels<float> objectives_f32;
extern const ObjectiveKernels<double> objectives_f64;
const ObjectiveKernels<float> objectives_f32 = objective_kernels<float>();
const ObjectiveKernels<double> objectives_f64 = objective_kernels<double>();

}  // namespace KEEPGATE_SET
}  // namespace keepgate
