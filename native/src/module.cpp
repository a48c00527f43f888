// The Python face: plans, and what the whole core shares. Buffers are addresses of memory that the caller
// owns and whose shapes it has checked (keepgate/scan/checks.py).
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <numeric>
#include <string>
#include <tuple>

#include "block_cache.h"
#include "buffer.h"
#include "keepgate/plan.h"
#include "module.h"
#include "objectives_module.h"
#include "openmp.h"
#include "pool.h"
#include "predictor_module.h"
#include "sequences.h"
#include "sets.h"
#include "tensors.h"
#include "tuning.h"

namespace nb = nanobind;

namespace keepgate {

#define KEEPGATE_DECLARE(name) namespace name { extern const InstructionSet instruction_set; }
KEEPGATE_FOR_SETS(KEEPGATE_DECLARE)

namespace {

#define KEEPGATE_ADDRESS(name) &name::instruction_set,
const InstructionSet* const kSets[] = {KEEPGATE_FOR_SETS(KEEPGATE_ADDRESS)};  // fastest first

const InstructionSet* chosen = nullptr;

using ValueRow = std::tuple<int, int, int, double>;
using TermRow = std::tuple<int, int, int, bool, Ints, Ints>;
using BundleRow = std::tuple<int, Ints, std::vector<TermRow>>;
using TransposedRow = std::tuple<int, int, int, Ints, Ints>;
using InstructionRow = std::tuple<int, int, Ints, int>;
using StageRow = std::tuple<std::vector<BundleRow>, std::vector<TransposedRow>, std::vector<InstructionRow>>;
using OutersRow = std::tuple<int, int, int, Ints, Ints, Ints>;

Transposed transposed(const TransposedRow& row) {
  const auto& [target, width, block, deltas, rows] = row;
  return {target, width, block, deltas, rows};
}

Stage stage(const StageRow& from) {
  Stage stage;
  for (const auto& [width, targets, terms] : std::get<0>(from)) {
    Bundle bundle{width, targets, {}};
    for (const auto& [source, block, bias_block, hoisted, rows, biases] : terms)
      bundle.terms.push_back({source, block, bias_block, hoisted, rows, biases});
    stage.bundles.push_back(std::move(bundle));
  }
  for (const auto& row : std::get<1>(from)) stage.transposed.push_back(transposed(row));
  for (const auto& [op, target, args, width] : std::get<2>(from))
    stage.ops.push_back({(Op)op, target, {args.at(0), args.at(1), args.at(2)}, width});
  return stage;
}

// Reads the dictionary that keepgate/native/plan.py writes.
Plan plan(const nb::dict& d) {
  Plan plan;
  for (const auto& [kind, width, slot, number] : nb::cast<std::vector<ValueRow>>(d["values"]))
    plan.values.push_back({(Kind)kind, width, slot, number});
  plan.state_widths = nb::cast<Ints>(d["state_widths"]);
  plan.input_size = nb::cast<int>(d["input_size"]);
  plan.block_rows = nb::cast<Ints>(d["block_rows"]);
  plan.block_columns = nb::cast<Ints>(d["block_columns"]);
  plan.vector_widths = nb::cast<Ints>(d["vector_widths"]);
  plan.step_input_widths = nb::cast<Ints>(d["step_input_widths"]);
  plan.new_values = nb::cast<Ints>(d["new_values"]);
  plan.kept = nb::cast<Ints>(d["kept"]);
  for (const auto& row : nb::cast<std::vector<StageRow>>(d["forward"])) plan.forward.push_back(stage(row));
  for (const auto& row : nb::cast<std::vector<StageRow>>(d["backward"])) plan.backward.push_back(stage(row));
  plan.last_values = nb::cast<Ints>(d["last_values"]);
  for (const auto& row : nb::cast<std::vector<TransposedRow>>(d["x"])) plan.x.push_back(transposed(row));
  plan.x_value = nb::cast<int>(d["x_value"]);
  plan.step_input_values = nb::cast<Ints>(d["step_input_values"]);
  plan.vector_values = nb::cast<Ints>(d["vector_values"]);
  for (const auto& [block, source, bias_block, deltas, rows, biases] : nb::cast<std::vector<OutersRow>>(d["outers"]))
    plan.outers.push_back({block, source, bias_block, deltas, rows, biases});
  return plan;
}

template <class T> void define_function(nb::module_& m, const char* name) {
  m.def(name, [](int op, uintptr_t from, uintptr_t to, ptrdiff_t count) {
    const Instruction code{(Op)op, 1, {0, 0, 0}, (int32_t)count};
    const StridedView<T> values[] = {{reinterpret_cast<T*>(from), 0, 0}, {reinterpret_cast<T*>(to), 0, 0}};
    kernels<T>().elementwise(&code, 1, values, 0, 1, true);
  });
}

}  // namespace

template <> const Kernels<float>& kernels<float>() { return *chosen->f32; }
template <> const Kernels<double>& kernels<double>() { return *chosen->f64; }

NB_MODULE(_core, m) {
  nb::set_leak_warnings(false);  // engines are cached for the life of the process
  nb::class_<Plan>(m, "Plan").def("__init__", [](Plan* self, const nb::dict& d) { new (self) Plan(plan(d)); });
  define_scan(m);
  define_function<float>(m, "function_single");
  define_function<double>(m, "function_double");
  define_tensors(m);
  define_steppers(m);
  define_populations(m);
  define_layers(m);
  define_objectives(m);
  define_predictor(m);
  m.def("bernoulli", [](uint32_t key, ptrdiff_t rows, ptrdiff_t units, uint64_t threshold, uintptr_t to) {
    Ints numbers(rows);
    for (ptrdiff_t row = 0; row < rows; ++row) numbers[row] = (int32_t)row;
    kernels<float>().bernoulli(key, 0, numbers.data(), rows, units, threshold, reinterpret_cast<float*>(to));
  });
  m.def("instruction_sets", [] {
    nb::list names;
    for (const InstructionSet* set : kSets) names.append(nb::make_tuple(set->name, set->supported()));
    return names;
  });
  // An array of float64 or float32 that is not set to anything, in memory that comes back for the next one.
  m.def("empty", [](const std::vector<size_t>& shape, bool wide) {
    const size_t bytes = wide ? sizeof(double) : sizeof(float);
    size_t count = bytes;
    for (size_t size : shape) count = product_of(count, size);
    auto block = std::make_unique<Buffer<uint8_t>>(count);
    nb::capsule owner(block.get(), [](void* held) noexcept { delete static_cast<Buffer<uint8_t>*>(held); });
    void* const memory = block.release()->get();
    return nb::ndarray<nb::numpy>(memory, shape.size(), shape.data(), owner, nullptr,
                                  wide ? nb::dtype<double>() : nb::dtype<float>());
  });
  // Row r of each of `blocks` blocks of `rows` rows of `bytes` becomes row order[r] of `from`.
  m.def("take_rows", [](uintptr_t from, uintptr_t to, uintptr_t order, ptrdiff_t blocks, ptrdiff_t rows, size_t bytes,
                        int threads) {
    const auto* const source = reinterpret_cast<const char*>(from);
    const auto* const place = reinterpret_cast<const int64_t*>(order);
    auto* const target = reinterpret_cast<char*>(to);
    nb::gil_scoped_release release;
    if (blocks * rows * bytes < tuning::kCopyBytes) threads = 1;
    Pool::shared().run(threads, [&](int i) {
      for (ptrdiff_t block = blocks * i / threads; block < blocks * (i + 1) / threads; ++block)
        for (ptrdiff_t r = 0; r < rows; ++r)
          std::copy_n(source + (block * rows + place[r]) * bytes, bytes, target + (block * rows + r) * bytes);
    });
  });
  // The order of falling lengths, those of one length as they come: the rows in that order, the place of each row in
  // it, and the lengths in it. Return whether it is another one than that in which they come.
  m.def("fall", [](uintptr_t from, uintptr_t rows, uintptr_t places, uintptr_t falling, int64_t count) {
    const auto* const lengths = reinterpret_cast<const int64_t*>(from);
    auto *const order = reinterpret_cast<int64_t*>(rows), *const back = reinterpret_cast<int64_t*>(places);
    std::iota(order, order + count, int64_t(0));
    const auto longer = [lengths](int64_t a, int64_t b) { return lengths[a] > lengths[b]; };
    const bool differs = !std::is_sorted(order, order + count, longer);
    if (differs) std::stable_sort(order, order + count, longer);
    for (int64_t i = 0; i < count; ++i) {
      back[order[i]] = i;
      reinterpret_cast<int32_t*>(falling)[i] = (int32_t)lengths[order[i]];
    }
    return differs;
  });
  m.def("in_environment", [](const char* name) { return std::getenv(name) != nullptr; });
  m.def("choose_pool", [](bool of_openmp) {
    if (of_openmp) return openmp::choose();
    openmp::refuse();
    return true;
  });
  m.def("openmp_library", &openmp::library);
  m.def("choose", [](const std::string& name) {
    for (const InstructionSet* set : kSets)
      if (name == set->name && set->supported()) {
        chosen = set;
        choose_objectives(name);
        choose_predictor(*set);
        return true;
      }
    return false;
  });
}

}  // namespace keepgate
