// The tokens of a prototxt.
#include "io/prototxt_tokens.h"

#include <algorithm>
#include <utility>

namespace moka {

PrototxtTokens::PrototxtTokens(std::string_view text, const std::string& file)
    : file_(file),
      input_(text.data(), static_cast<int>(text.size())),
      tokenizer_(&input_, this),
      error_("") {
  tokenizer_.set_allow_f_after_float(true);
  tokenizer_.set_comment_style(Tokenizer::SH_COMMENT_STYLE);
  tokenizer_.Next();
}

const PrototxtTokens::Token& PrototxtTokens::Peek() {
  if (broken_) {
    broken_ = false;
    throw error_;
  }
  return tokenizer_.current();
}

bool PrototxtTokens::At(char symbol) {
  const Token& token = Peek();
  return token.type == Tokenizer::TYPE_SYMBOL && token.text[0] == symbol;
}

void PrototxtTokens::Next() {
  const Token& token = tokenizer_.current();
  if (token.type == Tokenizer::TYPE_SYMBOL) {
    const char symbol = token.text[0];
    if (symbol == '{' || symbol == '<') ++depth_;
    if (symbol == '}' || symbol == '>') depth_ = std::max(0, depth_ - 1);
  } else if (depth_ <= 1 && token.type == Tokenizer::TYPE_IDENTIFIER) {
    words_.insert(token.text);
  } else if (depth_ <= 1 && token.type == Tokenizer::TYPE_STRING) {
    const bool closed = token.text.size() > 1 && token.text.back() == token.text.front();
    words_.insert(token.text.substr(1, token.text.size() - (closed ? 2 : 1)));
  }
  tokenizer_.Next();
}

bool PrototxtTokens::Take(char symbol) {
  if (!At(symbol)) return false;
  Next();
  return true;
}

Place PrototxtTokens::place() {
  return {file_, tokenizer_.current().line + 1, tokenizer_.current().column + 1};
}

void PrototxtTokens::SkipEntry() {
  const int line = tokenizer_.current().line;
  const bool in_block = depth_ > 0;
  while (!AtEnd()) {
    const Token& token = tokenizer_.current();
    const char symbol = token.type == Tokenizer::TYPE_SYMBOL ? token.text[0] : ' ';
    const bool begins_value = symbol == '{' || symbol == '<' || symbol == ':';
    if (depth_ == 0 && !in_block && token.line > line && !begins_value) break;
    Next();
    if (depth_ == 0 && (symbol == '}' || symbol == '>')) break;
  }
  broken_ = false;
}

void PrototxtTokens::AddError(int line, int column, const std::string& message) {
  if (broken_) return;
  static const std::pair<const char*, const char*> kWords[] = {
      {"Interpreting non ascii", "a character outside quotes that is not ASCII"},
      {"String literals cannot cross", "a text that is not closed with its quote on this line"},
      {"Unexpected end of string", "a text that is not closed with its quote"},
      {"Invalid control characters", "a control character"},
      {"Invalid escape sequence", "a backslash in a text with an unknown letter behind it"},
      {"Expected hex digits", "\\x without digits"},
      {"\"0x\" must be", "0x without digits"},
      {"Numbers starting with leading zero",
       "a number that starts with 0 is octal, but this has an 8 or a 9"},
      {"Hex and octal numbers must be", "hexadecimal and octal numbers are whole"},
      {"\"e\" must be followed", "an exponent without digits"},
      {"Need space between", "a number and a word without a space between them"},
      {"Already saw decimal point", "a number with two points"},
  };
  std::string words = message;
  for (const auto& [start, plain] : kWords) {
    if (message.rfind(start, 0) == 0) words = plain;
  }
  broken_ = true;
  error_ = Error(words).SetPlace({file_, line + 1, column + 1});
}

std::string Shown(const PrototxtTokens::Token& token) {
  if (token.type == PrototxtTokens::Tokenizer::TYPE_END) return "the end of the file";
  const bool is_text = token.type == PrototxtTokens::Tokenizer::TYPE_STRING;
  std::string shown = token.text.substr(0, 60);
  if (shown.size() < token.text.size()) shown += "...";
  return is_text ? shown : '"' + shown + '"';
}

}  // namespace moka
