// The kernels: what is compiled once per instruction set and chosen at import.
//
// Rules that make the same bits everywhere:
//   - every sum runs in one fixed order with one accumulator and fused multiply-add, whatever the tile or vector size;
//   - exp, tanh and the rest are ours, made of exactly rounded operations;
//   - the end of a row is computed by the same vector code as its middle.
//
// All buffers are owned by the caller and live for the duration of the call. No kernel allocates.
#pragma once

#include <cstddef>
#include <cstdint>

namespace keepgate {

// Elementwise operations and norms of rows; the order is that of `OPCODES` in keepgate/native/plan.py.
enum class Op : int32_t {
  add, subtract, multiply, divide, negative, sigmoid, tanh, exp, log, sqrt, softplus, relu, absolute,
  minimum, maximum, less, where, mean, deviation, normalise, normalise_slope, broadcast, multiply_add,
  sigmoid_slope, tanh_slope,
};

// One operation. `width` is the number of units of its widest argument. `normalise` writes to its second argument
// too: the deviation of each row.
struct Instruction {
  Op op;
  int32_t target;
  int32_t args[3];
  int32_t width;
};

// How packed weights are stored: in full; as bfloat16, rounded to nearest even, which is widened to float32 in
// registers, so that a sum is that of the rounded weights in float32; as 8-bit integers with a scale for each column of
// a panel, which are multiplied as integers (see int8.h); or as bfloat16 pairs, where the rows are rounded too and
// pairs are multiplied (see pairs.h). All but the first are for single precision only. The order is that of `STORAGES`
// in keepgate/native/engine.py.
enum class Storage : int32_t { full, bfloat16, int8, pairs };

// Bytes of one packed panel (static, that is one function per instruction set, see simd.h): [depth, panel width]
// numbers; or words of 32 bits, [depth / 2 or 4, panel width], that each hold a column's numbers for as many steps of
// depth, the first in the lowest bits; of integers, before them the scales in float32 and the sums of each column.
template <class T> static constexpr ptrdiff_t panel_bytes(Storage storage, ptrdiff_t depth, ptrdiff_t panel) {
  return storage == Storage::full   ? depth * panel * (ptrdiff_t)sizeof(T)
         : storage == Storage::int8 ? panel * 8 + (depth + 3) / 4 * panel * 4
                                    : (depth + 1) / 2 * panel * 4;
}

// A product of int8 weights rounds its rows: to bytes of a head and of words that hold four numbers each. Up to
// kInt8Depth of depth its sums fit 32 bits.
static constexpr ptrdiff_t kInt8Depth = 1 << 17, kInt8Head = 64;
static constexpr ptrdiff_t int8_row_bytes(ptrdiff_t depth) { return kInt8Head + (depth + 63) / 64 * 64 * 2; }
// One of pairs does so to a dense row of them.
static constexpr ptrdiff_t pairs_row_bytes(ptrdiff_t depth) { return (depth + 31) / 32 * 64; }
static constexpr ptrdiff_t rounded_row_bytes(Storage storage, ptrdiff_t depth) {
  return storage == Storage::int8 ? int8_row_bytes(depth) : storage == Storage::pairs ? pairs_row_bytes(depth) : 0;
}

// One source of a product: `rows` points at row 0 of A [rows, depth], `stride` apart; `packed` at panels of B.
template <class T> struct Segment {
  const T* rows;
  ptrdiff_t stride;
  const char* packed;
  ptrdiff_t depth;
};

// Where one panel of a product goes: row r at `to + r * stride`, its first `columns` numbers.
template <class T> struct Panel {
  T* to;
  ptrdiff_t stride;
  int32_t columns;
};

// C = start + sum over segments of A B, for `rows` rows and `panels` panels. `start` + r * start_stride + p * panel
// width is where the sums begin; a null `start` begins at 0.
template <class T> struct Product {
  const Segment<T>* segments;
  int32_t segment_count;
  int32_t panel_count;
  const Panel<T>* panels;
  const T* start;
  ptrdiff_t start_stride;
  ptrdiff_t rows;
  Storage storage = Storage::full;
  char* work = nullptr;  // where rows are rounded: of each segment, `rows` rows of rounded_row_bytes(its depth)
  // Each segment is summed by itself, from 0, and the sums are added in order: short sums beside each other, where one
  // long one would wait for itself. In full, without `start`.
  bool apart = false;
  // Whether the last panels come first. Weights that fit no cache are read from both ends in turn, step by step: what
  // was read last is what the cache still holds.
  bool backwards = false;
};

// A group of columns of a population's product has no more vectors than this.
constexpr int kGroupVectors = 8;

// Products of small networks of one kind, one after the other: for each network C = starts + sum over segments of A B.
// The columns of all targets, each filled up to whole vectors, are cut into groups of kGroupVectors vectors; the last
// may have fewer. `lines` are those of the first network, `apart` numbers before those of the next: for each group a
// line of starts, then one for each step of depth of each segment.
template <class T> struct PopulationProduct {
  const Segment<T>* segments;  // `rows`: of the first network, those of the next behind them; `packed`: null
  const Panel<T>* targets;     // as `segments`, with all columns of a target
  int32_t segment_count, target_count;
  ptrdiff_t networks, rows;    // rows of each network
  const T* lines;
  ptrdiff_t apart;
};

// Where a value lies: of the block of rows that begins at row `first`, row r lies at `base + first * block_stride + r *
// stride`. A value that is kept has equal strides; one that is local to a block, a block_stride of 0; and what is one
// row for all, or one number, has two of 0, and stands at `base` as often as a block has rows.
template <class T> struct StridedView {
  T* base;
  ptrdiff_t stride, block_stride;
};

// `count` rows of sources [count, n], each `stride` after the one before.
template <class T> struct Sources {
  const T* rows;
  ptrdiff_t stride;
  ptrdiff_t count;
};

// Sums of outer products for one matrix of `gates` blocks of rows: for each gate, to[gate][m, n] = (add ? itself : 0) +
// sum over all rows of delta[gate][row, m] * source[row, n]. deltas[gate * block_count + block] points at [count of the
// block, m], rows `delta_stride` apart. Only tiles `first` to `last` are computed; a gate has ceil(m / Kernels::tile)
// tiles. `pairs`: of numbers rounded to bfloat16, see pairs.h; the rows of a block are paired among themselves.
template <class T> struct Outer {
  const Sources<T>* blocks;
  const T* const* deltas;
  T* const* to;
  ptrdiff_t block_count, gates, m, n, delta_stride, to_stride, first, last;
  bool add, pairs;
};

template <class T> struct Kernels {
  int panel;  // columns of a panel
  int tile;   // rows of a tile of `outer`

  void (*product)(const Product<T>&);

  void (*population_product)(const PopulationProduct<T>&);

  // `work` holds (number of source rows) * (n up to whole panels + tile) numbers.
  void (*outer)(const Outer<T>&, T* work);

  // sums[n] += rows of values [rows, n], each `stride` after the one before, in order.
  void (*sum_rows)(const T* values, ptrdiff_t stride, ptrdiff_t rows, ptrdiff_t n, T* sums);

  // Run operations over the block of rows `first` to `first + rows`; values[i] is value i. `dense`: rows of all values
  // lie one behind the other.
  void (*elementwise)(const Instruction* code, size_t count, const StridedView<T>* values, ptrdiff_t first,
                      ptrdiff_t rows, bool dense);

  // to = a + b.
  void (*add)(const T* a, const T* b, T* to, ptrdiff_t n);

  // to[row, unit] = 1 with probability threshold / 2^32, else 0; rows[row] is the row's number in the whole batch.
  void (*bernoulli)(uint32_t key, uint32_t step, const int32_t* rows, ptrdiff_t count, ptrdiff_t units,
                    uint64_t threshold, T* to);

  // Pack B for `product`: panel p, depth k, column j is from[(p * panel + j) * column_stride + k * depth_stride],
  // 0 past the last column. One of the strides is 1.
  void (*pack)(const T* from, ptrdiff_t columns, ptrdiff_t column_stride, ptrdiff_t depth, ptrdiff_t depth_stride,
               T* to);

  // Store a panel, packed as it is, in another way.
  void (*narrow)(const T* panel, ptrdiff_t depth, Storage storage, char* to);
};

// One instruction set: its name, whether this machine has it, and its kernels.
struct InstructionSet {
  const char* name;
  bool (*supported)();
  const Kernels<float>* f32;
  const Kernels<double>* f64;
};

}  // namespace keepgate
