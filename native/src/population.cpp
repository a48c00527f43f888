#include "keepgate/population.h"

#include <algorithm>
#include <cstring>

#include "arena.h"
#include "pool.h"

namespace keepgate {
namespace {

ptrdiff_t vectors_of(ptrdiff_t width, ptrdiff_t lanes) { return (width + lanes - 1) / lanes; }

// One bundle: which weights it reads, in the order of its sums, and where they lie among the lines of a network.
template <class T> struct PopulationBundle {
  const Bundle& bundle;
  std::vector<Term> terms;  // x first, as in all products: the sums have one order
  ptrdiff_t first;          // number of a network's lines where its own begin
  ptrdiff_t depth = 0;

  PopulationBundle(const Bundle& bundle, const Plan& plan, ptrdiff_t first) : bundle(bundle), first(first) {
    for (const bool of_x : {true, false})
      for (const Term& term : bundle.terms) {
        if (term.hoisted != of_x) continue;
        terms.push_back(term);
        depth += plan.block_columns[term.block];
      }
  }
  ptrdiff_t vectors(ptrdiff_t lanes) const { return bundle.targets.size() * vectors_of(bundle.width, lanes); }
};

}  // namespace

// Values live in the rows of a few networks at a time, a *block*; only states and vectors have rows for all.
template <class T> struct Population<T>::Impl {
  const Plan& plan;
  const Kernels<T>& kernels;
  const ptrdiff_t networks, rows, lanes;
  const int output;
  Pool& pool;
  int threads, place = 0;
  ptrdiff_t block = 1, apart = 0;  // networks of a block; numbers of the lines of a network
  Arena arena;
  std::vector<std::vector<PopulationBundle<T>>> bundles;  // per stage
  T* lines;                                               // [P, apart]
  std::vector<T*> states, vectors;                        // [2, P, K, W], [P, K, W]
  std::vector<int> copies;                                // states whose new value lies elsewhere

  // What one thread works with.
  struct Worker {
    std::vector<StridedView<T>> views[2];  // by the place of the last states
    std::vector<Segment<T>> segments;
    std::vector<Panel<T>> targets;
  };
  std::vector<Worker> workers;

  Impl(const Plan& plan, const Kernels<T>& kernels, ptrdiff_t networks, ptrdiff_t rows, int output, Pool& pool,
       int threads)
      : plan(plan), kernels(kernels), networks(networks), rows(rows), lanes(kernels.panel / 2), output(output),
        pool(pool), threads(threads) {
    for (const Stage& stage : plan.forward) {
      auto& of_stage = bundles.emplace_back();
      for (const Bundle& bundle : stage.bundles) {
        of_stage.emplace_back(bundle, plan, apart);
        apart += of_stage.back().vectors(lanes) * lanes * (of_stage.back().depth + 1);
      }
    }
    lines = arena.zeros<T>(networks, apart);
    for (int width : plan.state_widths) states.push_back(arena.zeros<T>(2, networks, rows, width));
    for (int width : plan.vector_widths) vectors.push_back(arena.zeros<T>(networks, rows, width));
    if (2.0 * networks * rows * apart < tuning::kWakingOperations) this->threads = 1;
    ptrdiff_t numbers = 1;  // of a row
    for (const Value& value : plan.values) numbers += value.width;
    const ptrdiff_t bytes = numbers * rows * (ptrdiff_t)sizeof(T);
    block = std::clamp<ptrdiff_t>(tuning::kPopulationBytes / bytes, 1, networks);
    for (int i = 0; i < this->threads; ++i) workers.push_back(worker());
  }

  Worker worker() {
    Worker made;
    ptrdiff_t widest = 1;
    for (const Value& value : plan.values) widest = std::max<ptrdiff_t>(widest, value.width);
    const ptrdiff_t here = block * rows;
    auto& views = made.views[0];
    views.assign(plan.values.size() + 1, {nullptr, 0, 0});
    views.back() = {arena.take<T>(here, widest), 0, 0};  // what nobody reads
    for (size_t v = 0; v < plan.values.size(); ++v) {
      const auto& [kind, width, slot, number] = plan.values[v];
      switch (kind) {
        case Kind::input: views[v] = {nullptr, width, width}; break;  // see `step`
        case Kind::vector: views[v] = {vectors[slot], width, width}; break;
        case Kind::row: views[v] = {arena.take<T>(here, width), width, 0}; break;
        case Kind::constant:
        case Kind::bernoulli:
        case Kind::mask:
          views[v] = {arena.take<T>(here, widest), 0, 0};
          std::fill_n(views[v].base, here * widest, T(number));
          break;
        default: break;
      }
    }
    made.views[1] = views;
    for (int place : {0, 1}) place_states(made.views[place], place);
    return made;
  }

  // Where the last states are at a place, and where the new ones go.
  void place_states(std::vector<StridedView<T>>& views, int place) {
    std::vector<bool> placed(plan.values.size(), false);
    copies.clear();
    for (size_t v = 0; v < plan.values.size(); ++v)
      if (plan.values[v].kind == Kind::last) views[v] = rows_of(plan.values[v].slot, place);
    for (size_t s = 0; s < plan.new_values.size(); ++s) {
      const int value = plan.new_values[s];
      if (plan.values[value].kind == Kind::row && !placed[value]) {
        views[value] = rows_of(s, 1 - place);
        placed[value] = true;
      } else {
        copies.push_back((int)s);
      }
    }
  }
  StridedView<T> rows_of(size_t s, int place) const {
    const ptrdiff_t width = plan.state_widths[s];
    return {states[s] + place * networks * rows * width, width, width};
  }

  // Write the lines of a network.
  void pack(const T* const* weights, const T* const* biases, ptrdiff_t p, ptrdiff_t given_apart) {
    for (const auto& of_stage : bundles)
      for (const PopulationBundle<T>& bundle : of_stage) {
        const ptrdiff_t each = vectors_of(bundle.bundle.width, lanes), all = bundle.vectors(lanes);
        T* const to = lines + p * apart + bundle.first;
        std::fill_n(to, all * lanes * (bundle.depth + 1), T(0));
        for (ptrdiff_t vector = 0; vector < all; ++vector) {
          const ptrdiff_t target = vector / each, unit = vector % each * lanes;
          const ptrdiff_t columns = std::min(lanes, bundle.bundle.width - unit);
          const ptrdiff_t group = vector / kGroupVectors * kGroupVectors;
          const ptrdiff_t line = std::min<ptrdiff_t>(all - group, kGroupVectors) * lanes;
          T* at = to + group * lanes * (bundle.depth + 1) + (vector - group) * lanes;
          for (const Term& term : bundle.bundle.terms) {
            const T* bias = term.biases[target] < 0 ? nullptr : biases[term.bias_block];
            if (bias) kernels.add(at, bias + p * given_apart + term.biases[target] + unit, at, columns);
          }
          for (const Term& term : bundle.terms) {
            const ptrdiff_t depth = plan.block_columns[term.block];
            const T* from = weights[term.block] + p * given_apart + (term.rows[target] + unit) * depth;
            for (ptrdiff_t k = 0; k < depth; ++k) {
              at += line;
              for (ptrdiff_t j = 0; j < columns; ++j) at[j] = from[j * depth + k];
            }
          }
        }
      }
  }

  // Run `work` for each thread's share of the networks.
  template <class F> void share(const F& work) {
    pool.run(threads, [&](int i) { work(i, networks * i / threads, networks * (i + 1) / threads); });
  }

  // A step of the networks of a block, from network `first` on.
  void step(Worker& worker, ptrdiff_t first, ptrdiff_t count, T* to) {
    const std::vector<StridedView<T>>& views = worker.views[place];
    const ptrdiff_t row = first * rows, here = count * rows;
    const auto at = [&](int value) { return views[value].base + row * views[value].block_stride; };
    for (size_t s = 0; s < bundles.size(); ++s) {
      for (const PopulationBundle<T>& bundle : bundles[s]) {
        worker.segments.clear();
        worker.targets.clear();
        for (const Term& term : bundle.terms)
          worker.segments.push_back({at(term.source), views[term.source].stride, nullptr,
                                     plan.block_columns[term.block]});
        for (int target : bundle.bundle.targets)
          worker.targets.push_back({at(target), views[target].stride, bundle.bundle.width});
        kernels.population_product({worker.segments.data(), worker.targets.data(), (int32_t)worker.segments.size(),
                                    (int32_t)worker.targets.size(), count, rows,
                                    lines + first * apart + bundle.first, apart});
      }
      const auto& ops = plan.forward[s].ops;
      if (!ops.empty()) kernels.elementwise(ops.data(), ops.size(), views.data(), row, here, true);
    }
    const auto copy = [&](int value, T* to, ptrdiff_t width) {
      const bool dense = views[value].stride == width;
      for (ptrdiff_t r = 0; r < here; r += dense ? here : 1)
        std::memcpy(to + (row + r) * width, at(value) + r * views[value].stride,
                    (dense ? here : 1) * width * sizeof(T));
    };
    for (int s : copies) copy(plan.new_values[s], rows_of(s, 1 - place).base, plan.state_widths[s]);
    copy(output, to, plan.values[output].width);
  }
};

template <class T>
Population<T>::Population(const Plan& plan, const Kernels<T>& kernels, ptrdiff_t networks, ptrdiff_t rows, int output,
                          Pool& pool, int threads)
    : plan(plan), networks(networks), rows(rows), output(output),
      impl_(std::make_unique<Impl>(plan, kernels, networks, rows, output, pool, threads)) {}

template <class T> Population<T>::~Population() = default;

template <class T>
void Population<T>::load(const T* const* weights, const T* const* biases, const T* const* vectors, ptrdiff_t apart) {
  impl_->share([&](int, ptrdiff_t first, ptrdiff_t last) {
    for (ptrdiff_t p = first; p < last; ++p) {
      impl_->pack(weights, biases, p, apart);
      for (size_t v = 0; v < impl_->vectors.size(); ++v)
        for (ptrdiff_t r = p * rows; r < (p + 1) * rows; ++r)
          std::copy_n(vectors[v] + p * apart, plan.vector_widths[v], impl_->vectors[v] + r * plan.vector_widths[v]);
    }
  });
}

template <class T> void Population<T>::step(const T* x, T* output) {
  impl_->share([&](int thread, ptrdiff_t first, ptrdiff_t last) {
    auto& worker = impl_->workers[thread];
    for (size_t v = 0; v < plan.values.size(); ++v)
      if (plan.values[v].kind == Kind::input) worker.views[impl_->place][v].base = const_cast<T*>(x);
    for (ptrdiff_t p = first; p < last; p += impl_->block)
      impl_->step(worker, p, std::min(impl_->block, last - p), output);
  });
  impl_->place = 1 - impl_->place;
}

template <class T> void Population<T>::reset(const uint8_t* mask) {
  for (size_t s = 0; s < impl_->states.size(); ++s) {
    const ptrdiff_t width = plan.state_widths[s];
    T* const state = impl_->rows_of(s, impl_->place).base;
    for (ptrdiff_t r = 0; r < networks * rows; ++r)
      if (!mask || mask[r]) std::fill_n(state + r * width, width, T(0));
  }
}

template <class T> T* Population<T>::state(int s) { return impl_->states[s]; }
template <class T> int Population<T>::place() const { return impl_->place; }

template class Population<float>;
template class Population<double>;

}  // namespace keepgate
