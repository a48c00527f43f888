// Compiled once per instruction set, with KEEPGATE_SET its name. Nothing here has a linkage name that another
// compilation shares, so that no instruction leaks into code that runs on every machine.
#include "keepgate/kernels.h"

#include "product.h"
#include "rows.h"

#define KEEPGATE_JOIN2(a, b) a##b
#define KEEPGATE_JOIN(a, b) KEEPGATE_JOIN2(a, b)
#define KEEPGATE_TEXT2(a) #a
#define KEEPGATE_TEXT(a) KEEPGATE_TEXT2(a)

namespace keepgate {
namespace {

template <class T> constexpr Kernels<T> kernels_of() {
  return {panel_width<T>, tile_rows, product<T>, outer<T>, sum_rows<T>, run_rows<T>, add<T>,
          bernoulli<T>,   pack<T>, narrow};
}

constexpr Kernels<float> single = kernels_of<float>();
constexpr Kernels<double> twofold = kernels_of<double>();

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

extern const InstructionSet KEEPGATE_JOIN(set_, KEEPGATE_SET);
const InstructionSet KEEPGATE_JOIN(set_, KEEPGATE_SET) = {KEEPGATE_TEXT(KEEPGATE_SET), supported, &single, &twofold};

}  // namespace keepgate
