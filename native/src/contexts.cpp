#include "keepgate/contexts.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <vector>

namespace keepgate {
namespace {

constexpr int kOrders = 6;  // bytes 1, 2, 3, 4, 6, and the word
constexpr int kLevels = 33, kCounts = 16;
constexpr float kTop = 8;  // a prediction is no surer than this in the logistic domain

// A probability of 22 bits, above the number of times it has learned, in 10.
using Slot = uint32_t;
constexpr Slot kFresh = 1u << 31;

struct Rates {
  uint32_t of[1024];
  constexpr Rates() : of() {
    for (int n = 0; n < 1024; ++n) of[n] = (uint32_t)(65536 * 2 / (2 * n + 3));
  }
};
constexpr Rates kRates;

inline float probability(Slot slot) { return ((slot >> 10) + 0.5f) * (1.0f / (1 << 22)); }
inline void learn(Slot& slot, int bit, uint32_t limit) {
  const uint32_t n = slot & 1023, p = slot >> 10;
  const int64_t error = (int64_t)(bit ? (1 << 22) - 1 : 0) - p;
  slot = (uint32_t)(p + (error * kRates.of[n] >> 16)) << 10 | (n < limit ? n + 1 : n);
}

inline uint32_t mixed(uint32_t a, uint32_t b) {
  uint64_t z = (uint64_t)a * 0x9E3779B97F4A7C15u ^ (uint64_t)(b + 1) * 0xD6E8FEB86659FD93u;
  z = (z ^ z >> 32) * 0xD6E8FEB86659FD93u;
  return (uint32_t)(z >> 32);
}

// Sixteen slots on a cache line: a check, then those of the bits of half a byte.
struct Line {
  uint32_t check;
  Slot slots[15];
};

// Lines by hash; of two candidates the less used gives way.
class Lines {
 public:
  explicit Lines(int log_count) : mask_((1u << log_count) - 1) {
    room_ = std::calloc(((size_t)mask_ + 2), sizeof(Line));
    if (!room_) throw std::bad_alloc();
    lines_ = reinterpret_cast<Line*>(((uintptr_t)room_ + 63) / 64 * 64);
  }
  ~Lines() { std::free(room_); }
  Lines(const Lines&) = delete;

  Slot* find(uint32_t hash) {
    const uint32_t check = hash | 1, at = (hash >> 1 ^ hash << 9) & mask_;
    Line* const a = lines_ + at;
    Line* const b = lines_ + (at ^ 1);
    if (a->check == check) return a->slots;
    if (b->check == check) return b->slots;
    Line* const chosen = (a->slots[0] & 1023) > (b->slots[0] & 1023) ? b : a;
    chosen->check = check;
    std::fill_n(chosen->slots, 15, kFresh);
    return chosen->slots;
  }

 private:
  const uint32_t mask_;
  void* room_;
  Line* lines_;
};

// The logarithm of the least power of two that is no less than `size`, up to 2^62.
int log_up(int64_t size) {
  int log = 0;
  while (log < 62 && ((int64_t)1 << log) < size) ++log;
  return log;
}

}  // namespace

struct Contexts::Impl {
  const MixerKernels& kernels;
  std::vector<std::unique_ptr<Lines>> lines;
  Slot* found[kOrders];  // of the half byte that is being read
  uint32_t hashes[kOrders] = {};
  Slot none[256];                           // of order 0
  std::vector<uint8_t> level;               // of a probability in 4096 steps
  std::vector<Slot> truth;                  // [order][count][level]: how often it was so
  Slot* truths[kOrders];
  // The match.
  std::vector<uint8_t> past;
  std::vector<uint32_t> last;  // where a hash of six bytes was last
  uint32_t count = 0, match = 0, length = 0;
  bool expecting = false;
  Slot matches[64];
  Slot* matched = nullptr;
  // The mixer.
  float p[kInputs], x[kInputs];
  std::vector<float> weights[kSets], joint;
  float* chosen[kSets];
  float* joining = nullptr;
  float outs[kInputs], out_p[kInputs], final_p = 0.5f;
  std::vector<Slot> refined[2];
  Slot* corrections[2][2];
  float mixed_p = 0.5f;
  int64_t bits = 0;

  uint32_t partial = 1, word = 0;
  uint64_t bytes = 0;  // the last eight

  Impl(const MixerKernels& kernels, int64_t size) : kernels(kernels), level(4096), truth(kOrders * kCounts * kLevels) {
    const int log = std::clamp(log_up(size) + 1, 8, 19);
    for (int i = 0; i < kOrders; ++i) lines.push_back(std::make_unique<Lines>(log));
    past.resize((size_t)1 << std::clamp(log_up(size), 8, 22));
    last.resize((size_t)1 << std::clamp(log_up(size), 8, 18));
    std::fill_n(none, 256, kFresh);
    std::vector<float> at(4096), stretched(4096), centre(kLevels + 15), squashed(kLevels + 15);
    for (int i = 0; i < 4096; ++i) at[i] = (i + 0.5f) / 4096;
    kernels.stretch(at.data(), stretched.data(), 4096);
    for (int i = 0; i < 4096; ++i) level[i] = (uint8_t)std::clamp((int)(stretched[i] * 2 + 16.5f), 0, kLevels - 1);
    for (int i = 0; i < kLevels; ++i) centre[i] = (i - 16) * 0.5f;
    kernels.squash(centre.data(), squashed.data(), kLevels);
    const auto slot = [](float p) { return (Slot)(p * (1 << 22)) << 10; };
    for (size_t i = 0; i < truth.size(); ++i) truth[i] = slot(squashed[i % kLevels]);
    for (int i = 0; i < 64; ++i) matches[i] = slot(i & 1 ? 0.75f : 0.25f);
    const size_t wide = (size_t)1 << std::clamp(log, 8, 16), sizes[kSets] = {64, 256, wide};
    for (int s = 0; s < kSets; ++s) {
      weights[s].assign(sizes[s] * kInputs, 0.12f);
      for (size_t i = 0; i < weights[s].size(); i += kInputs) weights[s][i] = 0.4f, weights[s][i + kInputs - 1] = 0;
    }
    joint.assign(256 * kInputs, 0);
    for (size_t i = 0; i < joint.size(); ++i) joint[i] = i % kInputs < kSets ? 1.0f / kSets : 0;
    std::fill_n(outs, kInputs, 0.0f);
    for (int i = 0; i < 2; ++i) {
      refined[i].resize(wide * kLevels);
      for (size_t k = 0; k < refined[i].size(); ++k) refined[i][k] = slot(squashed[k % kLevels]);
    }
    begin_byte();
  }

  void begin_byte() {
    partial = 1;
    static constexpr int kBytes[] = {1, 2, 3, 4, 6};
    for (int i = 0; i < 5; ++i) {
      const uint64_t seen = bytes & ((uint64_t)-1 >> (64 - 8 * kBytes[i]));
      hashes[i] = mixed((uint32_t)seen + i, (uint32_t)(seen >> 32) * 31 + i);
    }
    hashes[5] = mixed(word, (uint32_t)(bytes & 0xFF) + 1000);
    find();
    // The longest repeat that is being followed, or the last place where the last six bytes were.
    const uint32_t mask = (uint32_t)past.size() - 1;
    if (length && past[match & mask] == (bytes & 0xFF)) {
      ++match;
      length = std::min(length + 1, 65535u);
    } else {
      length = 0;
    }
    uint32_t& place = last[mixed((uint32_t)bytes, (uint32_t)(bytes >> 32) & 0xFFFF) & (last.size() - 1)];
    if (!length && place && count - place < past.size()) {
      match = place;
      const auto same = [&](uint32_t back) { return past[(match - back) & mask] == past[(count - back) & mask]; };
      while (length < 32 && length < count && same(1 + length)) ++length;
    }
    place = count;
    expecting = length > 0;
  }

  void find() {
    for (int i = 0; i < kOrders; ++i) found[i] = lines[i]->find(mixed(hashes[i], partial) + partial * 0x9E3779B1u);
  }

  int place() const {  // of the next bit in a line of half a byte
    int n = 0;
    for (uint32_t c = partial; c > 1; c >>= 1) ++n;
    n &= 3;
    return ((1 << n) | (partial & ((1 << n) - 1))) - 1;
  }

  float predict(float given) {
    const int at = place();
    p[0] = given;
    for (int i = 0; i < kOrders; ++i) {
      const Slot slot = found[i][at];
      const int n = std::min<int>(slot & 1023, kCounts - 1);
      truths[i] = &truth[(i * kCounts + n) * kLevels + level[slot >> 20]];
      p[1 + 2 * i] = n ? probability(slot) : 0.5f;
      p[2 + 2 * i] = n ? probability(*truths[i]) : 0.5f;
    }
    p[13] = probability(none[partial]);
    matched = nullptr;
    p[14] = 0.5f;
    int sureness = 0;
    if (expecting) {
      const uint32_t byte = past[match & (past.size() - 1)] | 256;
      int n = 0;
      for (uint32_t c = partial; c > 1; c >>= 1) ++n;
      if (byte >> (8 - n) == partial) {
        sureness = std::min<int>(length < 16 ? length : 16 + (length >> 3), 31);
        matched = &matches[sureness * 2 + (byte >> (7 - n) & 1)];
        p[14] = probability(*matched);
      } else {
        expecting = false;
        length = 0;
      }
    }
    kernels.stretch(p, x, kInputs);
    x[15] = 0.3f;
    for (float& each : x) each = std::clamp(each, -kTop, kTop);
    int seen = 0;
    for (int i = 1; i < 5; ++i) seen += (found[i][0] & 1023) > 0;
    const size_t wide = refined[0].size() / kLevels - 1;
    const size_t one = mixed((uint32_t)bytes & 0xFF, partial) & wide;
    const size_t two = mixed((uint32_t)bytes & 0xFFFF, partial) & wide;
    const size_t chose[kSets] = {(size_t)std::min(sureness, 7) * 8 + seen, partial, one};
    for (int s = 0; s < kSets; ++s) {
      chosen[s] = &weights[s][chose[s] * kInputs];
      outs[s] = std::clamp(kernels.dot(chosen[s], x), -kTop, kTop);
    }
    kernels.squash(outs, out_p, kInputs);
    joining = &joint[partial * kInputs];
    const float total = std::clamp(kernels.dot(joining, outs), -12.0f, 12.0f);
    float q[16] = {total}, r[16];
    kernels.squash(q, r, 16);
    mixed_p = r[0];
    // Refinement: between the two nearest levels, by the last byte, and by the last two.
    const float where = std::clamp(total, -7.99f, 7.99f) * 2 + 16;
    const int low = (int)where;
    const float up = where - low;
    float sum = 2 * mixed_p;
    const size_t rows[2] = {one, two};
    for (int i = 0; i < 2; ++i) {
      Slot* const row = &refined[i][rows[i] * kLevels + low];
      corrections[i][0] = row, corrections[i][1] = row + 1;
      sum += (1 - up) * probability(row[0]) + up * probability(row[1]);
    }
    return sum * 0.25f;
  }

  void see(int bit) {
    const int at = place();
    const float rate = std::max(0.02f / (1 + bits * 0.0002f), 0.0025f);
    ++bits;
    for (int s = 0; s < kSets; ++s) kernels.learn(chosen[s], x, rate * (bit - out_p[s]));
    kernels.learn(joining, outs, 0.25f * rate * (bit - mixed_p));
    for (int i = 0; i < kOrders; ++i) {
      if (found[i][at] & 1023) learn(*truths[i], bit, 255);
      learn(found[i][at], bit, 255);
    }
    learn(none[partial], bit, 255);
    if (matched) learn(*matched, bit, 1000);
    for (auto& pair : corrections)
      for (Slot* each : pair) learn(*each, bit, 127);
    partial = partial << 1 | (uint32_t)bit;
    if (partial >= 256) end_byte((uint8_t)partial);
    else if (partial >= 16 && partial < 32) find();
  }

  void end_byte(uint8_t byte) {
    past[count++ & (past.size() - 1)] = byte;
    bytes = bytes << 8 | byte;
    const uint8_t lower = byte >= 'A' && byte <= 'Z' ? byte + 32 : byte;
    word = (lower >= 'a' && lower <= 'z') || byte >= 128 ? mixed(word, lower) : 0;
    begin_byte();
  }
};

Contexts::Contexts(const MixerKernels& kernels, int64_t size) : impl_(std::make_unique<Impl>(kernels, size)) {}
Contexts::~Contexts() = default;
float Contexts::predict(float given) { return impl_->predict(given); }
void Contexts::see(int bit) { impl_->see(bit); }

}  // namespace keepgate
