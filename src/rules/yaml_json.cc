#include "rules/yaml_json.h"

#include "rules/json_value.h"

namespace trailwarden::rules {
namespace {

bool is_json_number(std::string_view text) {
  const auto value = parse_json(text);
  return value && value->kind == JsonValue::Kind::kNumber;
}

/// Writes with the line breaks of the file.
class Writer {
 public:
  explicit Writer(int first_line) : line_(first_line) {}

  void value(const YamlNode& node) {
    go_to(node.place);
    switch (node.kind) {
      case YamlNode::Kind::kNull: return put("null");
      case YamlNode::Kind::kBoolean: return put(node.boolean ? "true" : "false");
      case YamlNode::Kind::kInteger:
      case YamlNode::Kind::kFloat: return is_json_number(node.text) ? put(node.text) : text(node.text);
      case YamlNode::Kind::kString: return text(node.text);
      case YamlNode::Kind::kList: {
        put("[");
        for (const YamlNode& item : node.items) {
          if (&item != &node.items.front()) put(",");
          value(item);
        }
        return put("]");
      }
      case YamlNode::Kind::kMap: {
        put("{");
        for (const YamlMember& member : node.members) {
          if (&member != &node.members.front()) put(",");
          go_to(member.place);
          text(member.key);
          put(":");
          value(member.value);
        }
        return put("}");
      }
    }
  }
  std::string done() && { return std::move(out_); }

 private:
  void go_to(YamlPlace place) {
    for (; line_ < place.line; ++line_) {
      out_ += '\n';
      column_ = 1;
    }
    if (line_ > place.line || column_ >= place.column) return;
    out_.append(static_cast<std::size_t>(place.column - column_), ' ');
    column_ = place.column;
  }
  void text(std::string_view text) {
    std::string quoted;
    append_json_string(text, quoted);
    put(quoted);
  }
  void put(std::string_view text) {
    out_ += text;
    column_ += static_cast<int>(text.size());
  }

  std::string out_;
  int line_, column_ = 1;
};

}  // namespace

std::string to_json(const YamlNode& node) {
  Writer writer(node.place.line);
  writer.value(node);
  return std::move(writer).done();
}

}  // namespace trailwarden::rules
