// Packed weights that are kept from call to call, beside a copy of what they were packed of: they are used again only
// where every byte of the weights is as it was. Nothing else tells that, for fused optimizers and writes through
// `.data` leave a tensor's version; and comparing takes a fraction of packing. Or they are held: packed once, whatever
// becomes of the weights.
#pragma once

#include <atomic>
#include <cstring>
#include <memory>
#include <mutex>
#include <numeric>
#include <utility>
#include <vector>

#include "buffer.h"
#include "keepgate/scan.h"
#include "pool.h"
#include "tuning.h"

namespace keepgate {

// How many numbers the biases of each block have.
inline std::vector<size_t> bias_sizes(const Plan& plan, size_t count) {
  std::vector<size_t> sizes(count, 0);
  for (const Stage& stage : plan.forward)
    for (const Bundle& bundle : stage.bundles)
      for (const Term& term : bundle.terms)
        for (int32_t bias : term.biases)
          if (bias >= 0) sizes[term.bias_block] = std::max(sizes[term.bias_block], (size_t)(bias + bundle.width));
  return sizes;
}

// Of one plan, one storage and numbers of type T; may be asked by several threads at once.
template <class T> class KeptWeights {
 public:
  using Places = std::vector<const T*>;

  explicit KeptWeights(bool hold) : hold_(hold) {}

  // Whether there are held ones for these kernels, so that `get` looks at no weights.
  bool held(const Kernels<T>& kernels) {
    const std::lock_guard<std::mutex> lock(mutex_);
    return hold_ && kept_ && kept_->kernels == &kernels;
  }

  // Return the packed weights: those that are kept, or what `pack(blocks, biases)` makes, of a copy unless they are
  // held.
  template <class F>
  std::shared_ptr<const Packed<T>> get(const Plan& plan, const Kernels<T>& kernels, const Places& blocks,
                                       const Places& biases, Pool& pool, int threads, const F& pack) {
    std::shared_ptr<const Kept> kept;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (hold_ && !(kept_ && kept_->kernels == &kernels)) {
        auto fresh = std::make_shared<Kept>(kernels);
        fresh->packed = pack(blocks, biases);
        kept_ = std::move(fresh);
      }
      kept = kept_;
    }
    if (hold_) return kept->packed;
    Places parts(blocks);
    parts.insert(parts.end(), biases.begin(), biases.end());
    if (kept && kept->kernels == &kernels && kept->same(parts, pool, threads)) return kept->packed;
    std::vector<size_t> sizes;
    for (size_t i = 0; i < blocks.size(); ++i) sizes.push_back((size_t)plan.block_rows[i] * plan.block_columns[i]);
    for (size_t size : bias_sizes(plan, biases.size())) sizes.push_back(size);
    if (std::accumulate(sizes.begin(), sizes.end(), size_t(0)) * sizeof(T) > tuning::kKeptWeights)
      return pack(blocks, biases);
    // Packed of the copy, so that the two agree even where another thread is writing the weights.
    auto fresh = std::make_shared<Kept>(kernels, parts, std::move(sizes));
    const Places places = fresh->places();
    const auto middle = places.begin() + blocks.size();
    fresh->packed = pack({places.begin(), middle}, {middle, places.end()});
    const std::lock_guard<std::mutex> lock(mutex_);
    kept_ = fresh;
    return fresh->packed;
  }

 private:
  struct Kept {
    const Kernels<T>* kernels;   // each set packs in its own order
    std::vector<size_t> sizes;   // of the blocks, then of the biases
    std::vector<size_t> starts;  // of what is there of them in the copy, and the end of the last
    Buffer<T> copy;
    std::shared_ptr<const Packed<T>> packed;

    explicit Kept(const Kernels<T>& kernels) : kernels(&kernels) {}
    Kept(const Kernels<T>& kernels, const Places& parts, std::vector<size_t> of)
        : kernels(&kernels), sizes(std::move(of)), starts(1, 0) {
      for (size_t i = 0; i < parts.size(); ++i) starts.push_back(starts[i] + (parts[i] ? sizes[i] : 0));
      copy = Buffer<T>(starts.back());
      for (size_t i = 0; i < parts.size(); ++i)
        if (count(i)) std::memcpy(copy.get() + starts[i], parts[i], count(i) * sizeof(T));
    }
    size_t count(size_t i) const { return starts[i + 1] - starts[i]; }
    bool same(const Places& parts, Pool& pool, int threads) const {
      for (size_t i = 0; i < parts.size(); ++i)
        if (count(i) != (parts[i] ? sizes[i] : 0)) return false;
      if (starts.back() * sizeof(T) < tuning::kCompareBytes) threads = 1;
      std::atomic<bool> same{true};
      pool.run(threads, [&](int thread) {
        for (size_t i = 0; i < parts.size() && same; ++i) {
          const size_t first = count(i) * thread / threads, last = count(i) * (thread + 1) / threads;
          if (first < last && std::memcmp(copy.get() + starts[i] + first, parts[i] + first, (last - first) * sizeof(T)))
            same = false;
        }
      });
      return same;
    }
    Places places() const {
      Places places;
      for (size_t i = 0; i < sizes.size(); ++i) places.push_back(count(i) ? copy.get() + starts[i] : nullptr);
      return places;
    }
  };

  const bool hold_;
  std::mutex mutex_;
  std::shared_ptr<const Kept> kept_;
};

}  // namespace keepgate
