// Rows of an objective, shared among threads: each row is computed alone, so its bits depend on no other.
#include "keepgate/objectives.h"

#include <algorithm>
#include <atomic>
#include <memory>

#include "pool.h"
#include "block_cache.h"

namespace keepgate {
namespace {

template <class T> class Work {
 public:
  explicit Work(size_t count) : bytes(product_of(count, sizeof(T))), room(static_cast<T*>(take_block(bytes))) {}
  ~Work() { give_block(room, bytes); }
  Work(const Work&) = delete;
  T* get() const { return room; }

 private:
  const size_t bytes;
  T* const room;
};

// Threads take the next row each: rows differ in length.
template <class T, class F> void share(ptrdiff_t rows, size_t work, Pool& pool, int threads, const F& run) {
  std::atomic<ptrdiff_t> next{0};
  pool.run((int)std::min<ptrdiff_t>(threads, rows), [&](int) {
    const Work<T> own(work);
    for (ptrdiff_t row = next++; row < rows; row = next++) run(row, own.get());
  });
}

}  // namespace

template <class T> void ctc(const ObjectiveKernels<T>& kernels, const CtcCall<T>& call, Pool& pool, int threads) {
  share<T>(call.rows, kernels.ctc_work(call), pool, threads,
           [&](ptrdiff_t row, T* work) { kernels.ctc(call, row, work); });
}

template <class T> void crf(const ObjectiveKernels<T>& kernels, const CrfCall<T>& call, Pool& pool, int threads) {
  const Work<T> tables(kernels.crf_tables(call));
  kernels.crf_fill(call, tables.get());
  share<T>(call.rows, kernels.crf_work(call), pool, threads,
           [&](ptrdiff_t row, T* work) { kernels.crf(call, tables.get(), row, work); });
}

template void ctc<float>(const ObjectiveKernels<float>&, const CtcCall<float>&, Pool&, int);
template void ctc<double>(const ObjectiveKernels<double>&, const CtcCall<double>&, Pool&, int);
template void crf<float>(const ObjectiveKernels<float>&, const CrfCall<float>&, Pool&, int);
template void crf<double>(const ObjectiveKernels<double>&, const CrfCall<double>&, Pool&, int);

}  // namespace keepgate
