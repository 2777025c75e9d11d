// csv: text files with a row of numbers for each example; their first line names the columns, of
// which one may hold the class of the example.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "csv.pb.h"
#include "moka/data_source.h"
#include "moka/error.h"
#include "moka/file.h"
#include "moka/registry.h"

namespace {

// Takes what stands before the first separator, and the separator, from the front of the text.
std::string_view Take(std::string_view& text, char separator) {
  const size_t length = std::min(text.find(separator), text.size());
  const std::string_view taken = text.substr(0, length);
  text.remove_prefix(std::min(length + 1, text.size()));
  return taken;
}

std::string_view TakeLine(std::string_view& text) {
  std::string_view line = Take(text, '\n');
  if (line.ends_with('\r')) line.remove_suffix(1);  // from Windows
  return line;
}

std::vector<std::string> Split(std::string_view line, char separator) {
  std::vector<std::string> cells;
  while (!line.empty() || cells.empty()) {
    const bool another = line.ends_with(separator);
    cells.emplace_back(Take(line, separator));
    if (line.empty() && another) cells.emplace_back();
  }
  return cells;
}

// Reads its files when it is made. After that nothing changes, so that any thread may ask.
class Csv final : public moka::DataSource {
 public:
  Csv(const moka::DataSpec& spec, const CsvParameter& params) : params_(params) {
    if (params.separator().size() != 1) {
      throw moka::Error("separator must be one character, but is \"", params.separator(), '"')
          .At("csv_param.separator");
    }
    for (const std::string& path : spec.FindSources()) ReadTable(path);
    if (rows_.empty()) throw moka::Error("there are no rows below the first line").At("source");
  }

  int64_t size() const override { return static_cast<int64_t>(rows_.size()); }
  moka::Shape item_shape() const override { return {width_, 1, 1}; }
  void Read(int64_t index, std::span<float> values) const override {
    std::copy_n(values_.begin() + index * width_, width_, values.begin());
  }
  bool has_labels() const override { return params_.has_label(); }
  int64_t label(int64_t index) const override { return labels_[static_cast<size_t>(index)]; }
  std::string Name(int64_t index) const override { return rows_[static_cast<size_t>(index)]; }

 private:
  void ReadTable(const std::string& path);
  void ReadHeader(const std::string& path, const std::vector<std::string>& names);
  void ReadRow(const std::string& place, const std::vector<std::string>& cells);

  const CsvParameter params_;
  std::vector<std::string> names_;  // of the columns
  size_t label_column_ = 0;         // names_.size() if there is none
  int64_t width_ = 0;               // how many values an example has
  std::vector<float> values_;       // (rows, width)
  std::vector<int64_t> labels_;
  std::vector<std::string> rows_;  // where each row stands: "spirals.csv:17"
};

void Csv::ReadTable(const std::string& path) {
  const char separator = params_.separator()[0];
  const std::string text = moka::ReadMaybeGzip(path);
  std::string_view rest = text;
  ReadHeader(path, Split(TakeLine(rest), separator));
  for (int64_t line = 2; !rest.empty(); ++line) {
    const std::string_view row = TakeLine(rest);
    if (!row.empty()) ReadRow(path + ":" + std::to_string(line), Split(row, separator));
  }
}

void Csv::ReadHeader(const std::string& path, const std::vector<std::string>& names) {
  if (!names_.empty() && names != names_)
    throw moka::Error(path, ":1: names other columns than the file before it").At("source");
  names_ = names;
  label_column_ = names.size();
  if (params_.has_label()) {
    const auto found = std::find(names.begin(), names.end(), params_.label());
    if (found == names.end()) {
      throw moka::Error(path, " has no column \"", params_.label(), '"',
                        moka::DidYouMean(params_.label(), names))
          .At("csv_param.label");
    }
    label_column_ = static_cast<size_t>(found - names.begin());
  }
  width_ = static_cast<int64_t>(names.size()) - (params_.has_label() ? 1 : 0);
  if (width_ == 0) throw moka::Error(path, " has no column besides the label's").At("source");
}

void Csv::ReadRow(const std::string& place, const std::vector<std::string>& cells) {
  if (cells.size() != names_.size()) {
    throw moka::Error(place, ": has ", cells.size(), " values, but the first line names ",
                      names_.size(), " columns")
        .At("source");
  }
  for (size_t c = 0; c < cells.size(); ++c) {
    const char *begin = cells[c].data(), *end = begin + cells[c].size();
    float value = 0;
    const auto [stop, fault] = std::from_chars(begin, end, value);
    if (fault != std::errc() || stop != end || !std::isfinite(value)) {
      throw moka::Error(place, ": \"", cells[c], "\" in column ", names_[c], " is no number")
          .At("source");
    }
    if (c != label_column_) {
      values_.push_back(value);
    } else if (value >= 0 && value < 0x1p24f && value == std::floor(value)) {
      labels_.push_back(static_cast<int64_t>(value));
    } else {
      throw moka::Error(place, ": label ", cells[c], " in column ", names_[c],
                        " is not one of 0, 1, 2, ...")
          .At("source");
    }
  }
  rows_.push_back(place);
}

}  // namespace

void RegisterPlugin(moka::Registry& registry) {
  registry.AddDataSource<Csv>("csv", moka::Field<CsvParameter>{"csv_param"});
}
