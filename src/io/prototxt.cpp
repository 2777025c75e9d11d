// Reading prototxt: fields, lists and blocks, by descent over the tokens.
#include "io/prototxt.h"

#include <google/protobuf/descriptor.h>

#include <algorithm>

#include "io/prototxt_tokens.h"
#include "io/prototxt_value.h"

namespace moka {
namespace {

namespace pb = google::protobuf;
using Tokenizer = PrototxtTokens::Tokenizer;

// A place takes far more memory than a number; the rest of a long list has the place of its first.
constexpr int kMostPlacesOfAList = 1000;

// Thrown to leave an entry about which nothing is to be said.
struct Silence {};

struct Block {
  std::string name;
  Place begin;
};

class Reader {
 public:
  Reader(std::string_view text, const std::string& file, const ExplainUnknown& explain,
         pb::Message& message)
      : tokens_(text, file), explain_(explain), top_(message) {}

  PrototxtResult Read() {
    while (!tokens_.AtEnd() && result_.errors.size() < kMostErrors) {
      resynchronised_ = false;
      tokens_.BeginEntry();
      entry_ = nullptr;
      try {
        if (tokens_.At('}')) throw tokens_.Fail("a } that closes nothing");
        if (tokens_.Take(';') || tokens_.Take(',')) continue;
        ReadField(top_, "", {"the file", {}}, 0);
        continue;
      } catch (const Error& error) {
        result_.errors.push_back(error);
      } catch (const Silence&) {
      }
      if (!resynchronised_) tokens_.SkipEntry();
      LeaveOut();
    }
    return std::move(result_);
  }

 private:
  // Forgets the entry that has just failed, but for its words.
  void LeaveOut() {
    result_.lost.insert(tokens_.words().begin(), tokens_.words().end());
    if (entry_ == nullptr || !entry_->is_repeated()) return;
    const pb::Reflection& reflection = *top_.GetReflection();
    for (int size = reflection.FieldSize(top_, entry_); size > size_before_; --size) {
      reflection.RemoveLast(&top_, entry_);
      const std::string path = entry_->name() + '[' + std::to_string(size - 1) + ']';
      auto place = result_.places.lower_bound(path);
      while (place != result_.places.end() && place->first.rfind(path, 0) == 0)
        place = result_.places.erase(place);
    }
  }

  void ReadField(pb::Message& message, const std::string& prefix, const Block& block, int depth) {
    const Place place = tokens_.place();
    if (!tokens_.At(Tokenizer::TYPE_IDENTIFIER)) {
      throw tokens_.Fail("expected a field's name, not " + Shown(tokens_.Peek()));
    }
    const std::string name = tokens_.Peek().text;
    const pb::FieldDescriptor* field = FindFieldOf(*message.GetDescriptor(), name);
    if (field == nullptr) Unknown(message, prefix, name, block, place);
    if (&message == &top_) {
      entry_ = field;
      size_before_ = field->is_repeated() ? top_.GetReflection()->FieldSize(top_, field) : 0;
    }
    CheckOnce(message, *field, prefix, place);
    tokens_.Next();

    const bool is_message = field->cpp_type() == pb::FieldDescriptor::CPPTYPE_MESSAGE;
    const bool has_colon = tokens_.Take(':');
    if (!has_colon && !is_message) {
      throw tokens_.Fail("expected a colon and a value after " + name + ", not " +
                         Shown(tokens_.Peek()));
    }
    if (tokens_.At('[') && field->is_repeated()) {
      ReadList(message, *field, prefix + name, depth);
    } else {
      ReadValue(message, *field, prefix + name, place, depth);
    }
    if (!tokens_.Take(';')) tokens_.Take(',');
  }

  // [1, 2, 3]
  void ReadList(pb::Message& message, const pb::FieldDescriptor& field, const std::string& path,
                int depth) {
    tokens_.Next();
    if (tokens_.Take(']')) return;
    do {
      ReadValue(message, field, path, tokens_.place(), depth);
    } while (tokens_.Take(','));
    if (!tokens_.Take(']')) {
      throw tokens_.Fail("expected , or ] in the list of " + field.name() + ", not " +
                         Shown(tokens_.Peek()));
    }
  }

  void ReadValue(pb::Message& message, const pb::FieldDescriptor& field, const std::string& path,
                 const Place& place, int depth) {
    const std::string here = Record(message, field, path, place);
    if (field.cpp_type() != pb::FieldDescriptor::CPPTYPE_MESSAGE) {
      ReadScalar(tokens_, field, ShownPath(path), message);
      return;
    }
    const pb::Reflection& reflection = *message.GetReflection();
    pb::Message& inner = field.is_repeated() ? *reflection.AddMessage(&message, &field)
                                             : *reflection.MutableMessage(&message, &field);
    ReadBlock(inner, here, {field.name(), place}, depth + 1);
  }

  void ReadBlock(pb::Message& message, const std::string& path, const Block& block, int depth) {
    const char closer = tokens_.At('<') ? '>' : '}';
    if (!tokens_.At('{') && !tokens_.At('<')) {
      throw tokens_.Fail("expected { after " + block.name + ", not " + Shown(tokens_.Peek()));
    }
    if (depth > kMostPrototxtDepth) {
      throw tokens_.Fail("more than " + std::to_string(kMostPrototxtDepth) +
                         " blocks inside one another");
    }
    tokens_.Next();
    while (!tokens_.At(closer)) {
      if (tokens_.AtEnd()) {
        throw Error("the block ", block.name, " that begins here is not closed: a ", closer,
                    " is missing")
            .SetPlace(block.begin);
      }
      ReadField(message, path + '.', block, depth);
    }
    tokens_.Next();
    CheckRequired(message, block);
  }

  // Remembers where the value stands that comes next, and returns its path.
  std::string Record(const pb::Message& message, const pb::FieldDescriptor& field,
                     const std::string& path, const Place& place) {
    result_.places.emplace(path, place);
    if (!field.is_repeated()) return path;
    const int index = message.GetReflection()->FieldSize(message, &field);
    const std::string element = path + '[' + std::to_string(index) + ']';
    const bool is_message = field.cpp_type() == pb::FieldDescriptor::CPPTYPE_MESSAGE;
    if (is_message || index < kMostPlacesOfAList) result_.places.emplace(element, place);
    return element;
  }

  void CheckOnce(const pb::Message& message, const pb::FieldDescriptor& field,
                 const std::string& prefix, const Place& place) {
    const pb::Reflection& reflection = *message.GetReflection();
    if (field.is_repeated()) return;
    if (reflection.HasField(message, &field)) {
      const Place& first = result_.places[prefix + field.name()];
      throw Error(ShownPath(prefix + field.name()), " is given twice, first in line ", first.line)
          .SetPlace(place);
    }
    const pb::OneofDescriptor* choice = field.containing_oneof();
    if (choice != nullptr && reflection.HasOneof(message, choice)) {
      throw Error(field.name(), " cannot stand beside ",
                  reflection.GetOneofFieldDescriptor(message, choice)->name(),
                  ": only one of them is possible")
          .SetPlace(place);
    }
  }

  void CheckRequired(const pb::Message& message, const Block& block) {
    const pb::Descriptor& type = *message.GetDescriptor();
    for (int i = 0; i < type.field_count(); ++i) {
      if (type.field(i)->is_required() &&
          !message.GetReflection()->HasField(message, type.field(i))) {
        throw Error(block.name, " needs ", type.field(i)->name()).SetPlace(block.begin);
      }
    }
  }

  [[noreturn]] void Unknown(const pb::Message& message, const std::string& prefix,
                            const std::string& name, const Block& block, const Place& place) {
    // An entry of the file inside a block of another: most likely the block was not closed.
    const pb::FieldDescriptor* entry = top_.GetDescriptor()->FindFieldByName(name);
    if (&message != &top_ && entry != nullptr && entry->is_repeated() &&
        entry->cpp_type() == pb::FieldDescriptor::CPPTYPE_MESSAGE) {
      tokens_.Resynchronise();
      resynchronised_ = true;
      throw Error('"' + name + "\" inside ", block.name, ": is a } missing? The block ", block.name,
                  " began in line ", block.begin.line)
          .SetPlace(place);
    }
    const std::string path = prefix.substr(0, prefix.size() - std::min<size_t>(1, prefix.size()));
    const std::string words = explain_(message, path, name);
    if (words.empty()) throw Silence();
    throw Error(words).SetPlace(place);
  }

  PrototxtTokens tokens_;
  const ExplainUnknown& explain_;
  pb::Message& top_;
  PrototxtResult result_;
  bool resynchronised_ = false;
  const pb::FieldDescriptor* entry_ = nullptr;  // that is being read; nullptr before its name
  int size_before_ = 0;                         // of the entry's field
};

// What makes a whole text unreadable: bytes that no text has, or the marks of a merge that was not
// finished.
bool IsText(std::string_view text, const std::string& file, std::vector<Error>& errors) {
  if (static_cast<int64_t>(text.size()) > kMostPrototxtBytes) {
    errors.push_back(Error("the text has ", text.size(), " bytes; ", kMostPrototxtBytes,
                           " are the most that is read")
                         .SetPlace({file, 0, 0}));
    return false;
  }
  int line = 1;
  size_t begin = 0;
  for (size_t i = 0; i <= text.size(); ++i) {
    const unsigned char c = i < text.size() ? static_cast<unsigned char>(text[i]) : '\n';
    if ((c < 32 && (c < '\t' || c > '\r')) || c == 127) {
      errors.push_back(Error("this is no text: there is a byte ", static_cast<int>(c), " in it")
                           .SetPlace({file, line, static_cast<int>(i - begin) + 1}));
      return false;
    }
    if (c != '\n') continue;
    for (const std::string_view mark : {"<<<<<<<", "=======", ">>>>>>>", "|||||||"}) {
      if (text.substr(begin, 7) == mark) {
        errors.push_back(
            Error("the mark of a merge that was not finished: ", mark).SetPlace({file, line, 1}));
        return false;
      }
    }
    begin = i + 1;
    ++line;
  }
  return true;
}

}  // namespace

PrototxtResult ReadPrototxt(std::string_view text, const std::string& file,
                            const ExplainUnknown& explain, pb::Message& message) {
  PrototxtResult broken;
  if (text.substr(0, 3) == "\xEF\xBB\xBF") text.remove_prefix(3);  // a byte order mark
  if (!IsText(text, file, broken.errors)) return broken;
  return Reader(text, file, explain, message).Read();
}

std::vector<const pb::FieldDescriptor*> FieldsOf(const pb::Descriptor& type) {
  std::vector<const pb::FieldDescriptor*> fields;
  for (int i = 0; i < type.field_count(); ++i) fields.push_back(type.field(i));
  std::vector<const pb::FieldDescriptor*> extensions;
  if (type.extension_range_count() > 0) type.file()->pool()->FindAllExtensions(&type, &extensions);
  fields.insert(fields.end(), extensions.begin(), extensions.end());
  return fields;
}

const pb::FieldDescriptor* FindFieldOf(const pb::Descriptor& type, const std::string& name) {
  const pb::FieldDescriptor* own = type.FindFieldByName(name);
  if (own != nullptr || type.extension_range_count() == 0) return own;
  for (const pb::FieldDescriptor* field : FieldsOf(type)) {
    if (field->name() == name) return field;
  }
  return nullptr;
}

std::string ShownPath(std::string_view path) {
  const size_t first_end = std::min(path.find('.'), path.size());
  if (path.substr(0, first_end).find('[') != std::string_view::npos && first_end < path.size()) {
    path.remove_prefix(first_end + 1);
  }
  std::string shown;
  bool in_index = false;
  for (const char c : path) {
    if (c == '[') in_index = true;
    if (!in_index) shown += c;
    if (c == ']') in_index = false;
  }
  return shown;
}

}  // namespace moka
