#include "generate/text_template.h"

#include "core/check.h"

namespace trailwarden::generate {

Template::Template(std::string_view text) {
  while (true) {
    const std::size_t hole = text.find('$');
    const std::string_view literal = text.substr(0, hole);
    literals_.append(literal);
    if (hole == std::string_view::npos) {
      pieces_.push_back({static_cast<std::uint32_t>(literal.size()), '\0'});
      return;
    }
    TRAILWARDEN_CHECK(hole + 1 < text.size(), "a template does not end with $");
    pieces_.push_back({static_cast<std::uint32_t>(literal.size()), text[hole + 1]});
    text.remove_prefix(hole + 2);
  }
}

}  // namespace trailwarden::generate
