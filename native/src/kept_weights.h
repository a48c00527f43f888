// Packed weights that are kept from call to call, beside a copy of what they were packed of: they are used again only
// where every byte of the weights is as it was. Nothing else tells that, for fused optimizers and writes through
// `.data` leave a tensor's version; and comparing takes a fraction of packing. Or they are held: packed once, whatever
// becomes of the weights.
#pragma once

#include <cstring>
#include <memory>
#include <mutex>
#include <vector>

#include "buffer.h"
#include "keepgate/scan.h"
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
  explicit KeptWeights(bool hold) : hold_(hold) {}

  // Return the packed weights: those that are kept, or what `pack(blocks, biases)` makes, of a copy unless they are
  // held.
  template <class F>
  std::shared_ptr<const Packed<T>> get(const Plan& plan, const Kernels<T>& kernels, const std::vector<const T*>& blocks,
                                       const std::vector<const T*>& biases, const F& pack) {
    if (hold_) {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (!kept_ || kept_->kernels != &kernels) {
        auto fresh = std::make_shared<Kept>(kernels, std::vector<Part>{}, 0);
        fresh->packed = pack(blocks, biases);
        kept_ = std::move(fresh);
      }
      return kept_->packed;
    }
    std::vector<Part> parts;
    size_t total = 0;
    const auto add = [&](const T* from, size_t count) {
      parts.push_back({from, from ? count : 0});
      total += parts.back().count;
    };
    for (size_t i = 0; i < blocks.size(); ++i) add(blocks[i], (size_t)plan.block_rows[i] * plan.block_columns[i]);
    const std::vector<size_t> sizes = bias_sizes(plan, biases.size());
    for (size_t i = 0; i < biases.size(); ++i) add(biases[i], sizes[i]);
    if (total * sizeof(T) > tuning::kKeptWeights) return pack(blocks, biases);
    std::shared_ptr<const Kept> kept;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      kept = kept_;
    }
    if (!kept || kept->kernels != &kernels || !kept->same(parts)) {
      // Packed of the copy, so that the two agree even where another thread is writing the weights.
      auto fresh = std::make_shared<Kept>(kernels, parts, total);
      const std::vector<const T*> places = fresh->places();
      const auto middle = places.begin() + blocks.size();
      fresh->packed = pack({places.begin(), middle}, {middle, places.end()});
      kept = fresh;
      const std::lock_guard<std::mutex> lock(mutex_);
      kept_ = kept;
    }
    return kept->packed;
  }

 private:
  struct Part {
    const T* from;
    size_t count;
  };
  struct Kept {
    const Kernels<T>* kernels;  // each set packs in its own order
    std::vector<size_t> counts;
    Buffer<T> copy;
    std::shared_ptr<const Packed<T>> packed;

    Kept(const Kernels<T>& kernels, const std::vector<Part>& parts, size_t total) : kernels(&kernels), copy(total) {
      T* to = copy.get();
      for (const Part& part : parts) {
        counts.push_back(part.count);
        if (part.count) std::memcpy(to, part.from, part.count * sizeof(T));
        to += part.count;
      }
    }
    bool same(const std::vector<Part>& parts) const {
      const T* at = copy.get();
      for (size_t i = 0; i < parts.size(); ++i) {
        if (parts[i].count != counts[i]) return false;
        if (counts[i] && std::memcmp(at, parts[i].from, counts[i] * sizeof(T))) return false;
        at += counts[i];
      }
      return true;
    }
    std::vector<const T*> places() const {
      std::vector<const T*> places;
      const T* at = copy.get();
      for (size_t count : counts) {
        places.push_back(count ? at : nullptr);
        at += count;
      }
      return places;
    }
  };

  const bool hold_;
  std::mutex mutex_;
  std::shared_ptr<const Kept> kept_;
};

}  // namespace keepgate
