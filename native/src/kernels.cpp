// The kernels of one instruction set: compiled once for each, with KEEPGATE_SET its name (see simd.h).
#include "keepgate/kernels.h"

#include "elementwise.h"
#include "outer.h"
#include "pack.h"
#include "population_product.h"
#include "product.h"

#define KEEPGATE_TEXT2(a) #a
#define KEEPGATE_TEXT(a) KEEPGATE_TEXT2(a)

namespace keepgate {
inline namespace KEEPGATE_SET {
namespace {

template <class T> constexpr Kernels<T> kernels_of() {
  return {panel_width<T>, tile_rows, product<T>,   population_product<T>, outer<T>, sum_rows<T>,
          elementwise<T>, add<T>,    bernoulli<T>, pack<T>,               narrow};
}

constexpr Kernels<float> f32 = kernels_of<float>();
constexpr Kernels<double> f64 = kernels_of<double>();

bool supported() {
#if defined(__AVX512F__)
  return __builtin_cpu_supports("x86-64-v4");
#elif defined(__AVX2__) && defined(__FMA__)
  return __builtin_cpu_supports("x86-64-v3");
#else
  return true;
#endif
}

}  // namespace

extern const InstructionSet instruction_set;
const InstructionSet instruction_set = {KEEPGATE_TEXT(KEEPGATE_SET), supported, &f32, &f64};

}  // namespace KEEPGATE_SET
}  // namespace keepgate
