// A product that is run at every step: what it reads and writes is listed once; at a step only the addresses of what
// moves with time are renewed.
#pragma once

#include <algorithm>
#include <vector>

#include "keepgate/kernels.h"

namespace keepgate {

template <class T> class StepProduct {
 public:
  using Views = std::vector<StridedView<T>>;

  // Add a segment that reads the rows of a value.
  void read(const Views& views, int value, bool moving, const char* packed, ptrdiff_t depth) {
    if (moving) moving_segments_.push_back({(int)segments_.size(), value, 0});
    segments_.push_back({views[value].base, views[value].stride, packed, depth});
  }
  // Add a panel for units `unit` to `width`, at most one panel, of a value.
  void write(const Views& views, int value, bool moving, ptrdiff_t unit, ptrdiff_t width, int panel) {
    if (moving) moving_panels_.push_back({(int)panels_.size(), value, unit});
    T* const to = views[value].base ? views[value].base + unit : nullptr;
    panels_.push_back({to, views[value].stride, (int32_t)std::min<ptrdiff_t>(panel, width - unit)});
  }
  bool empty() const { return segments_.empty(); }

  // The sums begin at `start`, see `Product`.
  void run(const Kernels<T>& kernels, const Views& views, const T* start, ptrdiff_t start_stride, ptrdiff_t rows,
           Storage storage, char* work = nullptr) {
    if (!rows) return;
    renew(views);
    backwards_ = !backwards_;
    kernels.product({segments_.data(), (int32_t)segments_.size(), (int32_t)panels_.size(), panels_.data(), start,
                     start_stride, rows, storage, work, false, backwards_});
  }
  // Each segment summed by itself, see `Product`, if the weights are in full.
  void run_apart(const Kernels<T>& kernels, const Views& views, ptrdiff_t rows, Storage storage, char* work) {
    if (!rows) return;
    renew(views);
    backwards_ = !backwards_;
    kernels.product({segments_.data(), (int32_t)segments_.size(), (int32_t)panels_.size(), panels_.data(), nullptr, 0,
                     rows, storage, work, storage == Storage::full, backwards_});
  }
  // Of `work`, for one row.
  ptrdiff_t row_bytes(Storage storage) const {
    ptrdiff_t bytes = 0;
    for (const Segment<T>& segment : segments_) bytes += rounded_row_bytes(storage, segment.depth);
    return bytes;
  }

 private:
  void renew(const Views& views) {
    for (const Moving& m : moving_segments_) segments_[m.index].rows = views[m.value].base;
    for (const Moving& m : moving_panels_) panels_[m.index].to = views[m.value].base + m.unit;
  }

  struct Moving {
    int index, value;
    ptrdiff_t unit;
  };
  std::vector<Segment<T>> segments_;
  std::vector<Panel<T>> panels_;
  std::vector<Moving> moving_segments_, moving_panels_;
  bool backwards_ = false;  // the last run, see `Product`
};

}  // namespace keepgate
