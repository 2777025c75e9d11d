// Training that comes to numbers that are not finite: where that is noticed, and what is said.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <sstream>
#include <system_error>
#include <utility>

#include "math/finite.h"
#include "solver/solver_impl.h"

namespace moka {
namespace {

// `layer "ip" (InnerProduct), ` of the first layer that has the param.
std::string LabelOf(const Net& net, const Param* param) {
  for (int i = 0; i < net.layer_count(); ++i) {
    for (const Param* one : net.layer(i).params) {
      if (one == param) return net.description().layers[static_cast<size_t>(i)].Label() + ", ";
    }
  }
  return "";
}

// The sums that the update would use, from the back, as they are computed.
std::string BadGradientOf(const Net& net) {
  const std::span<const Learned> learned = net.learned();
  for (size_t p = learned.size(); p-- > 0;) {
    const Tensor* diff = learned[p].diff;
    if (diff == nullptr || learned[p].param->lr_mult == 0 || AllFinite(diff->values())) continue;
    return LabelOf(net, learned[p].param) + "gradient of param \"" + learned[p].param->name() +
           "\": " + HowManyNonFinite(*diff);
  }
  return "";
}

}  // namespace

std::string Solver::Impl::Where(int64_t at) const {
  std::ostringstream where;
  where << "iteration " << at << ", learning rate " << rate_->At(at) << ": ";
  return where.str();
}

// The last one of this training that is still there.
std::string Solver::Impl::LastSnapshot() {
  WaitForSnapshot();
  std::error_code ignored;
  if (last_state_.empty() || !std::filesystem::exists(last_state_, ignored)) return "";
  return "; the last snapshot is " + last_state_;
}

void Solver::Impl::Diverge(int64_t at, const std::string& what, const std::string& first) {
  throw Diverged(Where(at), what, first.empty() ? "" : "; first bad: ", first, LastSnapshot());
}

// What Net::CheckNumerics finds lacks the iteration.
double Solver::Impl::Forward() {
  double loss = 0;
  try {
    loss = net->Forward();
  } catch (Diverged& error) {
    error.Prefix(Where(iteration)).Suffix(LastSnapshot());
    throw;
  }
  if (!std::isfinite(loss)) DivergeAtLoss(loss);
  return loss;
}

bool Solver::Impl::Backward(bool add, bool check) {
  try {
    return net->Backward(add, check);
  } catch (Diverged& error) {
    error.Prefix(Where(iteration)).Suffix(LastSnapshot());
    throw;
  }
}

double Solver::Impl::ForwardOfTest(int i) {
  try {
    return test_nets.at(static_cast<size_t>(i))->Forward();
  } catch (Diverged& error) {
    error.Prefix("test net #" + std::to_string(i) + ", ")
        .Prefix(Where(iteration))
        .Suffix(LastSnapshot());
    throw;
  }
}

void Solver::Impl::DivergeAtLoss(double loss) {
  std::ostringstream what;
  what << "loss is "
       << (std::isnan(loss) ? std::abs(loss) : loss);  // the sign of a NaN says nothing
  Diverge(iteration, what.str(), net->FindNonFinite(false));
}

// The passes of this iteration once more, since it may be any of them. They may all be fine, and
// only the sum too large.
void Solver::Impl::DivergeAtGradients() {
  std::string first = BadGradientOf(*net);
  const uint64_t counter = net->counter();
  for (int i = 0; i < s.iter_size(); ++i) {
    net->set_counter(counter - static_cast<uint64_t>(s.iter_size() - i));
    if (s.iter_size() > 1) net->Forward();
    const std::string found = net->FindNonFinite(true);
    if (found.empty()) continue;
    first = found;
    break;
  }
  net->set_counter(counter);
  Diverge(iteration, "the gradients are not finite", first);
}

// What the last update has made, before it is saved: the next pass, which would find it too, is yet
// to come.
void Solver::Impl::CheckLearned() {
  const int64_t last = std::max<int64_t>(iteration - 1, 0);
  for (const Learned& learned : net->learned()) {
    const Tensor& values = std::as_const(*learned.param).values();
    if (AllFinite(context, values.values())) continue;
    Diverge(last, "the update of " + learned.param->name() + " is not finite",
            LabelOf(*net, learned.param) + "param \"" + learned.param->name() +
                "\": " + HowManyNonFinite(values));
  }
  const std::vector<Tensor>& history = updater->history();
  for (size_t i = 0; i < history.size(); ++i) {
    if (AllFinite(context, history[i].values())) continue;
    Diverge(last, "what the update remembers is not finite",
            updater->HistoryName(i) + ", history: " + HowManyNonFinite(history[i]));
  }
}

}  // namespace moka
