#include "keepgate/beam.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

#include "keepgate/objectives.h"
#include "pool.h"

namespace keepgate {
namespace {

constexpr double kNever = -INFINITY;

struct Move {
  double weight;
  int32_t state;
};

Move follow(const Automaton& a, int32_t state, int32_t symbol) {
  double weight = 0;
  for (;;) {
    const int32_t *const first = a.symbols + a.arcs[state], *const last = a.symbols + a.arcs[state + 1];
    const int32_t* const found = std::lower_bound(first, last, symbol);
    if (found != last && *found == symbol) {
      const ptrdiff_t arc = found - a.symbols;
      return {weight + a.weights[arc], a.targets[arc]};
    }
    if (state == 0) return {weight + a.unknown, 0};
    weight += a.backoff_weights[state];
    state = a.backoff[state];
  }
}

// A prefix: a node of the tree of all prefixes that were ever in the beam. `extra`: what models and bonus add.
struct Node {
  int32_t parent, symbol, child, sibling;
  int32_t place, slot;           // in the beam, and in `asked`; -1: not in the beam
  int32_t letters, trie, words;  // states; trie -1: a word that the lexicon does not have
  double extra;
};

// What the models say to one more symbol.
struct Extension {
  double extra;
  int32_t letters, trie, words;
};

// A prefix that may stay in or come into the beam: entry `from`, extended by `symbol` (-1: not).
struct Candidate {
  double score, blank, other;
  int32_t from, symbol, order;
};

bool better(const Candidate& a, const Candidate& b) {
  return a.score > b.score || (a.score == b.score && a.order < b.order);
}

class Search {
 public:
  Search(const ObjectiveKernels<double>& kernels, const BeamCall& call, ptrdiff_t row)
      : kernels(kernels), call(call), row(row), taken((size_t)call.beam * call.symbols), order(call.symbols) {
    std::iota(order.begin(), order.end(), 0);
    order.erase(order.begin() + call.blank);
    for (auto* v : {&blank, &other, &any, &from_parent, &new_blank, &new_other}) v->resize(call.beam);
    nodes.push_back({-1, -1, -1, -1, 0, -1, call.letters.start, 0, call.words.start, 0.0});
    beam.push_back(0);
    for (int32_t slot = 2 * call.beam; slot--;) free_slots.push_back(slot);
    asked.resize(2 * (size_t)call.beam * call.symbols);
    take_slot(nodes[0]);
    blank[0] = any[0] = 0.0;
    other[0] = kNever;
  }

  void run() {
    for (ptrdiff_t t = 0; t < call.lengths[row]; ++t) step(call.log_probs + (t * call.rows + row) * call.symbols);
    give();
  }

 private:
  Extension extend(const Node& node, int32_t symbol) const {
    Extension to{0.0, node.letters, node.trie, node.words};
    if (call.letters.states) {
      const Move move = follow(call.letters, node.letters, symbol);
      to.extra += call.weight * move.weight;
      to.letters = move.state;
    }
    if (!call.trie.states) {
      to.extra += call.bonus;
    } else if (symbol == call.separator) {
      to.extra += end_word(to);
      to.trie = 0;
    } else if (to.trie >= 0) {
      const Move move = follow(call.trie, to.trie, symbol);
      to.trie = move.weight == kNever ? -1 : move.state;
    }
    if (to.trie < 0 && call.unknown_word < 0) to.extra = kNever;
    return to;
  }

  // What the models add for one more symbol, asked once while the prefix is in the beam.
  double extra_of(const Node& node, int32_t symbol) {
    double& extra = asked[(size_t)node.slot * call.symbols + symbol];
    if (std::isnan(extra)) extra = extend(node, symbol).extra;
    return extra;
  }

  void take_slot(Node& node) {
    if (node.slot >= 0) return;
    node.slot = free_slots.back();
    free_slots.pop_back();
    std::fill_n(asked.begin() + (size_t)node.slot * call.symbols, call.symbols, NAN);
  }

  // What the word that ends here adds; the state of the words moves on.
  double end_word(Extension& to) const {
    const int32_t known = to.trie < 0 ? -1 : call.word_of[to.trie];
    const int32_t word = known >= 0 ? known : to.trie == 0 ? -1 : call.unknown_word;
    if (word < 0) return kNever;
    if (!call.words.states) return call.bonus;
    const Move move = follow(call.words, to.words, word);
    to.words = move.state;
    return call.weight * move.weight + call.bonus;
  }

  // What the models say to the end of a sequence.
  double end_extra(const Node& node) const {
    Extension to{0.0, node.letters, node.trie, node.words};
    double extra = 0;
    if (call.letters.states && call.letters.end >= 0)
      extra += call.weight * follow(call.letters, node.letters, call.letters.end).weight;
    if (call.trie.states && to.trie != 0) extra += end_word(to);
    if (call.words.states && call.words.end >= 0)
      extra += call.weight * follow(call.words, to.words, call.words.end).weight;
    return extra;
  }

  void offer(const Candidate& candidate) {
    if ((int32_t)heap.size() == call.beam) {
      if (!better(candidate, heap.front())) return;
      std::pop_heap(heap.begin(), heap.end(), better);
      heap.back() = candidate;
    } else {
      heap.push_back(candidate);
    }
    std::push_heap(heap.begin(), heap.end(), better);
  }

  double least() const { return (int32_t)heap.size() == call.beam ? heap.front().score : kNever; }

  void step(const double* log_probs) {
    heap.clear();
    stay(log_probs);
    // A symbol's chance falls along `order`: once it is too small for a prefix, all that follow are.
    std::stable_sort(order.begin(), order.end(), [=](int32_t a, int32_t b) { return log_probs[a] > log_probs[b]; });
    for (int32_t i = 0; i < (int32_t)beam.size(); ++i) grow(i, log_probs);
    std::fill(taken.begin(), taken.end(), 0);
    std::sort(heap.begin(), heap.end(), better);
    replace();
  }

  // Prefixes that gain a blank, or more of their last symbol, or their last symbol after their parent.
  void stay(const double* log_probs) {
    const int32_t count = (int32_t)beam.size();
    for (int32_t i = 0; i < count; ++i) {
      const Node& node = nodes[beam[i]];
      new_blank[i] = any[i] + log_probs[call.blank];
      new_other[i] = from_parent[i] = kNever;
      if (node.parent < 0) continue;
      new_other[i] = other[i] + log_probs[node.symbol];
      const Node& parent = nodes[node.parent];
      if (parent.place < 0) continue;
      taken[(size_t)parent.place * call.symbols + node.symbol] = 1;
      from_parent[i] = arrival(parent, node.symbol) + log_probs[node.symbol];
    }
    kernels.add_logs(new_other.data(), from_parent.data(), new_other.data(), count);
    kernels.add_logs(new_blank.data(), new_other.data(), from_parent.data(), count);
    for (int32_t i = 0; i < count; ++i)
      offer({from_parent[i] + nodes[beam[i]].extra, new_blank[i], new_other[i], i, -1, made++});
  }

  // Paths of a prefix that one more `symbol` may follow: an equal one needs a blank between.
  double arrival(const Node& node, int32_t symbol) const {
    return node.symbol == symbol ? blank[node.place] : any[node.place];
  }

  void grow(int32_t i, const double* log_probs) {
    const Node& node = nodes[beam[i]];
    const double bonus = std::max(call.bonus, 0.0);
    for (const int32_t symbol : order) {
      const double most = any[i] + log_probs[symbol];
      if (most + node.extra + bonus < least() || most == kNever) break;
      const double reached = arrival(node, symbol) + log_probs[symbol];
      if (taken[(size_t)i * call.symbols + symbol] || reached + node.extra + bonus < least()) continue;
      const double score = reached + node.extra + extra_of(node, symbol);
      if (score > kNever) offer({score, kNever, reached, i, symbol, made++});
    }
  }

  void replace() {
    std::vector<int32_t>& next = spare;
    next.clear();
    for (const Candidate& c : heap) next.push_back(c.symbol < 0 ? beam[c.from] : child(beam[c.from], c.symbol));
    for (const int32_t node : beam) nodes[node].place = -1;
    for (size_t i = 0; i < next.size(); ++i) {
      nodes[next[i]].place = (int32_t)i;
      take_slot(nodes[next[i]]);
      blank[i] = heap[i].blank;
      other[i] = heap[i].other;
    }
    for (const int32_t node : beam)
      if (nodes[node].place < 0) free_slots.push_back(std::exchange(nodes[node].slot, -1));
    beam.swap(next);
    kernels.add_logs(blank.data(), other.data(), any.data(), (ptrdiff_t)beam.size());
    made = 0;
  }

  int32_t child(int32_t parent, int32_t symbol) {
    for (int32_t n = nodes[parent].child; n >= 0; n = nodes[n].sibling)
      if (nodes[n].symbol == symbol) return n;
    const Extension to = extend(nodes[parent], symbol);
    const int32_t made = (int32_t)nodes.size();
    nodes.push_back({parent, symbol, -1, nodes[parent].child, -1, -1, to.letters, to.trie, to.words,
                     nodes[parent].extra + to.extra});
    nodes[parent].child = made;
    return made;
  }

  void give() {
    heap.clear();
    for (int32_t i = 0; i < (int32_t)beam.size(); ++i)
      heap.push_back({any[i] + nodes[beam[i]].extra + end_extra(nodes[beam[i]]), 0, any[i], i, -1, i});
    std::sort(heap.begin(), heap.end(), better);
    for (int32_t k = 0; k < call.best; ++k) {
      const ptrdiff_t place = row * call.best + k;
      int32_t* const to = call.found + place * call.steps;
      std::fill(to, to + call.steps, -1);
      const bool there = k < (int32_t)heap.size();
      call.found_lengths[place] = -1;
      call.scores[place] = there ? heap[k].score : kNever;
      call.found_log_probs[place] = there ? heap[k].other : kNever;
      if (!there) continue;
      int32_t length = 0;
      for (int32_t n = beam[heap[k].from]; nodes[n].parent >= 0; n = nodes[n].parent) to[length++] = nodes[n].symbol;
      std::reverse(to, to + length);
      call.found_lengths[place] = length;
    }
  }

  const ObjectiveKernels<double>& kernels;
  const BeamCall& call;
  const ptrdiff_t row;
  std::vector<Node> nodes;
  std::vector<int32_t> beam, spare;  // nodes, the best first
  // Of each prefix in the beam, logarithms of the probabilities of its paths: that end in a blank, in a symbol, in
  // either.
  std::vector<double> blank, other, any, from_parent, new_blank, new_other;
  std::vector<Candidate> heap;  // the worst first
  std::vector<char> taken;      // [beam, symbols]: that prefix with that symbol is in the beam itself
  std::vector<int32_t> order;   // symbols without the blank
  std::vector<double> asked;    // [2 beam, symbols]: what `extend` gave to prefixes in the beam; NaN: not asked
  std::vector<int32_t> free_slots;
  int32_t made = 0;
};

}  // namespace

void beam_search(const ObjectiveKernels<double>& kernels, const BeamCall& call, Pool& pool, int threads) {
  std::atomic<ptrdiff_t> next{0};
  pool.run((int)std::min<ptrdiff_t>(threads, call.rows), [&](int) {
    for (ptrdiff_t row = next++; row < call.rows; row = next++) Search(kernels, call, row).run();
  });
}

}  // namespace keepgate
