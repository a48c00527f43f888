// Prefix beam search over CTC outputs, with a model of symbols, or words of a lexicon and a model of words.
//
// Hannun, Maas, Jurafsky & Ng 2014, "First-Pass Large Vocabulary Continuous Speech Recognition". T steps, B rows,
// C symbols. Every buffer belongs to the caller and must live until the call returns. Logarithms are natural, -infinity
// the logarithm of 0. Ties go to the prefix that was found first, so that results do not depend on the machine.
#pragma once

#include <cstddef>
#include <cstdint>

namespace keepgate {

class Pool;
template <class T> struct ObjectiveKernels;

// Weights of symbols in states: an n-gram model, or a trie. A state without an arc for a symbol adds its backoff weight
// and asks its backoff state; state 0 is the last to be asked, and a symbol unknown there weighs `unknown`, and leads
// back to it.
struct Automaton {
  ptrdiff_t states;             // S; 0: there is no automaton
  const int64_t* arcs;          // [S + 1]: where the arcs of each state begin
  const int32_t* symbols;       // [arcs]: rising within a state
  const int32_t* targets;       // [arcs]
  const double* weights;        // [arcs]
  const int32_t* backoff;       // [S]
  const double* backoff_weights;  // [S]
  double unknown;
  int32_t start;                // the state of an empty prefix
  int32_t end;                  // the symbol that ends a sequence; -1: none
};

struct BeamCall {
  ptrdiff_t steps, rows, symbols;
  const double* log_probs;  // [T, B, C]
  const int32_t* lengths;   // [B]: from 0 to T
  int32_t blank;
  int32_t beam;             // prefixes kept, at least 1
  int32_t best;             // prefixes wanted, from 1 to beam
  double weight;            // of the models' logarithms
  double bonus;             // for each word where there is a lexicon, else for each symbol

  Automaton letters;        // of symbols
  Automaton trie;           // of the spellings of words, weights 0: state 0 is the empty word
  const int32_t* word_of;   // [states of the trie]: the word that is spelled there, -1: none
  int32_t separator;        // symbol between words; -1: a row is one word
  int32_t unknown_word;     // the word that stands for all that the trie does not have; -1: there are no others
  Automaton words;          // of words

  int32_t* found;           // [B, best, T]: symbols; -1 behind them
  int32_t* found_lengths;   // [B, best]; -1: there is no such prefix
  double* scores;           // [B, best]: falling; -infinity for a prefix that ends within a word
  double* found_log_probs;  // [B, best]: log of the probability that CTC gives the prefix, as far as the beam saw it
};

void beam_search(const ObjectiveKernels<double>&, const BeamCall&, Pool&, int threads);

}  // namespace keepgate
