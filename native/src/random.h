// Random numbers that are the same everywhere: splitmix64 (Steele, Lea & Flood 2014).
#pragma once

#include <cstdint>

namespace keepgate {

class Random {
 public:
  // Uniform from 0 to n - 1.
  uint32_t below(uint32_t n) {
    uint64_t z = state_ += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return (uint32_t)(((z ^ z >> 31) >> 32) * n >> 32);
  }

 private:
  uint64_t state_ = 0;
};

}  // namespace keepgate
