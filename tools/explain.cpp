// What `moka layers` and `moka plugin` tell of the types in a registry.
#include "explain.h"

#include <fmt/format.h>

#include <algorithm>
#include <regex>
#include <sstream>

#include "moka/description.h"
#include "moka/error.h"

namespace moka::tool {
namespace {

constexpr int kMostListed = 8;  // bottoms or tops that are looked at one by one

std::string Range(int least, int most, const char* what) {
  const auto plural = [&](int n) { return n == 1 ? "" : "s"; };
  if (most >= LayerTraits::kAnyNumber) return fmt::format("{} or more {}s", least, what);
  if (least == most) return fmt::format("{} {}{}", least, what, plural(least));
  return fmt::format("{} to {} {}s", least, most, what);
}

// "bottom 0", "all bottoms", or nothing.
std::vector<std::string> Members(const char* what, uint64_t set, int most) {
  const int count = std::min(most, kMostListed);
  std::vector<std::string> members;
  for (int i = 0; i < count; ++i) {
    if ((set & Reads::Bit(i)) != 0) members.push_back(fmt::format("{} {}", what, i));
  }
  if (most > 1 && static_cast<int>(members.size()) == count) return {fmt::format("all {}s", what)};
  return members;
}

std::string InWords(const LayerTraits& traits, Reads reads) {
  std::vector<std::string> members = Members("bottom", reads.bottoms, traits.most_bottoms());
  for (std::string& top : Members("top", reads.tops, traits.most_tops()))
    members.push_back(std::move(top));
  return members.empty() ? "no values" : Join(members, ", ");
}

std::vector<std::string> Gradients(const LayerTraits& traits) {
  if (traits.fed_from_outside()) return {"fed from outside"};
  if (traits.most_bottoms() == 0) return {};
  if (!traits.has_backward()) return {"no gradient"};
  std::vector<std::string> without;
  for (int i = 0; i < std::min(traits.most_bottoms(), kMostListed); ++i) {
    if (!traits.differentiable(i)) without.push_back(fmt::format("bottom {}", i));
  }
  if (without.empty()) return {};
  return {"no gradient for " + Join(without, ", ")};
}

std::vector<std::string> Losses(const LayerTraits& traits) {
  if (!traits.any_loss()) return {};
  if (traits.most_tops() == 1) return {"a loss"};
  std::vector<std::string> losses;
  for (int t = 0; t < std::min(traits.most_tops(), kMostListed); ++t) {
    if (traits.is_loss(t)) losses.push_back(fmt::format("top {}", t));
  }
  if (losses.size() <= 1) return {Join(losses, "") + " is a loss"};
  return {Join(losses, ", ") + " are losses"};
}

std::vector<std::string> Sharing(const LayerTraits& traits) {
  std::vector<std::string> lines;
  for (int t = 0; t < std::min(traits.most_tops(), kMostListed); ++t) {
    std::vector<std::string> bottoms;
    for (int b = 0; b < std::min(traits.most_bottoms(), kMostListed); ++b) {
      if (traits.may_share(t, b)) bottoms.push_back(std::to_string(b));
      if (traits.same_values(t, b))
        lines.push_back(fmt::format("top {} has just the values of bottom {}", t, b));
    }
    if (bottoms.empty()) continue;
    lines.push_back(
        fmt::format("may work in place: top {} in the memory of bottom {}", t, Join(bottoms, "/")));
  }
  return lines;
}

// What Backward reads besides the gradients of the tops. Whether there are learned params shows
// only when a layer is built.
std::vector<std::string> BackwardReads(const LayerTraits& traits) {
  if (!traits.has_backward()) return {};
  const std::string bottoms = InWords(traits, traits.bottom_gradient_reads());
  const std::string params = InWords(traits, traits.param_gradient_reads());
  if (traits.most_bottoms() == 0 || bottoms == params) return {"Backward reads " + params};
  return {"Backward reads, for the gradients of bottoms: " + bottoms,
          "Backward reads, for those of params: " + params};
}

}  // namespace

std::vector<std::string> LayersFrom(const Registry& registry, const std::string& origin) {
  std::vector<std::string> types;
  for (std::string& type : registry.types()) {
    if (registry.Get(type).origin == origin) types.push_back(std::move(type));
  }
  return types;
}

std::string Join(const std::vector<std::string>& texts, const char* between) {
  std::string joined;
  for (const std::string& text : texts) joined += (&text == texts.data() ? "" : between) + text;
  return joined;
}

std::vector<std::string> TraitsInWords(const Registry& registry, const LayerType& type,
                                       Reader reader) {
  LayerTraits traits;
  try {
    traits = TraitsOf(registry, type);
  } catch (const Error& error) {
    return {"what it declares is not known without parameters: " + error.message()};
  }
  const std::string tops =
      traits.same_number() ? "as many tops" : Range(traits.least_tops(), traits.most_tops(), "top");
  std::vector<std::string> lines = {Range(traits.least_bottoms(), traits.most_bottoms(), "bottom") +
                                    ", " + tops};
  const auto add = [&](const std::vector<std::string>& more) {
    lines.insert(lines.end(), more.begin(), more.end());
  };
  add(Losses(traits));
  add(Gradients(traits));
  if (reader == Reader::kAuthor) {
    add(Sharing(traits));
    add(BackwardReads(traits));
  }
  return lines;
}

std::vector<std::string> Paragraphs(const std::string& comment, const std::string& type) {
  static const std::regex heading("[A-Z][A-Za-z0-9]*( [a-z0-9]+)?: .*");
  std::vector<std::string> paragraphs;
  std::istringstream lines(comment);
  bool begins = true;
  for (std::string line; std::getline(lines, line);) {
    begins = begins || line.empty() || std::regex_match(line, heading);
    if (line.empty()) continue;
    if (begins) {
      paragraphs.push_back(line);
    } else {
      paragraphs.back() += " " + line.substr(line.find_first_not_of(' '));
    }
    begins = false;
  }
  std::vector<std::string> cut;
  for (const std::string& paragraph : paragraphs) {
    size_t begin = cut.empty() && paragraph.starts_with(type + ": ") ? type.size() + 2 : 0;
    for (size_t at; (at = paragraph.find(". Caffe: ", begin)) != std::string::npos; begin = at + 2)
      cut.push_back(paragraph.substr(begin, at + 1 - begin));
    cut.push_back(paragraph.substr(begin));
  }
  return cut;
}

void PrintWrapped(const std::string& paragraph, const std::string& indent) {
  constexpr size_t kColumns = 100;
  std::istringstream words(paragraph);
  std::string line = indent;
  for (std::string word; words >> word;) {
    if (line.size() + 1 + word.size() > kColumns) {
      fmt::print("{}\n", line);
      line = indent + "  ";
    }
    line += (line.find_first_not_of(' ') == std::string::npos ? "" : " ") + word;
  }
  fmt::print("{}\n", line);
}

void PrintParams(const std::vector<MessageHelp>& messages, const std::string& indent) {
  for (const MessageHelp& message : messages) {
    fmt::print("\n{}{} {{ }}{}\n", indent, message.field,
               message.comment.empty() ? "" : "  # " + message.comment);
    for (const FieldHelp& field : message.fields) {
      const std::string declared =
          fmt::format("{}{}", field.repeated ? "repeated " : "", field.type);
      const std::string value = field.default_value.empty() ? "" : " = " + field.default_value;
      fmt::print("{}  {:<20} {}{}\n", indent, field.name, declared, value);
      if (!field.comment.empty()) fmt::print("{}  {:<20}   {}\n", indent, "", field.comment);
    }
  }
}

}  // namespace moka::tool
