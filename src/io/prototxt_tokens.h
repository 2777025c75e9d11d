// The tokens of a prototxt, and how to go on after an error.
#pragma once

#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <set>
#include <string>
#include <string_view>

#include "moka/error.h"

namespace moka {

class PrototxtTokens : private google::protobuf::io::ErrorCollector {
 public:
  using Tokenizer = google::protobuf::io::Tokenizer;
  using Token = Tokenizer::Token;

  PrototxtTokens(std::string_view text, const std::string& file);

  // The token that comes next. Peek throws Error if there is something before it that is no token
  // at all.
  const Token& Peek();
  bool AtEnd() { return tokenizer_.current().type == Tokenizer::TYPE_END; }
  bool At(char symbol);
  bool At(Tokenizer::TokenType type) { return Peek().type == type; }
  void Next();
  // Takes the symbol if it comes next.
  bool Take(char symbol);

  Place place();  // of the token that comes next
  Error Fail(const std::string& message) { return Error(message).SetPlace(place()); }

  // How many blocks are open.
  int depth() const { return depth_; }
  // Begins an entry of the file; from here on words() grows.
  void BeginEntry() { words_.clear(); }
  // The names and texts (without quotes) that the entry has had so far, in its own block.
  const std::set<std::string>& words() const { return words_; }
  // Goes on after an error: to the end of the outermost open block; where none is open, to the next
  // line or past the next block.
  void SkipEntry();
  // Takes what comes next as the beginning of an entry, though blocks are open.
  void Resynchronise() { depth_ = 0; }

 private:
  void AddError(int line, int column, const std::string& message) override;

  std::string file_;
  google::protobuf::io::ArrayInputStream input_;
  Tokenizer tokenizer_;
  int depth_ = 0;
  std::set<std::string> words_;
  bool broken_ = false;  // something before the next token is no token
  Error error_;
};

// The token as a message shows it: quoted and not too long.
std::string Shown(const PrototxtTokens::Token& token);

}  // namespace moka
