// The Python face of the predictor; used by keepgate/compression.
#include "predictor_module.h"

#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>

#include <optional>
#include <string>
#include <tuple>

#include "keepgate/predictor.h"
#include "sequences.h"
#include "sets.h"

namespace nb = nanobind;

namespace keepgate {

#define KEEPGATE_DECLARE(name)                    \
  namespace name {                                \
    extern const LearnerKernels learner_kernels;  \
    extern const MixerKernels mixer_kernels;      \
  }
KEEPGATE_FOR_SETS(KEEPGATE_DECLARE)

namespace {

const Kernels<float>* kernels = nullptr;
const LearnerKernels* learning = nullptr;
const MixerKernels* mixing = nullptr;

// The fields of `LearnerShape`.
using Shape = std::tuple<int32_t, int32_t, int32_t, int32_t, int32_t, int32_t, float, float, int32_t, float, float,
                         float>;

LearnerShape shape_of(const Shape& from) {
  LearnerShape to{};
  std::tie(to.hidden, to.layers, to.main_rows, to.rows, to.steps, to.history, to.rate, to.last_rate, to.decay, to.beta1,
           to.beta2, to.ema_rate) = from;
  return to;
}

using Numbers = nb::ndarray<const float, nb::ndim<1>, nb::c_contig>;

// The probabilities of all bits of `data` [n], to `to` [n, 8].
void follow(Predictor& predictor, nb::ndarray<const uint8_t, nb::ndim<1>, nb::c_contig> data,
            nb::ndarray<uint16_t, nb::ndim<2>, nb::c_contig> to) {
  const uint8_t* bytes = data.data();
  uint16_t* out = to.data();
  const size_t count = data.shape(0);
  nb::gil_scoped_release release;
  for (size_t i = 0; i < count; ++i)
    for (int b = 7; b >= 0; --b) {
      *out++ = (uint16_t)predictor.probability();
      predictor.see(bytes[i] >> b & 1);
    }
}

}  // namespace

void choose_predictor(const InstructionSet& set) {
  kernels = set.f32;
#define KEEPGATE_CHOOSE(isa)              \
  if (std::string(set.name) == #isa) {    \
    learning = &isa::learner_kernels;     \
    mixing = &isa::mixer_kernels;         \
  }
  KEEPGATE_FOR_SETS(KEEPGATE_CHOOSE)
}

void define_predictor(nb::module_& m) {
  nb::class_<Predictor>(m, "Predictor")
      .def("__init__", [](Predictor* self, const Shape& from, std::optional<Numbers> weights, bool contexts,
                          int64_t size, bool help) {
        const LearnerShape shape = shape_of(from);
        if (weights && weights->shape(0) != Learner::numbers(shape)) throw nb::value_error("weights of another shape");
        const float* const numbers = weights ? weights->data() : nullptr;
        new (self) Predictor(shape, *kernels, *learning, *mixing, numbers, contexts, size, help);
      }, nb::arg("shape"), nb::arg("weights").none(), nb::arg("contexts"), nb::arg("size"), nb::arg("help"))
      .def("probability", &Predictor::probability)
      .def("see", [](Predictor& self, int bit) {
        self.see(bit);
        return self.probability();
      })
      .def_prop_ro("byte", &Predictor::byte)
      .def("learned", [](const Predictor& self, nb::ndarray<float, nb::shape<256>, nb::c_contig> to) {
        self.learner().predict(to.data());
      })
      .def("follow", follow);
}

}  // namespace keepgate
