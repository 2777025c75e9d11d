// How long each value, diff and buffer of a net lives, and which may lie in the same memory.
#include "net/lifetimes.h"

#include <algorithm>

#include "net/fuse.h"

namespace moka {
namespace {

class LifetimeFinder {
 public:
  LifetimeFinder(const Graph& graph, const LifetimeOptions& options)
      : graph_(graph), options_(options), count_(static_cast<int>(graph.nodes.size())) {}

  Lifetimes Run() {
    found_.value.assign(graph_.values.size(), -1);
    found_.diff.assign(graph_.values.size(), -1);
    found_.offset.assign(graph_.values.size(), 0);
    found_.stride.assign(graph_.values.size(), 0);
    found_.diff_is_part.assign(graph_.values.size(), 0);
    found_.nodes.resize(graph_.nodes.size());
    for (int i = 0; i < count_; ++i) PlaceValues(i);
    for (int i = 0; i < count_; ++i) PlaceBuffers(i);
    if (options_.backward) {
      for (int i = count_ - 1; i >= 0; --i) PlaceDiffs(i);
    }
    return std::move(found_);
  }

 private:
  const Value& value(int id) const { return graph_.values[static_cast<size_t>(id)]; }
  const Node& node(int i) const { return graph_.nodes[static_cast<size_t>(i)]; }
  Storage& storage(int id) { return found_.storages[static_cast<size_t>(id)]; }
  bool kept(int id) const { return options_.keep[static_cast<size_t>(id)] != 0; }
  int BackwardStep(int node) const { return 2 * count_ - 1 - node; }
  bool RunsBackward(int i) const { return options_.backward && !BackwardWork(graph_, i).empty(); }

  static int64_t Bytes(const Shape& shape) {
    return shape.count() * static_cast<int64_t>(sizeof(float));
  }

  int NewStorage(std::string name, MemoryBlock::Kind kind, int64_t bytes, int first, int last,
                 bool kept = false) {
    Storage storage;
    storage.block.name = std::move(name);
    storage.block.kind = kind;
    storage.block.bytes = bytes;
    storage.block.first = first;
    storage.block.last = last;
    storage.kept = kept;
    found_.storages.push_back(std::move(storage));
    return static_cast<int>(found_.storages.size()) - 1;
  }

  // "ip1 = drop1": two values in one place. In-place layers of one name add nothing.
  void AddName(int id, const std::string& name) {
    std::string& names = storage(id).block.name;
    if ((" = " + names + " = ").find(" = " + name + " = ") == std::string::npos)
      names += " = " + name;
  }

  Reads BackwardReads(int i) const {
    return options_.backward ? moka::BackwardReads(graph_, i) : Reads();
  }

  // The last step that looks at a value. Another node may do the work of one that is fused.
  int LastRead(int id) const {
    const Value& v = value(id);
    const auto doer = [&](int i) { return node(i).fused_into >= 0 ? node(i).fused_into : i; };
    int last = doer(v.producer);
    for (const int i : {v.producer, doer(v.producer)}) {
      if (WrittenTop(graph_, i, static_cast<size_t>(v.top)) == id &&
          BackwardReads(i).ReadsTop(v.top)) {
        last = std::max(last, BackwardStep(i));
      }
    }
    for (const Use& use : v.uses) {
      last = std::max(last, doer(use.node));
      if (BackwardReads(use.node).ReadsBottom(use.bottom))
        last = std::max(last, BackwardStep(use.node));
    }
    return last;
  }

  // Values: in the memory of a bottom where the layer's facts and the lifetimes allow it, else in
  // memory of their own.
  void PlaceValues(int i) {
    if (node(i).fused_into >= 0) return;  // with the node that does its work
    std::vector<int> taken;               // storages that a top of this node took over
    for (size_t t = 0; t < node(i).tops.size(); ++t) {
      const int top = WrittenTop(graph_, i, t);
      const int last = LastRead(top);
      if (found_.value[static_cast<size_t>(top)] >= 0) continue;  // made for a part of it
      const bool own = options_.separate || kept(top);
      int at = own ? -1 : PartOfAnother(i, top, last);
      if (at >= 0) {
        AddName(at, value(top).name);
      } else if (at = own ? -1 : SharedWithBottom(i, static_cast<int>(t), taken); at >= 0) {
        taken.push_back(at);
        storage(at).block.last = std::max(storage(at).block.last, last);
        AddName(at, value(top).name);
      } else {
        at = NewStorage(value(top).name, MemoryBlock::Kind::kValue, Bytes(value(top).shape), i,
                        last, kept(top));
      }
      found_.value[static_cast<size_t>(top)] = at;
      for (const int n : ForwardWork(graph_, i)) {  // what is never there has a place all the same
        const size_t gone = static_cast<size_t>(node(n).tops[t]);
        found_.value[gone] = at;
        found_.offset[gone] = found_.offset[static_cast<size_t>(top)];
        found_.stride[gone] = found_.stride[static_cast<size_t>(top)];
        AddName(at, graph_.values[gone].name);
      }
    }
  }

  // Whether the Backward of a value's own layer finds it, and its diff, as parts of others.
  bool ReadAsPart(int id) const {
    const int producer = value(id).producer;
    return RunsBackward(producer) && InterfaceOf<StridedBackward>(node(producer)) != nullptr;
  }

  // The storage of a value that `top` is a part of, if node i can write it there and nobody else
  // reads it.
  int PartOfAnother(int i, int top, int last) {
    const Value& part = value(top);
    if (!options_.parts || part.uses.size() != 1 || part.loss_weight != 0) return -1;
    if (last != part.uses[0].node && !(last == BackwardStep(part.producer) && ReadAsPart(top)))
      return -1;
    const Node& reader = node(part.uses[0].node);
    const auto* whole = InterfaceOf<SideBySide>(reader);
    if (whole == nullptr || InterfaceOf<StridedForward>(node(i)) == nullptr) return -1;
    int& at = found_.value[static_cast<size_t>(reader.tops[0])];
    if (at < 0) {
      const int id = reader.tops[0];
      at = NewStorage(value(id).name, MemoryBlock::Kind::kValue, Bytes(value(id).shape), i,
                      LastRead(id), kept(id));
    }
    storage(at).block.last = std::max(storage(at).block.last, last);
    found_.offset[static_cast<size_t>(top)] = whole->offset(part.uses[0].bottom);
    found_.stride[static_cast<size_t>(top)] = whole->stride();
    return at;
  }

  // `taken`: what other tops of this node overwrite.
  int SharedWithBottom(int i, int t, const std::vector<int>& taken) {
    const int top = WrittenTop(graph_, i, static_cast<size_t>(t));
    const LayerTraits& traits = node(i).run_traits();
    for (size_t b = 0; b < node(i).bottoms.size(); ++b) {
      const int bottom = node(i).bottoms[b];
      const int at = found_.value[static_cast<size_t>(bottom)];
      if (value(bottom).shape.count() != value(top).shape.count()) continue;
      if (std::find(taken.begin(), taken.end(), at) != taken.end()) continue;
      if (traits.same_values(t, static_cast<int>(b)) && !Overwritten(i, at)) return at;
      // Nobody may look at what is overwritten: neither a later layer nor a Backward.
      if (traits.may_share(t, static_cast<int>(b)) && !storage(at).kept &&
          storage(at).block.last <= i && OnlyForSharing(i, t, at)) {
        return at;
      }
    }
    return -1;
  }

  // Whether a top of node i that is still to be placed might take this storage and overwrite it.
  bool Overwritten(int i, int at) const {
    for (size_t t = 0; t < node(i).tops.size(); ++t) {
      for (size_t b = 0; b < node(i).bottoms.size(); ++b) {
        if (found_.value[static_cast<size_t>(node(i).bottoms[b])] == at &&
            node(i).traits.may_share(static_cast<int>(t), static_cast<int>(b))) {
          return true;
        }
      }
    }
    return false;
  }

  // Every bottom that lies in this storage (one blob read twice, or a flattened one) may be shared
  // with the top: a layer may read another bottom in another order.
  bool OnlyForSharing(int i, int t, int at) const {
    for (size_t b = 0; b < node(i).bottoms.size(); ++b) {
      if (found_.value[static_cast<size_t>(node(i).bottoms[b])] == at &&
          !node(i).traits.may_share(t, static_cast<int>(b))) {
        return false;
      }
    }
    return true;
  }

  void PlaceBuffers(int i) {
    Lifetimes::NodeMemory& memory = found_.nodes[static_cast<size_t>(i)];
    const std::string& name = node(i).description->common.name();
    for (size_t p = 0; p < node(i).plan.pieces.size(); ++p) {
      const Plan::Impl::Piece& piece = node(i).plan.pieces[p];
      int saved = -1, forward = -1, backward = -1;
      const bool forward_runs = node(i).fused_into < 0;
      if ((piece.saved || piece.lasting) && forward_runs) {
        const int last = RunsBackward(i) ? BackwardStep(i) : i;
        saved = NewStorage(name + (piece.saved ? " saved " : " lasting ") + std::to_string(p),
                           MemoryBlock::Kind::kSaved, piece.bytes, i, last, piece.lasting);
      } else if (!piece.saved && !piece.lasting) {
        const int64_t bytes =
            piece.per_worker ? AlignedBytes(piece.bytes) * options_.threads : piece.bytes;
        if (forward_runs)
          forward = NewStorage(name + " scratch", MemoryBlock::Kind::kScratch, bytes, i, i);
        if (RunsBackward(i)) {
          const int step = BackwardStep(i);
          backward = NewStorage(name + " backward scratch", MemoryBlock::Kind::kScratch, bytes,
                                step, step);
        }
      }
      memory.saved.push_back(saved);
      memory.scratch_forward.push_back(forward);
      memory.scratch_backward.push_back(backward);
    }
  }

  // Node i's Backward: its top diffs end here, its bottom diffs begin or are added to.
  void PlaceDiffs(int i) {
    const Node& n = node(i);
    Lifetimes::NodeMemory& memory = found_.nodes[static_cast<size_t>(i)];
    memory.diff_writes.assign(n.bottoms.size(), DiffWrite::kNone);
    memory.beside.assign(n.bottoms.size(), -1);
    memory.zeros.assign(n.tops.size(), -1);
    if (n.taken_backward()) return;
    const int step = BackwardStep(i);
    for (size_t t = 0; t < n.tops.size(); ++t) PlaceTopDiff(i, t, step);
    if (!RunsBackward(i)) return;
    std::vector<int> taken;
    for (size_t b = 0; b < n.bottoms.size(); ++b) {
      if (n.wants_bottom[b]) PlaceBottomDiff(i, b, step, taken);
    }
  }

  void PlaceTopDiff(int i, size_t t, int step) {
    const int top = ReadTopDiff(graph_, i, t);
    int& diff = found_.diff[static_cast<size_t>(top)];
    if (diff < 0 && value(top).has_diff) {  // only a loss weight
      diff = NewStorage(value(top).name + " diff", MemoryBlock::Kind::kDiff,
                        Bytes(value(top).shape), step, step, kept(top));
    }
    if (diff >= 0) {
      storage(diff).block.last = std::max(storage(diff).block.last, step);
    } else if (RunsBackward(i)) {
      found_.nodes[static_cast<size_t>(i)].zeros[t] =
          NewStorage(value(top).name + " no diff", MemoryBlock::Kind::kScratch,
                     Bytes(value(top).shape), step, step);
    }
  }

  void PlaceBottomDiff(int i, size_t b, int step, std::vector<int>& taken) {
    Lifetimes::NodeMemory& memory = found_.nodes[static_cast<size_t>(i)];
    const int bottom = node(i).bottoms[b];
    int& diff = found_.diff[static_cast<size_t>(bottom)];
    if (diff >= 0) {
      memory.diff_writes[b] = DiffWrite::kAdd;
      memory.beside[b] =
          NewStorage(value(bottom).name + " diff beside", MemoryBlock::Kind::kScratch,
                     Bytes(value(bottom).shape), step, step);
      return;
    }
    memory.diff_writes[b] = DiffWrite::kAssign;
    if (diff = PartOfTopDiff(i, bottom); diff >= 0) {
      found_.diff_is_part[static_cast<size_t>(bottom)] = 1;
      AddName(diff, value(bottom).name + " diff");
      return;
    }
    diff =
        options_.separate || kept(bottom) ? -1 : SharedWithTopDiff(i, static_cast<int>(b), taken);
    if (diff >= 0) {
      taken.push_back(diff);
      AddName(diff, value(bottom).name + " diff");
    } else {
      diff = NewStorage(value(bottom).name + " diff", MemoryBlock::Kind::kDiff,
                        Bytes(value(bottom).shape), step, step, kept(bottom));
    }
  }

  // The diff of node i's top, of which that of a bottom is a part that may stay there.
  int PartOfTopDiff(int i, int bottom) const {
    if (found_.stride[static_cast<size_t>(bottom)] == 0 || kept(bottom) || !ReadAsPart(bottom) ||
        InterfaceOf<SideBySide>(node(i)) == nullptr)
      return -1;
    return found_.diff[static_cast<size_t>(node(i).tops[0])];
  }

  // A top's diff is dead after this step, since only its producer reads it.
  int SharedWithTopDiff(int i, int b, const std::vector<int>& taken) {
    const Node& n = node(i);
    for (size_t t = 0; t < n.tops.size(); ++t) {
      const int top_index = static_cast<int>(t), top = ReadTopDiff(graph_, i, t);
      const LayerTraits& traits = n.run_traits();
      const bool may = traits.may_share(top_index, b) ||
                       (traits.same_values(top_index, b) && n.tops.size() == 1);
      const int diff = found_.diff[static_cast<size_t>(top)];
      if (!may || diff < 0 || storage(diff).kept) continue;
      if (found_.diff_is_part[static_cast<size_t>(top)]) continue;
      const int bottom = n.bottoms[static_cast<size_t>(b)];
      if (value(bottom).shape.count() != value(top).shape.count()) continue;
      if (std::find(taken.begin(), taken.end(), diff) == taken.end()) return diff;
    }
    return -1;
  }

  const Graph& graph_;
  const LifetimeOptions& options_;
  const int count_;
  Lifetimes found_;
};

}  // namespace

Lifetimes FindLifetimes(const Graph& graph, const LifetimeOptions& options) {
  return LifetimeFinder(graph, options).Run();
}

}  // namespace moka
