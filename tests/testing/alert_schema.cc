#include "testing/alert_schema.h"

#include <fstream>
#include <map>
#include <memory>

#include <nlohmann/json.hpp>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

namespace trailwarden::testing {
namespace {

using valijson::adapters::NlohmannJsonAdapter;

const valijson::Schema& schema(const std::string& file) {
  static std::map<std::string, std::unique_ptr<valijson::Schema>> schemas;
  auto& loaded = schemas[file];
  if (loaded == nullptr) {
    std::ifstream stream(std::string(TRAILWARDEN_SOURCE_DIR) + "/models/schemas/" + file);
    const auto document = nlohmann::json::parse(stream);
    loaded = std::make_unique<valijson::Schema>();
    valijson::SchemaParser parser;
    parser.populateSchema(NlohmannJsonAdapter(document), *loaded);
  }
  return *loaded;
}

}  // namespace

std::vector<std::string> schema_errors(std::string_view json, const std::string& schema_file) {
  const auto document = nlohmann::json::parse(json, nullptr, false);
  if (document.is_discarded()) return {"not JSON"};
  valijson::Validator validator;
  valijson::ValidationResults results;
  std::vector<std::string> errors;
  if (validator.validate(schema(schema_file), NlohmannJsonAdapter(document), &results)) return errors;
  valijson::ValidationResults::Error error;
  while (results.popError(error)) {
    std::string place;
    for (const std::string& step : error.context) place += step;
    errors.push_back(place + ": " + error.description);
  }
  return errors;
}

}  // namespace trailwarden::testing
