#include "packed.h"

#include <algorithm>
#include <cstring>
#include <functional>

#include "pool.h"
#include "tuning.h"

namespace keepgate {
namespace {

// Collects the copies to make, then shares them out: large weights take as long to pack as a step takes.
template <class T> class Packer {
 public:
  Packer(const Plan& plan, const Kernels<T>& kernels, const T* const* weights, const T* const* biases, Storage storage)
      : plan_(plan), kernels_(kernels), weights_(weights), biases_(biases), storage_(storage) {}

  PackedBundle<T> bundle(const Bundle& bundle) {
    PackedBundle<T> packed;
    const ptrdiff_t panel = kernels_.panel, panels = panels_of(bundle.width, (int)panel);
    const ptrdiff_t targets = bundle.targets.size();
    packed.bias = Buffer<T>(product_of(panels, targets, panel));
    std::memset(packed.bias.get(), 0, panels * targets * panel * sizeof(T));
    for (const Term& term : bundle.terms) {
      const ptrdiff_t depth = plan_.block_columns[term.block];
      const ptrdiff_t bytes = panel_bytes<T>(storage_, depth, panel);
      packed.terms.emplace_back(product_of(panels, targets, bytes));
      for (ptrdiff_t p = 0; p < panels; ++p)
        for (ptrdiff_t i = 0; i < targets; ++i) {
          const ptrdiff_t unit = p * panel, here = std::min(panel, bundle.width - unit), at = p * targets + i;
          const T* from = weights_[term.block] + (term.rows[i] + unit) * depth;
          later(from, here, depth, depth, 1, packed.terms.back().get() + at * bytes, storage_);
          const T* bias = term.biases[i] < 0 ? nullptr : biases_[term.bias_block];
          T* const sum = packed.bias.get() + at * panel;
          if (bias) kernels_.add(sum, bias + term.biases[i] + unit, sum, here);
        }
    }
    return packed;
  }

  PackedTransposed<T> transposed(const Transposed& product, Storage storage) {
    PackedTransposed<T> packed;
    packed.panels = panels_of(product.width, kernels_.panel);
    for (size_t i = 0; i < product.deltas.size(); ++i) {
      const ptrdiff_t depth = plan_.values[product.deltas[i]].width;
      const ptrdiff_t panel = kernels_.panel, bytes = panel_bytes<T>(storage, depth, panel);
      packed.deltas.emplace_back(product_of(packed.panels, bytes));
      const T* from = weights_[product.block] + (size_t)product.rows[i] * product.width;
      for (ptrdiff_t p = 0; p < packed.panels; ++p)
        later(from + p * panel, std::min(panel, product.width - p * panel), 1, depth, product.width,
              packed.deltas.back().get() + p * bytes, storage);
    }
    return packed;
  }

  void run(Pool& pool, int threads) {
    size_t numbers = 0;
    for (const auto& job : jobs_) numbers += (size_t)job.columns * job.depth;
    if (numbers < tuning::kPackNumbers) threads = 1;
    pool.run(threads, [&](int thread) {
      for (size_t i = thread; i < jobs_.size(); i += threads) {
        const Job& job = jobs_[i];
        const bool full = job.storage == Storage::full;
        Buffer<T> panel;
        if (!full) panel = Buffer<T>(product_of(kernels_.panel, job.depth));
        T* const to = full ? reinterpret_cast<T*>(job.to) : panel.get();
        kernels_.pack(job.from, job.columns, job.column_stride, job.depth, job.depth_stride, to);
        if (!full) kernels_.narrow(to, job.depth, job.storage, job.to);
      }
    });
  }

 private:
  struct Job {
    const T* from;
    ptrdiff_t columns, column_stride, depth, depth_stride;
    char* to;
    Storage storage;
  };

  void later(const T* from, ptrdiff_t columns, ptrdiff_t column_stride, ptrdiff_t depth, ptrdiff_t depth_stride,
             char* to, Storage storage) {
    jobs_.push_back({from, columns, column_stride, depth, depth_stride, to, storage});
  }

  const Plan& plan_;
  const Kernels<T>& kernels_;
  const T* const* weights_;
  const T* const* biases_;
  const Storage storage_;
  std::vector<Job> jobs_;
};

}  // namespace

template <class T>
Packed<T>::Packed(const Plan& plan, const Kernels<T>& kernels, const T* const* weights, const T* const* biases,
                  bool forward, bool backward, Pool& pool, int threads, Storage storage)
    : matrices(std::make_unique<Matrices>()) {
  matrices->storage = storage;
  Packer<T> packer(plan, kernels, weights, biases, storage);
  if (forward)
    for (const Stage& stage : plan.forward) {
      auto& row = matrices->forward.emplace_back();
      for (const Bundle& bundle : stage.bundles) row.push_back(packer.bundle(bundle));
    }
  if (backward) {
    const Storage of_backward = matrices->backward_storage();
    for (const Stage& stage : plan.backward) {
      auto& row = matrices->backward.emplace_back();
      for (const Transposed& product : stage.transposed) row.push_back(packer.transposed(product, of_backward));
    }
    for (const Transposed& product : plan.x) matrices->x.push_back(packer.transposed(product, of_backward));
  }
  packer.run(pool, threads);
}

template <class T> Packed<T>::~Packed() = default;

template class Packed<float>;
template class Packed<double>;

}  // namespace keepgate
