// Populations for Python, on arrays.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <vector>

#include "keepgate/population.h"
#include "module.h"
#include "pool.h"
#include "sequences.h"

namespace nb = nanobind;

namespace keepgate {
namespace {

template <class T> std::vector<const T*> pointers(const Addresses& addresses) {
  std::vector<const T*> result;
  for (uintptr_t address : addresses) result.push_back(reinterpret_cast<const T*>(address));
  return result;
}

template <class T> using Given = nb::ndarray<const T, nb::ndim<3>, nb::c_contig, nb::device::cpu>;
template <class T> using Taken = nb::ndarray<T, nb::ndim<3>, nb::c_contig, nb::device::cpu>;

// [P, K, width]; the face says what is wrong.
template <class T, class Array> void check(const Population<T>& population, const Array& array, int width) {
  const bool fits = (ptrdiff_t)array.shape(0) == population.networks && (ptrdiff_t)array.shape(1) == population.rows;
  if (!fits || array.shape(2) != (size_t)width) throw nb::type_error("shape");
}

template <class T> void define(nb::module_& m, const char* name) {
  nb::class_<Population<T>>(m, name)
      .def("__init__",
           [](Population<T>* self, const Plan& plan, ptrdiff_t networks, ptrdiff_t rows, int output, int threads) {
             new (self) Population<T>(plan, kernels<T>(), networks, rows, output, Pool::shared(), threads);
           }, nb::keep_alive<1, 2>())
      // The addresses of the first network's parameters, and how many numbers further on those of the next lie.
      .def("load",
           [](Population<T>& self, const Addresses& weights, const Addresses& biases, const Addresses& vectors,
              ptrdiff_t apart) {
             const auto w = pointers<T>(weights), b = pointers<T>(biases), v = pointers<T>(vectors);
             nb::gil_scoped_release release;
             self.load(w.data(), b.data(), v.data(), apart);
           })
      .def("step",
           [](Population<T>& self, const Given<T>& x, const Taken<T>& output) {
             check(self, x, self.plan.input_size);
             check(self, output, self.plan.values[self.output].width);
             nb::gil_scoped_release release;
             self.step(x.data(), output.data());
           }, nb::arg().noconvert(), nb::arg().noconvert())
      .def("reset", [](Population<T>& self, uintptr_t mask) { self.reset(reinterpret_cast<const uint8_t*>(mask)); })
      .def_prop_ro("place", &Population<T>::place)
      .def("state", [](Population<T>& self, int s) {
        const size_t width = self.plan.state_widths.at(s);
        const size_t shape[] = {2, (size_t)self.networks, (size_t)self.rows, width};
        return nb::ndarray<nb::numpy, T>(self.state(s), 4, shape, nb::find(self));
      });
}

}  // namespace

void define_populations(nb::module_& m) {
  define<float>(m, "PopulationSingle");
  define<double>(m, "PopulationDouble");
}

}  // namespace keepgate
