// Errors: one shared state that is never changed while shared, and the search for the word that was
// meant.
#include "moka/error.h"

#include <algorithm>
#include <cctype>
#include <utility>

namespace moka {

std::string ToString(const Place& place) {
  std::string text = place.file;
  if (place.line > 0) {
    if (!text.empty()) text += ':';
    text += std::to_string(place.line);
    if (place.column > 0) text.append(1, ':').append(std::to_string(place.column));
  }
  return text;
}

struct Error::State {
  std::string message;
  std::string field;
  Place place;
  int64_t sample = -1;
  bool placed = false;  // the message names places itself, as that of a list does
  std::string what;     // composed at every change, since what() may not fail

  void Compose() {
    const std::string where = placed ? "" : ToString(place);
    what = where.empty() ? message : where + ": " + message;
  }
};

Error::Error(Joined message) : state_(std::make_shared<State>()) {
  state_->message = std::move(message.text);
  state_->Compose();
}

Error::State& Error::Own() {
  if (state_.use_count() > 1) state_ = std::make_shared<State>(*state_);
  return *state_;
}

Error& Error::At(std::string field) {
  Own().field = std::move(field);
  return *this;
}

Error& Error::Prefix(std::string_view text) {
  State& state = Own();
  state.message.insert(0, text);
  state.Compose();
  return *this;
}

Error& Error::SetPlace(Place place) {
  State& state = Own();
  state.place = std::move(place);
  state.Compose();
  return *this;
}

Error& Error::Suffix(std::string_view text) {
  State& state = Own();
  state.message.append(text);
  state.Compose();
  return *this;
}

Error& Error::Sample(int64_t sample) {
  Own().sample = sample;
  return *this;
}

int64_t Error::sample() const { return state_->sample; }
const std::string& Error::message() const { return state_->message; }
const std::string& Error::field() const { return state_->field; }
const Place& Error::place() const { return state_->place; }
const char* Error::what() const noexcept { return state_->what.c_str(); }

namespace {

std::string JoinLines(const std::vector<Error>& errors) {
  std::string lines;
  for (const Error& error : errors) {
    if (!lines.empty()) lines += '\n';
    lines += error.what();
  }
  return lines;
}

// Lower case without the separators that people mix up: "Soft_max-Loss" is "softmaxloss".
std::string Folded(std::string_view word) {
  std::string folded;
  for (const char c : word) {
    if (c == '_' || c == '-') continue;
    folded += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return folded;
}

// The fewest insertions, deletions, substitutions and swaps of neighbours that turn a into b
// (Damerau-Levenshtein, each place edited once).
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> before(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    before.swap(above);
    above.swap(row);
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t substituted = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({substituted, above[j] + 1, row[j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
  }
  return row[b.size()];
}

}  // namespace

ErrorList::ErrorList(std::vector<Error> errors)
    : Error(Joined{JoinLines(errors)}), errors_(std::move(errors)) {
  if (errors_.empty()) errors_.push_back(Error("no error at all in a list of errors"));
  State& state = Own();
  state.placed = true;
  state.place = errors_.front().place();
  state.field = errors_.front().field();
  state.message = JoinLines(errors_);
  state.Compose();
}

std::string Nearest(std::string_view word, const std::vector<std::string>& candidates) {
  const std::string folded = Folded(word);
  if (folded.empty()) return "";
  // A third of the letters may be wrong, but never all of them.
  size_t limit = std::min(std::max<size_t>(1, folded.size() / 3), folded.size() - 1) + 1;
  const std::string* nearest = nullptr;
  for (const std::string& candidate : candidates) {
    const size_t distance = EditDistance(folded, Folded(candidate));
    if (distance < limit) {
      limit = distance;
      nearest = &candidate;
    }
  }
  return nearest ? *nearest : "";
}

std::string DidYouMean(std::string_view word, const std::vector<std::string>& candidates) {
  const std::string nearest = Nearest(word, candidates);
  if (nearest.empty()) return "";
  return std::string("; did you mean \"").append(nearest).append("\"?");
}

}  // namespace moka
