#include "trail/s3_xml.h"

#include <fmt/format.h>
#include <pugixml.hpp>

#include "core/text.h"

namespace trailwarden::trail {
namespace {

/// A key may be nothing but spaces.
constexpr unsigned int kParse = pugi::parse_default | pugi::parse_ws_pcdata_single;

bool load(pugi::xml_document& document, std::string_view text) {
  return static_cast<bool>(document.load_buffer(text.data(), text.size(), kParse, pugi::encoding_utf8));
}

}  // namespace

std::optional<S3Error> parse_s3_error(std::string_view text) {
  pugi::xml_document document;
  if (!load(document, text)) return std::nullopt;
  const pugi::xml_node error = document.child("Error");
  S3Error out{error.child_value("Code"), error.child_value("Message"), error.child_value("Region")};
  if (out.code.empty()) return std::nullopt;
  return out;
}

Result<ListPage> parse_list_page(std::string_view text) {
  pugi::xml_document document;
  if (!load(document, text)) return fail(ErrorCode::kMalformed, "a list of objects that is no XML");
  const pugi::xml_node list = document.child("ListBucketResult");
  if (!list) return fail(ErrorCode::kMalformed, "not a list of objects");
  ListPage page{.objects = {}, .folders = {}, .is_truncated = std::string_view(list.child_value("IsTruncated")) == "true", .next_token = list.child_value("NextContinuationToken")};
  for (const pugi::xml_node node : list.children("Contents")) {
    std::string key = node.child_value("Key");
    const auto bytes = parse_decimal<std::uint64_t>(node.child_value("Size"));
    if (key.empty() || !bytes) return fail(ErrorCode::kMalformed, fmt::format("a list of objects, one without a key or a size (\"{}\")", printable(key)));
    page.objects.push_back({std::move(key), *bytes, node.child_value("ETag")});
  }
  for (const pugi::xml_node node : list.children("CommonPrefixes")) {
    page.folders.emplace_back(node.child_value("Prefix"));
    if (page.folders.back().empty()) return fail(ErrorCode::kMalformed, "a list of objects, and a folder without a name");
  }
  if (page.is_truncated && page.next_token.empty()) return fail(ErrorCode::kMalformed, "a list of objects that is cut and does not say how to go on");
  return page;
}

}  // namespace trailwarden::trail
