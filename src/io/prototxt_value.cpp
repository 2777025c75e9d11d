// One scalar value of a prototxt: whole numbers, numbers, truth values, names, texts.
#include "io/prototxt_value.h"

#include <google/protobuf/descriptor.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <limits>

namespace moka {
namespace {

namespace pb = google::protobuf;
using Tokenizer = PrototxtTokens::Tokenizer;

struct Whole {
  bool negative = false;
  uint64_t size = 0;
};

// `-` and digits (decimal, octal or hexadecimal) between -least and most.
Whole ReadWhole(PrototxtTokens& tokens, const std::string& path, uint64_t least, uint64_t most) {
  const Place begin = tokens.place();
  Whole whole;
  whole.negative = tokens.Take('-');
  const Tokenizer::Token token = tokens.Peek();
  if (token.type != Tokenizer::TYPE_INTEGER) {
    throw tokens.Fail(path + " takes a whole number, not " + Shown(token));
  }
  const bool fits =
      Tokenizer::ParseInteger(token.text, std::numeric_limits<uint64_t>::max(), &whole.size);
  const bool wrong_sign = whole.negative && least == 0;
  if (!fits || wrong_sign || whole.size > (whole.negative ? least : most)) {
    const std::string number = (whole.negative ? "-" : "") + token.text;
    if (wrong_sign) throw Error(path, " cannot be negative: ", number).SetPlace(begin);
    throw Error(path, " cannot be ", number, ": it goes from ", least == 0 ? "" : "-", least,
                " to ", most)
        .SetPlace(begin);
  }
  tokens.Next();
  return whole;
}

int64_t Signed(const Whole& whole) {
  return static_cast<int64_t>(whole.negative ? ~whole.size + 1 : whole.size);
}

std::string Lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return text;
}

double ReadNumber(PrototxtTokens& tokens, const std::string& path, double most) {
  const Place begin = tokens.place();
  const bool negative = tokens.Take('-');
  const Tokenizer::Token token = tokens.Peek();
  const std::string word = Lower(token.text);
  const bool is_decimal = token.type == Tokenizer::TYPE_INTEGER && (word[0] != '0' || word == "0");
  double number = 0;
  if (is_decimal || token.type == Tokenizer::TYPE_FLOAT) {
    number = Tokenizer::ParseFloat(token.text);
    if (!(number <= most)) {
      throw Error(path, " cannot be ", negative ? "-" : "", token.text,
                  ": the largest number here is ", most)
          .SetPlace(begin);
    }
  } else if (word == "inf" || word == "infinity" || word == "inff" || word == "infinityf") {
    number = std::numeric_limits<double>::infinity();
  } else if (word == "nan") {
    number = std::numeric_limits<double>::quiet_NaN();
  } else {
    throw tokens.Fail(path + " takes a number, not " + Shown(token));
  }
  tokens.Next();
  return negative ? -number : number;
}

bool ReadBool(PrototxtTokens& tokens, const std::string& path) {
  const Tokenizer::Token token = tokens.Peek();
  const std::string& word = token.text;
  const bool is_true = word == "true" || word == "True" || word == "t" || word == "1";
  if (!is_true && word != "false" && word != "False" && word != "f" && word != "0") {
    throw tokens.Fail(path + " takes true or false, not " + Shown(token));
  }
  tokens.Next();
  return is_true;
}

// "MAX, AVE or STOCHASTIC"
std::string OneOf(const std::vector<std::string>& names) {
  std::string text;
  for (size_t i = 0; i < names.size(); ++i) {
    if (i > 0) text += i + 1 == names.size() ? " or " : ", ";
    text += names[i];
  }
  return text;
}

const pb::EnumValueDescriptor& ReadEnum(PrototxtTokens& tokens, const pb::EnumDescriptor& type,
                                        const std::string& path) {
  std::vector<std::string> names;
  for (int i = 0; i < type.value_count(); ++i) names.push_back(type.value(i)->name());
  const Place begin = tokens.place();
  const bool negative = tokens.Take('-');
  const Tokenizer::Token token = tokens.Peek();
  const pb::EnumValueDescriptor* value = nullptr;
  if (token.type == Tokenizer::TYPE_IDENTIFIER && !negative) {
    value = type.FindValueByName(token.text);
  } else if (uint64_t number = 0; token.type == Tokenizer::TYPE_INTEGER &&
                                  Tokenizer::ParseInteger(token.text, 1u << 31, &number)) {
    const int64_t with_sign =
        negative ? -static_cast<int64_t>(number) : static_cast<int64_t>(number);
    if (with_sign <= std::numeric_limits<int>::max())
      value = type.FindValueByNumber(static_cast<int>(with_sign));
  } else if (token.type == Tokenizer::TYPE_STRING) {
    throw Error(path, " takes ", OneOf(names), " without quotes, not ", Shown(token))
        .SetPlace(begin);
  }
  if (value == nullptr) {
    const std::string guess = DidYouMean(token.text, names);
    throw Error("unknown value ", Shown(token), " for ", path,
                guess.empty() ? "; it can be " + OneOf(names) : guess)
        .SetPlace(begin);
  }
  tokens.Next();
  return *value;
}

// Whether the bytes are UTF-8, which is what protobuf wants of a string.
bool IsUtf8(std::string_view text) {
  static constexpr uint32_t kLeast[] = {0, 0x80, 0x800, 0x10000};  // by number of following bytes
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i++]);
    const uint32_t followers = lead < 0xC0 ? 0 : lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3;
    if ((lead >= 0x80 && lead < 0xC0) || lead >= 0xF8) return false;
    uint32_t code = followers == 0 ? lead : lead & (0x3Fu >> followers);
    for (uint32_t k = 0; k < followers; ++k, ++i) {
      if (i == text.size() || (static_cast<unsigned char>(text[i]) & 0xC0) != 0x80) return false;
      code = code << 6 | (static_cast<unsigned char>(text[i]) & 0x3Fu);
    }
    if (code < kLeast[followers] || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000))
      return false;
  }
  return true;
}

std::string ReadText(PrototxtTokens& tokens, const std::string& path, bool any_bytes) {
  const Place begin = tokens.place();
  if (!tokens.At(Tokenizer::TYPE_STRING)) {
    throw tokens.Fail(path + " takes text in quotes, not " + Shown(tokens.Peek()));
  }
  std::string text;
  while (tokens.At(Tokenizer::TYPE_STRING)) {  // adjacent ones are one
    Tokenizer::ParseStringAppend(tokens.Peek().text, &text);
    tokens.Next();
  }
  if (!any_bytes && !IsUtf8(text)) throw Error(path, " is not UTF-8 text").SetPlace(begin);
  return text;
}

}  // namespace

void ReadScalar(PrototxtTokens& tokens, const pb::FieldDescriptor& field, const std::string& path,
                pb::Message& message) {
  const pb::Reflection& reflection = *message.GetReflection();
  auto put = [&](auto set, auto add, const auto& value) {
    if (field.is_repeated()) {
      (reflection.*add)(&message, &field, value);
    } else {
      (reflection.*set)(&message, &field, value);
    }
  };
  using R = pb::Reflection;
  using F = pb::FieldDescriptor;
  constexpr uint64_t kInt32 = uint64_t{1} << 31, kInt64 = uint64_t{1} << 63;
  switch (field.cpp_type()) {
    case F::CPPTYPE_INT32:
      return put(&R::SetInt32, &R::AddInt32,
                 static_cast<int32_t>(Signed(ReadWhole(tokens, path, kInt32, kInt32 - 1))));
    case F::CPPTYPE_INT64:
      return put(&R::SetInt64, &R::AddInt64, Signed(ReadWhole(tokens, path, kInt64, kInt64 - 1)));
    case F::CPPTYPE_UINT32:
      return put(&R::SetUInt32, &R::AddUInt32,
                 static_cast<uint32_t>(ReadWhole(tokens, path, 0, 2 * kInt32 - 1).size));
    case F::CPPTYPE_UINT64:
      return put(&R::SetUInt64, &R::AddUInt64, ReadWhole(tokens, path, 0, ~uint64_t{0}).size);
    case F::CPPTYPE_FLOAT:
      return put(&R::SetFloat, &R::AddFloat,
                 static_cast<float>(ReadNumber(tokens, path, std::numeric_limits<float>::max())));
    case F::CPPTYPE_DOUBLE:
      return put(&R::SetDouble, &R::AddDouble,
                 ReadNumber(tokens, path, std::numeric_limits<double>::max()));
    case F::CPPTYPE_BOOL:
      return put(&R::SetBool, &R::AddBool, ReadBool(tokens, path));
    case F::CPPTYPE_ENUM:
      return put(
          static_cast<void (R::*)(pb::Message*, const F*, const pb::EnumValueDescriptor*) const>(
              &R::SetEnum),
          static_cast<void (R::*)(pb::Message*, const F*, const pb::EnumValueDescriptor*) const>(
              &R::AddEnum),
          &ReadEnum(tokens, *field.enum_type(), path));
    case F::CPPTYPE_STRING: {
      const std::string text = ReadText(tokens, path, field.type() == F::TYPE_BYTES);
      if (field.is_repeated()) return reflection.AddString(&message, &field, text);
      return reflection.SetString(&message, &field, text);
    }
    case F::CPPTYPE_MESSAGE:
      break;
  }
}

}  // namespace moka
