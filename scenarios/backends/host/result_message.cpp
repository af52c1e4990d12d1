#include "scenarios/backends/host/result_message.h"

#include <stdexcept>

#include <nlohmann/json.hpp>

namespace noiommu::scenarios {

// NOLINTBEGIN(misc-use-anonymous-namespace,misc-use-internal-linkage): the library looks them up by
// their types.
void to_json(nlohmann::json& json, const FailedStep& step) {
  json = {step.line, step.number, step.title, step.calls, step.expected, step.got};
}

void from_json(const nlohmann::json& json, FailedStep& step) {
  json.at(0).get_to(step.line);
  json.at(1).get_to(step.number);
  json.at(2).get_to(step.title);
  json.at(3).get_to(step.calls);
  json.at(4).get_to(step.expected);
  json.at(5).get_to(step.got);
}

void to_json(nlohmann::json& json, const AnsweredStep& step) {
  json = {step.line, step.number, step.title, step.calls, step.answer.result, step.answer.values};
}

void from_json(const nlohmann::json& json, AnsweredStep& step) {
  json.at(0).get_to(step.line);
  json.at(1).get_to(step.number);
  json.at(2).get_to(step.title);
  json.at(3).get_to(step.calls);
  json.at(4).get_to(step.answer.result);
  json.at(5).get_to(step.answer.values);
}
// NOLINTEND(misc-use-anonymous-namespace,misc-use-internal-linkage)

namespace host {

std::string pack(const ScenarioResult& result) {
  nlohmann::json json = {{"name", result.name},       {"file", result.file},
                         {"outcome", result.outcome}, {"reason", result.reason},
                         {"log", result.log},         {"trace", result.trace},
                         {"answers", result.answers}};
  if (result.failed_step) json["failed_step"] = *result.failed_step;
  std::string bytes;
  nlohmann::json::to_cbor(json, bytes);  // takes strings that are no UTF-8
  return bytes;
}

ScenarioResult unpack(std::string_view bytes) {
  try {
    const auto json = nlohmann::json::from_cbor(bytes);
    ScenarioResult result;
    json.at("name").get_to(result.name);
    json.at("file").get_to(result.file);
    json.at("outcome").get_to(result.outcome);
    json.at("reason").get_to(result.reason);
    json.at("log").get_to(result.log);
    json.at("trace").get_to(result.trace);
    json.at("answers").get_to(result.answers);
    if (json.contains("failed_step")) result.failed_step = json["failed_step"].get<FailedStep>();
    return result;
  } catch (const nlohmann::json::exception& error) {
    throw std::runtime_error(error.what());
  }
}

}  // namespace host
}  // namespace noiommu::scenarios
